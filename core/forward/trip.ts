/**
 * One query on its way to one server. A forwarder makes it, sockets and connections carry it, and it comes back once: with an
 * answer, or with the words for why there is none.
 */
import type { FailureKind } from '../dns/failure.ts';
import type { ForwardedClient } from './server.ts';

/** Who carries a trip at the moment. */
export interface Carrier {
  /** Nobody waits for it any more. */
  drop(trip: Trip): void;
}

/** By UDP, or over a connection. */
export type Way = 'udp' | 'stream';

export abstract class Trip {
  /** A whole message. It is not written to. */
  readonly query: Buffer;
  /** Where the question in it ends. */
  readonly end: number;
  /** Who asks, for PROXY v2. */
  readonly client: ForwardedClient | undefined;
  /** How it is going. */
  way: Way = 'stream';
  carrier: Carrier | undefined = undefined;
  /** The carrier's own mark. */
  place = 0;
  /** What the carrier had heard when it took it. */
  heardBefore = 0;
  isSent = false;
  /** Connections that were lost under it, weighed. */
  losses = 0;

  constructor(query: Buffer, end: number, client?: ForwardedClient) {
    this.query = query;
    this.end = end;
    this.client = client;
  }

  /** The answer has an ID of the carrier's. */
  abstract arrive(answer: Buffer): void;

  abstract fail(why: string, kind: FailureKind): void;

  /** Nobody waits for it any more: neither `arrive` nor `fail` will be called. */
  drop(): void {
    const { carrier } = this;
    this.carrier = undefined;
    carrier?.drop(this);
  }
}
