/** What a plain DNS listener gives to whoever answers, and gets back. */

/** Where a request came from. */
export interface PlainSource {
  /** Address and port, as `127.0.0.1:5353`, for logs; by UDP anybody can claim to be it. */
  readonly remote: string;
  /** By TCP: a reply of any size reaches the client. */
  readonly isStream: boolean;
  /**
   * By UDP, the longest reply that is sent; one that is longer is dropped. What fits the client is 512 octets, or what its
   * OPT record says, if that is less than this (RFC 6891 section 6.2.3). By TCP 65,535.
   */
  readonly udpOctets: number;
  /** Milliseconds of idle time by TCP, for the reply's keepalive option (RFC 7828); 0 by UDP, where there is none. */
  readonly idleTimeMs: number;
  /** By TCP: aborted when the connection is gone, so that nobody goes on working for it. Undefined by UDP. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Messages that are ready together; or, in one buffer, messages each with its two octets of length before it, which leave as
 * they are. Such a buffer may be written to again when the stream is asked for its next batch.
 */
export type PlainBatch = readonly Buffer[] | Buffer;

/**
 * Takes the reply: a whole message with the ID of the request, which must not be changed afterwards; undefined for silence; or,
 * by TCP alone, a stream of messages (a transfer). Only the first call counts, and none that comes later than
 * `plain-request-time`.
 *
 * A stream is asked for a batch when the client has taken the one before, and ended (`return`) when the client is gone; one
 * that is not sent at all is begun and ended. Its first batch has to come in `plain-request-time`. A stream that throws closes
 * the connection, so that no half reply looks whole.
 */
export type PlainReply = (reply: Buffer | AsyncIterable<PlainBatch> | undefined) => void;

/**
 * Handles one request: calls `reply` once, now or later. `octets` is the message without length prefix, of at least a whole
 * header, with QR clear, otherwise unchecked; it may be kept. What the handler throws is a defect, and answered by silence.
 */
export type PlainHandler = (octets: Buffer, from: PlainSource, reply: PlainReply) => void;
