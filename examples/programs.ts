/**
 * What the examples do alike: they start danced with a configuration, and other name servers beside it, print what is to be
 * seen, and stay up until Ctrl-C.
 *
 * Limitations: for programs that end soon after. What cannot be started ends the process, and what stands already with it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../cli/daemon.ts';
import { loadConfigAndPlugins } from '../cli/plugins.ts';
import { createLog } from '../core/observe/log.ts';

/** Milliseconds for a program to listen. */
const startTimeMs = 10_000;

/** Something to try: words, and commands for a shell in the folder of the example. */
export interface Trial {
  readonly words: string;
  readonly commands: readonly string[];
}

/** A file that configurations of the folder name, in its run/. */
export function writeRunFile(folder: string, name: string, text: string): void {
  try {
    writeFileSync(join(folder, 'run', name), text);
  } catch (error) {
    stop(error);
  }
}

/** As `danced run -c FILE` does. */
export async function startDaemon(folder: string, file: string): Promise<Daemon> {
  try {
    const loaded = await loadConfigAndPlugins(join(folder, file));
    const { level, format } = loaded.config.observe;
    return await Daemon.start({ loaded, log: createLog({ level, format }) });
  } catch (error) {
    return stop(error);
  }
}

/** A name server with its configuration of the folder, when it listens on its port of 127.0.0.1. */
export async function startProgram(
  folder: string,
  [program, ...args]: readonly [program: string, ...args: string[]],
  {
    port,
    name = program,
    role = '',
  }: { readonly port: number; readonly name?: string; readonly role?: string },
): Promise<ChildProcess> {
  // Servers live in sbin, which a plain user's PATH leaves out.
  const path = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin'].join(delimiter);
  const env = { ...process.env, PATH: path };
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', () => stop(new Error(`${name} is not installed${role}: apt-get install ${program}`)));
  process.once('exit', () => child.kill());
  const until = Date.now() + startTimeMs;
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null || Date.now() > until) stop(new Error(`${name} does not start`));
    await sleep(50);
  }
  return child;
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** What can be mended, as a port in use, in words; the servers that stand already end with the process. */
export function stop(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}

/** In columns, the first row as their heads. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widthOf(column))).join('  '));
  process.stdout.write(`\n${lines.map((line) => line.trimEnd()).join('\n')}\n`);
}

/** Prints what listens where, what to try meanwhile, whose log follows, and how it ends. */
export function printTrials(
  folder: string,
  { parties, trials, logs }: { parties: readonly string[]; trials: readonly Trial[]; logs: string },
): void {
  const lines = [
    ...parties,
    'Try in another terminal:',
    `  cd ${relative(process.cwd(), folder) || '.'}`,
    ...trials.flatMap(({ words, commands }) => ['', words, ...commands.map((command) => `  ${command}`)]),
    '',
    `Change access.yaml meanwhile: it counts at once. ${logs}; Ctrl-C ends everything.`,
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Waits for Ctrl-C, or for SIGTERM. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
