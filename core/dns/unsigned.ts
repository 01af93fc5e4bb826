/**
 * Unsigned numbers as octets in network order (RFC 1035 section 2.3.2), refused rather than cut where they do not fit.
 */
import { DnsFormatError } from './errors.ts';

export function uint8(value: number): Buffer {
  return unsigned(value, 1);
}

export function uint16(value: number): Buffer {
  return unsigned(value, 2);
}

export function uint32(value: number): Buffer {
  return unsigned(value, 4);
}

/** The value, if it is an integer from 0 to `max`. Throws DnsFormatError. */
export function checkUnsigned(value: number, max: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new DnsFormatError(`cannot write ${what} out of range`, { blame: 'us' });
}

function unsigned(value: number, octets: number): Buffer {
  const field = Buffer.alloc(octets);
  field.writeUIntBE(checkUnsigned(value, 2 ** (8 * octets) - 1, 'a number'), 0, octets);
  return field;
}
