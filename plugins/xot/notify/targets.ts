/**
 * The servers that are told of changes: plain ones by UDP, and by TCP where UDP does not get there; others over TLS, proved
 * and with our certificate (RFC 9103 section 7.4 has NOTIFY in clear; between gates and agents it need not be).
 *
 * Limitations: one source address for all plain messages; no TSIG.
 */
import { formatEndpoint, type Endpoint, type Name } from '../../../core/index.ts';
import { exchangeByTcp, exchangeByUdp, NoReply } from './exchange.ts';
import { readNotifyAnswer } from './message.ts';

/** One message that is said, again and again if need be. */
export interface Telling {
  readonly zone: Name;
  /** From 1. */
  readonly tries: number;
  /** Whether it is known that UDP does not get there; a target may set it. */
  udpIsOver: boolean;
}

/** A server that is told. */
export interface NotifyTarget {
  /** For logs. */
  readonly label: string;
  /**
   * Says it once; gives the response code of the answer. Rejects when there is none.
   *
   * @param timeMs how long to wait by UDP; a stream that is to be opened first may take longer
   */
  tell(message: Buffer, telling: Telling, timeMs: number, signal: AbortSignal): Promise<number>;
  close(): void;
}

/**
 * Silent tries by UDP before TCP is tried, and from then on both in turn: something between may let TCP through alone
 * (RFC 1996 section 3.4).
 */
const udpTries = 2;
/** Opening a stream may take a lookup and a handshake; RFC 1996 section 3.6 allows a minute. */
const streamTimeMs = 20_000;

/** A server that is told in clear. */
export class PlainTarget implements NotifyTarget {
  readonly label: string;
  readonly #server: Endpoint;
  readonly #source: string | undefined;

  /** @param source the address to send from; the kernel chooses if absent */
  constructor(server: Endpoint, source?: string) {
    this.label = formatEndpoint(server);
    this.#server = server;
    this.#source = source;
  }

  async tell(message: Buffer, telling: Telling, timeMs: number, signal: AbortSignal): Promise<number> {
    const { zone } = telling;
    const read = (octets: Buffer): number | undefined => readNotifyAnswer(octets, message, zone);
    const options = { server: this.#server, source: this.#source, message, signal, read };
    if (!telling.udpIsOver && (telling.tries <= udpTries || telling.tries % 2 === 0)) {
      try {
        return await exchangeByUdp({ ...options, timeMs });
      } catch (error) {
        if (!(error instanceof NoReply && error.isUnreachable) || signal.aborted) throw error;
        telling.udpIsOver = true;
      }
    }
    return exchangeByTcp({ ...options, timeMs: Math.max(timeMs, streamTimeMs) });
  }

  close(): void {
    // Each message has a socket of its own, and a signal that ends it.
  }
}

/** What a message can be put to, and its answer gotten from. */
export interface Asking {
  readonly label: string;
  ask(message: Buffer, signal: AbortSignal): Promise<Buffer>;
  close(): void;
}

/** A server that is told over TLS. */
export class TlsTarget implements NotifyTarget {
  readonly label: string;
  readonly #upstream: Asking;

  /** @param upstream is closed with the target */
  constructor(upstream: Asking) {
    this.label = upstream.label;
    this.#upstream = upstream;
  }

  async tell(message: Buffer, { zone }: Telling, timeMs: number, signal: AbortSignal): Promise<number> {
    const ends = new AbortController();
    const end = (): void => {
      ends.abort();
    };
    const timer = setTimeout(end, Math.max(timeMs, streamTimeMs));
    signal.addEventListener('abort', end);
    try {
      const octets = await this.#upstream.ask(message, ends.signal);
      const rcode = readNotifyAnswer(octets, message, zone);
      if (rcode === undefined) throw new NoReply(`${this.label} sent what is no answer`);
      return rcode;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  close(): void {
    this.#upstream.close();
  }
}
