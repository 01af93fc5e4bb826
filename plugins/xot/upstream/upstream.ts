/**
 * A server that zones come from, as everything of xot sees it: it answers one message by one (SOA, NOTIFY, UPDATE), or by a
 * stream of messages (AXFR, IXFR). Types, and the error of all of them.
 *
 * Limitations: what an answer says is judged by who asked; here it is only made sure that it is an answer, from that server.
 */
import type { FailureKind } from '../../../core/index.ts';

/** One server, or a list of servers of which the first that answers is taken. */
export interface Upstream {
  /** As logs and errors call it: `primary 127.0.0.1:53`, `gate 192.0.2.1:853#xfr.example`. */
  readonly label: string;
  /**
   * Sends a message and gives the one that answers it: with the ID of the message, the same opcode and the same question (an error
   * or an answer to UPDATE may lack it), and without the TSIG record, which has been checked. Nothing else of it is looked at.
   * Rejects with UpstreamError, or with the reason of the signal.
   *
   * @param message without length and TSIG; it is not written to
   */
  ask(message: Buffer, signal: AbortSignal): Promise<Buffer>;
  /** Sends the query of a transfer and gives what comes. Nothing is sent until the first batch is asked for. */
  transfer(query: Buffer, signal: AbortSignal): UpstreamStream;
  /** Keeps no connections any more; what is under way comes to its end. */
  close(): void;
}

/**
 * Messages of a transfer in their order, in batches of those that came together, each of at least one. They have the ID of the
 * query, TSIG has been checked and taken off, and nothing else is judged, not even whether they answer the question. A slow reader
 * holds the server back. The messages are the reader's: they are not written to again.
 *
 * Where TSIG is used, a server may leave up to 99 messages unsigned; what came after the last signature counts only when
 * `finish` has not thrown.
 *
 * Iterate once. Rejects with UpstreamError, or with the reason of the signal. Leaving the loop drops the connection, unless
 * `finish` was called.
 */
export interface UpstreamStream extends AsyncIterable<readonly Buffer[]> {
  /**
   * The batch that was given last as it lies in memory, where that is so: its messages one after the other, each with its two
   * octets of length before it. Undefined where they do not lie so, and before the first batch.
   */
  readonly framed: Buffer | undefined;
  /**
   * Says that the last message of the batch that was given last ends the transfer: the connection may serve for the next. Call it
   * before that message is used. Throws UpstreamError if that message is not signed and had to be.
   */
  finish(): void;
}

/** What went wrong at the server, with what kind of failure it is for who asked us (core/dns/failure.ts). */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code = 'XOT_UPSTREAM';
  readonly blame = 'upstream';
  readonly kind: FailureKind;
  /** Whether the connection had been used before, and the server closed it before it answered. */
  readonly stale: boolean;

  /** `words` name the server, and are for the log: who asks us may not have to know where it is. */
  constructor(kind: FailureKind, words: string, stale = false, cause?: unknown) {
    super(words, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.stale = stale;
  }

  /** What the message says. */
  get words(): string {
    return this.message;
  }
}
