/** Resolvers and strangers who ask over TLS, in a process of their own (resolver-load-process.ts). */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Connections, and what is asked over them. */
export interface LoadShape {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** Who they are, in turn; none: clients without a certificate. */
  readonly clients: readonly { readonly certificatePem: string; readonly privateKeyPem: string }[];
  /** Where they come from, in turn. */
  readonly localAddresses: readonly string[];
  /** Asked is for the address of XXXXXXXX.zone, X being digits of the numbers from `firstName` on, up to `names`, and again. */
  readonly zone: string;
  readonly firstName: number;
  readonly names: number;
}

export interface LoadOrder {
  readonly durationMs: number;
  /** Queries of all connections together, at random moments; 0: as many as are taken. */
  readonly perSecond: number;
  /** Queries that leave together. */
  readonly perWrite: number;
  /** For what is missing at the end. */
  readonly waitMs: number;
}

export interface LoadReport {
  readonly asked: number;
  /** NOERROR, with a record. */
  readonly answered: number;
  readonly refused: number;
  readonly other: number;
  /** Connections that are not open any more. */
  readonly closed: number;
  /** Of the answers, from when the query left the program. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly cpuMs: number;
}

const file = fileURLToPath(new URL('./resolver-load-process.ts', import.meta.url));

export class ResolverLoad {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all connections are there. */
  static async open(shape: LoadShape): Promise<ResolverLoad> {
    const load = new ResolverLoad(fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    try {
      await load.#tell(shape);
      return load;
    } catch (error) {
      await load.close();
      throw error;
    }
  }

  async run(order: LoadOrder): Promise<LoadReport> {
    return (await this.#tell(order)) as LoadReport;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }

  async #tell(order: LoadShape | LoadOrder): Promise<unknown> {
    const done = new AbortController();
    const { signal } = done;
    const told = once(this.#child, 'message', { signal });
    const exited = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('the load ended before it was done');
    });
    // One of the two comes; the other is given up.
    for (const promise of [exited, told]) promise.catch(() => undefined);
    this.#child.send(order);
    try {
      const [report] = (await Promise.race([told, exited])) as [unknown];
      return report;
    } finally {
      done.abort();
    }
  }
}

/** For people who watch. */
export function describeLoad({
  asked,
  answered,
  refused,
  closed,
  medianMs,
  p99Ms,
  mostMs,
  cpuMs,
}: LoadReport): string {
  const part = ((100 * answered) / asked).toFixed(2);
  const times = [medianMs, p99Ms, mostMs].map((ms) => ms.toFixed(1)).join('/');
  return `${asked} asked, ${answered} answered (${part} %), ${refused} refused, ${closed} closed; median/p99/most ${times} ms; CPU ${cpuMs.toFixed(0)} ms`;
}
