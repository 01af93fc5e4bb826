/**
 * The load: load.c, compiled with the OpenSSL of the newer Debian and run on the CPU of the load. It opens its connections,
 * then takes orders, so that what the opening costs is not in the figures.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { Name } from '../../core/dns/name.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import { runProgram } from '../../test/support/peers/test-bed.ts';
import { loadCpu, pinned, preferred } from '../processes.ts';
import type { CommandLine, Trixie } from '../trixie.ts';

/** What one order to the load gave. */
export interface LoadResult {
  /** Each NOERROR, with a record, to its question. */
  readonly answers: number;
  readonly failures: number;
  readonly seconds: number;
  /** What the load itself has used. */
  readonly cpuSeconds: number;
  /** From the moment a query was due to its answer. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Empty if there was none. */
  readonly firstFailure: string;
}

/** The connections of one load. */
export interface LoadShape {
  readonly port: number;
  readonly connections: number;
  /** Queries outstanding on each, at most. */
  readonly outstanding: number;
  /** How many names are asked for in turn; 0: never one twice. */
  readonly names: number;
}

/** A member whom the load can be. */
export interface LoadClient {
  /** Presentation format without the dot at the end. */
  readonly name: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Milliseconds for an order beyond its time; load.c waits 10 s for what does not come. */
const graceMs = 60_000;
/** Names that one load can ask for before it would come to those of the next. */
const namesOfLoad = 1 << 24;

export class DotLoad {
  readonly #line: (shape: LoadShape) => CommandLine;

  private constructor(line: (shape: LoadShape) => CommandLine) {
    this.#line = line;
  }

  /**
   * Compiles it. Throws with the compiler's words.
   *
   * @param zone all names that are asked for are below it
   */
  static async build(trixie: Trixie, clients: readonly LoadClient[], zone: Name): Promise<DotLoad> {
    const text = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
    trixie.write('members.h', text('./members.h'));
    const source = trixie.write('dot-load.c', text('./load.c'));
    const program = trixie.path('dot-load');
    const args = ['-O2', '-Wall', '-Wextra', '-o', program, source, '-lssl', '-lcrypto', '-lm'];
    const { status, stderr } = await runProgram(...trixie.inside('/usr/bin/gcc', args));
    if (status !== 0) throw new Error(`bench/dot/load.c does not compile:\n${stderr}`);
    const lines = clients.map(({ name, certificatePem, privateKeyPem }, index) => {
      const certificate = trixie.write(`member-${String(index)}.pem`, certificatePem);
      return `${name} ${certificate} ${trixie.write(`member-${String(index)}.key`, privateKeyPem)}\n`;
    });
    const separately = process.env['DANCED_BENCH_WRITES'] === 'each' ? ['-e'] : [];
    const who = [
      ...separately,
      '-I',
      trixie.write('members', lines.join('')),
      '-t',
      String(defaultExtensionType),
    ];
    let loads = 0;
    return new DotLoad(({ port, connections, outstanding, names }) => {
      const numbers = ['-p', String(port), '-c', String(connections), '-w', String(outstanding)];
      const asked = [
        '-z',
        zone.wire.toString('hex'),
        '-N',
        String(names),
        '-f',
        String(loads++ * namesOfLoad),
      ];
      return trixie.inside(program, [...numbers, ...who, ...asked]);
    });
  }

  /** Opens the connections; each has asked one query when this resolves. */
  async open(shape: LoadShape): Promise<OpenLoad> {
    const [command, args] = pinned(loadCpu, ...preferred(this.#line(shape)));
    const load = new OpenLoad(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }), shape);
    await load.opened;
    return load;
  }
}

/** Connections that stay open until they are closed. Each order throws when something fails: the figures would be those of something else. */
export class OpenLoad {
  readonly opened: Promise<LoadResult>;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #shape: LoadShape;

  constructor(child: ChildProcess, shape: LoadShape) {
    this.#child = child;
    this.#shape = shape;
    if (child.stdout === null) throw new Error('the load has no output');
    this.#lines = createInterface(child.stdout);
    this.opened = this.#answer(0);
  }

  /** Asks so long: as fast as answers come, or so many queries a second. */
  run(seconds: number, queriesPerSecond = 0): Promise<LoadResult> {
    this.#child.stdin?.write(`run ${String(seconds)} ${String(queriesPerSecond)}\n`);
    return this.#answer(seconds);
  }

  /** Asks one query on every connection. */
  each(): Promise<LoadResult> {
    this.#child.stdin?.write('each\n');
    return this.#answer(0);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #answer(seconds: number): Promise<LoadResult> {
    const done = new AbortController();
    const signal = AbortSignal.any([AbortSignal.timeout(seconds * 1000 + graceMs), done.signal]);
    const line = once(this.#lines, 'line', { signal });
    const ended = once(this.#lines, 'close', { signal });
    // Only one of the two comes; the other is given up.
    for (const promise of [line, ended]) promise.catch(() => undefined);
    const [text] = (await Promise.race([line, ended])) as [string?];
    done.abort();
    if (text === undefined) throw new Error('the load ended without a result');
    const result = JSON.parse(text) as LoadResult;
    if (result.failures === 0) return result;
    const { port, connections } = this.#shape;
    throw new Error(
      `${String(connections)} connections to port ${String(port)}: ${String(result.answers)} answers and ${String(result.failures)} failures, first: ${result.firstFailure}`,
    );
  }
}
