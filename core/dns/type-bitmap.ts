/**
 * The type bit maps of NSEC (RFC 4034 section 4.1.2), NSEC3 and CSYNC.
 */
import { DnsFormatError } from './errors.ts';
import type { OctetReader } from './octet-reader.ts';

/** Types in ascending order. Throws DnsFormatError for blocks out of order, empty, too long or with a 0 at the end. */
export function readTypeBitmap(reader: OctetReader): number[] {
  const types: number[] = [];
  let lastWindow = -1;
  while (!reader.isAtEnd) {
    const window = reader.readUint8();
    const length = reader.readUint8();
    if (window <= lastWindow) throw new DnsFormatError('the blocks of a type bit map are out of order');
    if (length < 1 || length > 32) {
      throw new DnsFormatError('a type bit map block that is not of 1 to 32 octets');
    }
    const bits = reader.readOctets(length);
    if (bits.readUInt8(length - 1) === 0) {
      throw new DnsFormatError('a type bit map block that ends with a zero');
    }
    for (let bit = 0; bit < length * 8; bit += 1) {
      if ((bits.readUInt8(bit >> 3) & (0x80 >> (bit & 7))) !== 0) types.push(window * 256 + bit);
    }
    lastWindow = window;
  }
  return types;
}

/** The bit map of types in any order. */
export function encodeTypeBitmap(types: readonly number[]): Buffer {
  const windows = new Map<number, number[]>();
  for (const type of [...new Set(types)].sort((a, b) => a - b)) {
    const window = type >> 8;
    windows.set(window, [...(windows.get(window) ?? []), type & 0xff]);
  }
  const parts: Buffer[] = [];
  for (const [window, low] of windows) {
    const bits = Buffer.alloc(((low.at(-1) ?? 0) >> 3) + 1);
    for (const type of low) bits.writeUInt8(bits.readUInt8(type >> 3) | (0x80 >> (type & 7)), type >> 3);
    parts.push(Buffer.from([window, bits.length]), bits);
  }
  return Buffer.concat(parts);
}
