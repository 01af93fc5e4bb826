/**
 * A temporary folder and the programs that run in it: what a test against real servers stands on. `close()` stops
 * every program that was started, and removes the folder.
 *
 * Every wait has a bound, and what a wait throws ends with what the program last said.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, packageOf, type Program } from './programs.ts';

/** What a program that ended said. */
export interface ProgramRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

const pollMs = 50;
const startTimeMs = 40_000;
const stopTimeMs = 5_000;
/** Lines of a program's log in a failure. */
const tailLines = 40;

export class TestBed {
  readonly #running = new Set<RunningProgram>();
  #directory: string | undefined;
  /** The servers are in process groups of their own, so that a test run that is cut short must end them itself. */
  readonly #onExit = (): void => {
    for (const program of this.#running) program.kill();
    this.#removeDirectory();
  };

  /** The folder, made when it is first asked for. */
  get directory(): string {
    if (this.#directory === undefined) {
      this.#directory = mkdtempSync(join(tmpdir(), 'danced-'));
      process.once('exit', this.#onExit);
    }
    return this.#directory;
  }

  /** Writes a file below the folder, making the folders on the way; gives its full path. */
  write(name: string, text: string | Buffer, mode = 0o644): string {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }

  /** Makes a folder below the folder; gives its full path. */
  folder(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Starts a program that goes on running; `logFile` is where it writes besides its output. */
  start(command: string, args: readonly string[], logFile?: string): RunningProgram {
    const program = new RunningProgram(command, args, this.directory, logFile);
    this.#running.add(program);
    return program;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.stop()));
    this.#running.clear();
    process.removeListener('exit', this.#onExit);
    this.#removeDirectory();
  }

  #removeDirectory(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }
}

/** A program under way, with all that it has said. */
export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #logFile: string | undefined;
  #output = '';
  #ended = false;

  constructor(command: string, args: readonly string[], cwd: string, logFile: string | undefined) {
    this.#command = command;
    this.#logFile = logFile;
    this.#child = spawn(command, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child.once('exit', (status, signal) => {
      this.#ended = true;
      this.#output += `\n[${command} ended: ${signal ?? `status ${String(status)}`}]\n`;
    });
    this.#child.once('error', (error) => {
      this.#ended = true;
      this.#output += `\n[${command}: ${error.message}]\n`;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Everything that it has written: output, then the log file. */
  get log(): string {
    let file = '';
    try {
      if (this.#logFile !== undefined) file = readFileSync(this.#logFile, 'utf8');
    } catch {
      // Not written yet.
    }
    return this.#output + file;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the condition holds. Throws with the log when the program ends or the time is over. */
  async waitFor(
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = startTimeMs,
  ): Promise<void> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      if (await condition()) return;
      if (this.#ended || Date.now() > until) {
        const tail = this.log.trimEnd().split('\n').slice(-tailLines).join('\n');
        throw new Error(
          `${this.#command}: ${this.#ended ? 'ended' : 'too slow'} before ${what}; its log ends:\n${tail}`,
        );
      }
      await sleep(pollMs);
    }
  }

  /** Waits for a TCP port of 127.0.0.1 to take connections. */
  async waitForPort(port: number, timeoutMs = startTimeMs): Promise<void> {
    await this.waitFor(`listening on port ${port}`, () => takesConnections(port), timeoutMs);
  }

  /** Asks it to end, and after a while makes it. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#child, 'exit');
    this.signal('SIGTERM');
    const inTime = await Promise.race([ended.then(() => true), sleep(stopTimeMs, false, { ref: false })]);
    if (!inTime) {
      this.kill();
      await ended;
    }
  }

  /** Ends it and its children at once. */
  kill(): void {
    this.signalAll('SIGKILL');
  }

  /** To it and its children. */
  signalAll(signal: NodeJS.Signals): void {
    if (this.#ended || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** The path of a program of others. Throws with the package to install when it is not there. */
export function pathOf(program: Program): string {
  const path = findProgram(program);
  if (path === undefined)
    throw new Error(`${program} is not installed (package ${packageOf[program]}): npm run peers`);
  return path;
}

/** Runs a program to its end; an exit status other than 0 is the caller's to judge. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramRun> {
  const { timeoutMs = 30_000, cwd } = options;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    ...(cwd !== undefined && { cwd }),
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

/** A port of 127.0.0.1 that is free for UDP and TCP at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const isFree = await isFreeForUdp(port);
    server.close();
    await once(server, 'close');
    if (isFree) return port;
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    const bound = once(socket, 'listening');
    socket.bind(port, '127.0.0.1');
    await bound;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
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
