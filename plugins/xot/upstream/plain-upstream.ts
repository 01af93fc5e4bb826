/**
 * A primary by plain TCP: transfers on connections of their own (primary.ts), everything else on one connection for all
 * (primary-queries.ts). With a key every message is signed, and nothing counts that the primary has not signed (RFC 8945).
 *
 * Limitations: nothing keeps others on the way from reading it: keep the primary on loopback.
 */
import { formatEndpoint, signQuery, TsigVerifier, type Endpoint, type TsigKey } from '../../../core/index.ts';
import type { TransferLimits } from '../limits.ts';
import { PrimaryQueries } from './primary-queries.ts';
import { PrimaryPool, type PrimaryConnection } from './primary.ts';
import { TsigSeal, takenFor } from './tsig-seal.ts';
import { UpstreamError, type Upstream, type UpstreamStream } from './upstream.ts';

type Times = Pick<TransferLimits, 'primary-connect-time' | 'primary-answer-time'>;

/** What messages are signed with. */
export interface Signing {
  readonly key: TsigKey;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export class PlainUpstream implements Upstream {
  readonly label: string;
  readonly #times: Times;
  readonly #pool: PrimaryPool;
  readonly #queries: PrimaryQueries;
  readonly #signing: Signing | undefined;

  /** Connects to nobody yet. Without `signing` messages go as they are, and come as they are. */
  constructor(primary: Endpoint, times: Times, signing?: Signing) {
    this.label = `primary ${formatEndpoint(primary)}`;
    this.#times = times;
    this.#signing = signing;
    this.#pool = new PrimaryPool(primary);
    this.#queries = new PrimaryQueries(primary, signing && (() => new TsigSeal(this.label, signing)));
  }

  ask(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    return this.#queries.ask(message, this.#times, signal);
  }

  transfer(query: Buffer, signal: AbortSignal): UpstreamStream {
    return new PlainTransfer(query, {
      label: this.label,
      pool: this.#pool,
      times: this.#times,
      signing: this.#signing,
      signal,
    });
  }

  close(): void {
    this.#pool.close();
    this.#queries.close();
  }
}

interface TransferMeans {
  readonly label: string;
  readonly pool: PrimaryPool;
  readonly times: Times;
  readonly signing: Signing | undefined;
  readonly signal: AbortSignal;
}

/** A connection that is answering, and what it has answered last. */
interface Opened {
  readonly connection: PrimaryConnection;
  readonly messages: readonly Buffer[];
}

class PlainTransfer implements UpstreamStream {
  framed: Buffer | undefined;
  readonly #query: Buffer;
  readonly #means: TransferMeans;
  #verifier: TsigVerifier | undefined;
  #isFinished = false;

  constructor(query: Buffer, means: TransferMeans) {
    this.#query = query;
    this.#means = means;
  }

  finish(): void {
    const verifier = this.#verifier;
    if (verifier !== undefined) {
      takenFor(this.#means.label, () => {
        verifier.end();
      });
    }
    this.#isFinished = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Buffer[], void, undefined> {
    let connection: PrimaryConnection | undefined;
    try {
      const opened = await this.#open();
      connection = opened.connection;
      for (let { messages } = opened; ; messages = await this.#read(connection)) {
        yield messages;
        if (this.#isFinished) return;
      }
    } finally {
      // An answer that was not read to its end leaves its rest on the connection: nobody else may have that.
      if (this.#isFinished && connection !== undefined) this.#means.pool.give(connection);
      else connection?.destroy();
    }
  }

  /** Sends the query and waits for the first messages; once more on a new connection if a rested one was closed. */
  async #open(): Promise<Opened> {
    const { pool, times, signal } = this.#means;
    for (let fresh = false; ; fresh = true) {
      const connection = await pool.take(times['primary-connect-time'], fresh, signal);
      try {
        connection.send(this.#sealed());
        return { connection, messages: await this.#read(connection) };
      } catch (error) {
        connection.destroy();
        if (!(error instanceof UpstreamError && error.stale) || fresh) throw error;
      }
    }
  }

  #sealed(): Buffer {
    const { signing } = this.#means;
    if (signing === undefined) return this.#query;
    const { message, mac } = signQuery(this.#query, signing.key, Math.floor(signing.nowMs() / 1000));
    this.#verifier = new TsigVerifier(signing.key, mac);
    return message;
  }

  async #read(connection: PrimaryConnection): Promise<readonly Buffer[]> {
    const { times, signal, signing, label } = this.#means;
    const { messages, framed } = await connection.read(times['primary-answer-time'], signal);
    const verifier = this.#verifier;
    if (signing === undefined || verifier === undefined) {
      this.framed = framed;
      return messages;
    }
    const nowSeconds = signing.nowMs() / 1000;
    return takenFor(label, () => messages.map((message) => verifier.take(message, nowSeconds)));
  }
}
