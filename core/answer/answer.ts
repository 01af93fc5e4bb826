/**
 * An answer as replies are made of it: octets of a response without the OPT record, which belongs to one hop (RFC 6891
 * section 6.2.6), and where its TTLs stand. It may be part of a larger buffer, as what is in memory is.
 */

export interface Answer {
  /** From `start`, `length` octets are the message; its ID means nothing. */
  readonly octets: Buffer;
  readonly start: number;
  readonly length: number;
  /** With the upper bits that were in the OPT record. */
  readonly rcode: number;
  /** Where each TTL stands, from the start of the message: `placeCount` of them, from `placesAt`. */
  readonly places: Uint16Array;
  readonly placesAt: number;
  readonly placeCount: number;
  /** Extended DNS Errors as options of an OPT record (RFC 8914): from `errorsAt`, `errorsLength` octets. */
  readonly errors: Buffer;
  readonly errorsAt: number;
  readonly errorsLength: number;
}
