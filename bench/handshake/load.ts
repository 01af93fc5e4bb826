/**
 * The load: load.c, compiled with the OpenSSL of the newer Debian and run on the CPU of the load.
 */
import { readFileSync } from 'node:fs';
import { encodeMessage, makeQuery } from '../../core/dns/message.ts';
import { RrType } from '../../core/dns/constants.ts';
import type { Name } from '../../core/dns/name.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import { runProgram } from '../../test/support/peers/test-bed.ts';
import { loadCpu, pinned } from '../processes.ts';
import type { CommandLine, Trixie } from '../trixie.ts';

/** What one run of the load found. */
export interface LoadResult {
  /** Connections that got their answer. */
  readonly handshakes: number;
  readonly failures: number;
  readonly seconds: number;
  /** Of the handshakes, those with a raw public key. */
  readonly rawKeys: number;
  /** Certificate messages that carried our name. */
  readonly named: number;
  /** From connect to the whole answer, in milliseconds. */
  readonly meanMs: number;
  readonly medianMs: number;
  /** Empty if there was none. */
  readonly firstFailure: string;
}

/** What a run of the load does. */
export interface LoadOrder {
  readonly port: number;
  /** Connections at a time. */
  readonly concurrency: number;
  readonly seconds: number;
  readonly rawKey?: boolean;
}

/** Who the load is, and what it asks. */
export interface LoadClient {
  /** Presentation format without the dot at the end. */
  readonly name: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  /** The zone whose SOA record is asked for. */
  readonly zone: Name;
}

/** Milliseconds for a run beyond its time; load.c gives a connection 5 s. */
const graceMs = 10_000;

export class Load {
  readonly #line: (order: LoadOrder) => CommandLine;

  private constructor(line: (order: LoadOrder) => CommandLine) {
    this.#line = line;
  }

  /** Compiles it. Throws with the compiler's words. */
  static async build(trixie: Trixie, client: LoadClient): Promise<Load> {
    const source = trixie.write('load.c', readFileSync(new URL('./load.c', import.meta.url), 'utf8'));
    const program = trixie.path('load');
    const args = ['-O2', '-Wall', '-Wextra', '-o', program, source, '-lssl', '-lcrypto'];
    const { status, stderr } = await runProgram(...trixie.inside('/usr/bin/gcc', args));
    if (status !== 0) throw new Error(`bench/handshake/load.c does not compile:\n${stderr}`);
    const certificate = trixie.write('client.pem', client.certificatePem);
    const key = trixie.write('client.key', client.keyPem);
    const query = encodeMessage(makeQuery({ id: 0x1d1d, name: client.zone, type: RrType.SOA, rd: false }));
    return new Load(({ port, concurrency, seconds, rawKey = false }) => {
      const numbers = ['-p', String(port), '-c', String(concurrency), '-s', String(seconds)];
      const identity = ['-C', certificate, '-K', key, '-n', client.name, '-t', String(defaultExtensionType)];
      const rest = ['-q', query.toString('hex'), ...(rawKey ? ['-r'] : [])];
      return trixie.inside(program, [...numbers, ...identity, ...rest]);
    });
  }

  /** Throws when a connection fails: then the figures would be those of something else. */
  async run(order: LoadOrder): Promise<LoadResult> {
    const result = await this.#run(order);
    const { handshakes, failures, firstFailure } = result;
    if (failures > 0 || handshakes === 0)
      throw new Error(
        `of the connections to port ${String(order.port)}, ${String(handshakes)} were answered and ${String(failures)} failed, first with: ${firstFailure}`,
      );
    return result;
  }

  /** Tries a raw public key, as the only thing offered; says why the server does not take it, if it does not. */
  async whyNoRawKey(port: number): Promise<string | undefined> {
    const order = { port, concurrency: 1, seconds: 0.001, rawKey: true };
    const { handshakes, rawKeys, firstFailure } = await this.#run(order);
    if (handshakes === 0) return firstFailure;
    return rawKeys > 0 ? undefined : 'it asks for a certificate instead';
  }

  async #run(order: LoadOrder): Promise<LoadResult> {
    const [command, args] = pinned(loadCpu, ...this.#line(order));
    const timeoutMs = order.seconds * 1000 + graceMs;
    const { status, stdout, stderr } = await runProgram(command, args, { timeoutMs });
    if (status !== 0) throw new Error(`the load ended with ${String(status)}: ${stderr}`);
    return JSON.parse(stdout) as LoadResult;
  }
}
