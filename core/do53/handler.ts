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
}

/**
 * Takes the reply, a whole message with the ID of the request, or undefined for silence. It must not be changed afterwards.
 * Only the first call counts, and none that comes later than `plain-request-time`.
 */
export type PlainReply = (message: Buffer | undefined) => void;

/**
 * Handles one request: calls `reply` once, now or later. `octets` is the message without length prefix, of at least a whole
 * header, with QR clear, otherwise unchecked; it may be kept. What the handler throws is a defect, and answered by silence.
 */
export type PlainHandler = (octets: Buffer, from: PlainSource, reply: PlainReply) => void;
