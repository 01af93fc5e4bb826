/**
 * The load: load.c, compiled with the OpenSSL of the newer Debian and run on the CPU of the load, one process for each order.
 */
import { readFileSync } from 'node:fs';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import { runProgram } from '../../test/support/peers/test-bed.ts';
import { loadCpu, pinned, preferred } from '../processes.ts';
import type { CommandLine, Trixie } from '../trixie.ts';

/** A secondary that the load can be. */
export interface Secondary {
  /** Presentation format without the dot at the end. */
  readonly name: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** What is asked of whom. */
export interface TransferOrder {
  readonly port: number;
  readonly zone: string;
  /** IXFR from this serial; AXFR if not said. */
  readonly fromSerial?: number;
  /** TLS with the secondaries' certificates, or plain TCP. */
  readonly transport?: 'tls' | 'tcp';
  /** At once; 1 if not said. */
  readonly connections?: number;
  /** How often each connection asks, one after the other; 1 if not said. */
  readonly asks?: number;
  /** How often all of it is done, each time with new connections; 1 if not said. */
  readonly times?: number;
}

/** One transfer, in seconds. */
export interface Transfer {
  /** To the end of the handshake; 0 if the connection was open already. */
  readonly connect: number;
  /** From the query to the first octet, and to the last. */
  readonly first: number;
  readonly last: number;
  /** With both SOA records. */
  readonly records: number;
  readonly messages: number;
  /** With the length before each message, without TLS. */
  readonly octets: number;
  readonly serial: number;
}

export interface LoadResult {
  /** Empty if there was none. */
  readonly failure: string;
  /** What the load itself has used. */
  readonly cpuSeconds: number;
  /** In the order in which they have ended. */
  readonly transfers: readonly Transfer[];
}

/** Milliseconds for an order; load.c ends itself when nothing comes for two minutes. */
const orderTimeMs = 10 * 60_000;

export class TransferLoad {
  readonly #line: (args: readonly string[]) => CommandLine;
  readonly #identities: readonly string[];

  private constructor(line: (args: readonly string[]) => CommandLine, identities: readonly string[]) {
    this.#line = line;
    this.#identities = identities;
  }

  /** Compiles it. Throws with the compiler's words. */
  static async build(trixie: Trixie, secondaries: readonly Secondary[]): Promise<TransferLoad> {
    const text = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
    trixie.write('members.h', text('../dot/members.h'));
    trixie.write('answer.h', text('./answer.h'));
    const source = trixie.write('xfr-load.c', text('./load.c'));
    const program = trixie.path('xfr-load');
    const args = ['-O2', '-Wall', '-Wextra', '-o', program, source, '-lssl', '-lcrypto'];
    const { status, stderr } = await runProgram(...trixie.inside('/usr/bin/gcc', args));
    if (status !== 0) throw new Error(`bench/xfr/load.c does not compile:\n${stderr}`);
    const lines = secondaries.map(({ name, certificatePem, privateKeyPem }, index) => {
      const certificate = trixie.write(`secondary-${String(index)}.pem`, certificatePem);
      return `${name} ${certificate} ${trixie.write(`secondary-${String(index)}.key`, privateKeyPem)}\n`;
    });
    const identities = [
      '-I',
      trixie.write('secondaries', lines.join('')),
      '-t',
      String(defaultExtensionType),
    ];
    return new TransferLoad((words) => trixie.inside(program, words), identities);
  }

  /** Throws when anything fails: the figures would be those of something else. */
  async transfer(order: TransferOrder): Promise<LoadResult> {
    const { port, zone, fromSerial, transport = 'tls', connections = 1, asks = 1, times = 1 } = order;
    const type = fromSerial === undefined ? ['-q', String(RrType.AXFR)] : ['-q', String(RrType.IXFR)];
    const numbers = ['-n', String(connections), '-a', String(asks), '-r', String(times)];
    const from = fromSerial === undefined ? [] : ['-s', String(fromSerial)];
    const result = await this.#run({ port, zone, transport }, [...type, ...from, ...numbers]);
    const wanted = connections * asks * times;
    if (result.failure !== '' || result.transfers.length !== wanted)
      throw new Error(
        `${String(result.transfers.length)} of ${String(wanted)} transfers from port ${String(port)}, failure: ${result.failure}`,
      );
    return result;
  }

  /** Asks for the SOA record until it has the serial; connections that are refused are tried again. Throws when the time is over. */
  async waitForSerial(
    { port, zone, transport = 'tls' }: Pick<TransferOrder, 'port' | 'zone' | 'transport'>,
    serial: number,
    seconds = 60,
  ): Promise<void> {
    const args = ['-q', String(RrType.SOA), '-s', String(serial), '-w', String(seconds)];
    const { failure } = await this.#run({ port, zone, transport }, args);
    if (failure !== '')
      throw new Error(
        `port ${String(port)} does not serve ${zone} with serial ${String(serial)}: ${failure}`,
      );
  }

  async #run(
    { port, zone, transport }: Required<Pick<TransferOrder, 'port' | 'zone' | 'transport'>>,
    args: readonly string[],
  ): Promise<LoadResult> {
    const where = ['-p', String(port), '-z', Name.parse(zone).wire.toString('hex')];
    const who = transport === 'tls' ? this.#identities : [];
    const [command, words] = pinned(loadCpu, ...preferred(this.#line([...where, ...who, ...args])));
    const { status, stdout, stderr } = await runProgram(command, words, { timeoutMs: orderTimeMs });
    if (status !== 0) throw new Error(`the load ended with ${String(status)}: ${stderr}`);
    return JSON.parse(stdout) as LoadResult;
  }
}
