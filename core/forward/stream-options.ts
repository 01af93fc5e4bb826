/** What a connection to a resolver is made with, and how it ends. */
import type { FailureKind } from '../dns/failure.ts';
import type { StreamTransport } from '../resolver/upstream/stream.ts';
import type { ForwardLimits } from './limits.ts';
import type { Trip } from './trip.ts';

/** How a connection ended. */
export interface StreamEnd {
  readonly why: string;
  /** Of the queries that are lost. */
  readonly kind: FailureKind;
  /** Queries that were not answered and somebody waits for. */
  readonly lost: readonly Trip[];
  readonly wasOpen: boolean;
  /** It was not we who closed it. */
  readonly byServer: boolean;
}

export interface StreamOptions {
  /** The server, as errors call it. */
  readonly who: string;
  readonly transport: StreamTransport;
  readonly limits: ForwardLimits;
  /** What goes before the first query. */
  readonly preamble: Buffer | undefined;
  /** Queries that it takes in its whole life. */
  readonly life: number;
  /** An answer came. */
  readonly onAnswer: () => void;
  /** There may be room for queries that wait. */
  readonly onRoom: () => void;
  readonly onEnd: (end: StreamEnd) => void;
}
