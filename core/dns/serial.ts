/**
 * Serial number arithmetic (RFC 1982) for SOA serials and, by RFC 4034 section 3.1.5, for signature times.
 */

/**
 * Compares two 32-bit serials: negative if `a` is older than `b`, 0 if they are the same, positive if newer.
 *
 * RFC 1982 section 3.2 leaves serials 2^31 apart without an order: then the result is NaN, so that "newer" and
 * "older" are both false.
 */
export function serialCompare(a: number, b: number): number {
  const distance = (a - b) | 0;
  return distance === -0x8000_0000 ? NaN : Math.sign(distance);
}

/** The serial `increment` after this one (RFC 1982 section 3.1); the increment is at most 2^31 - 1. */
export function serialAdd(serial: number, increment: number): number {
  return (serial + increment) >>> 0;
}
