/**
 * A small writer of PROXY headers for the tests, made from the specification and not from the reader; it writes wrong
 * ones as well.
 */
import { parseProxyHeader } from '../../../core/server/proxy-v2.ts';
import type { ProxyHeader, ProxyHeaderOptions } from '../../../core/server/proxy-v2.ts';

export const magic = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
export const ipv4 = Buffer.from('c0000201c63364070c3801bb', 'hex');
export const ipv6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from('0c3801bb', 'hex'),
]);
export const certificate = Buffer.from('3003020101', 'hex');

/** A type, a length, a value [PROXYv2-2.2]. */
export function vector(type: number, value: Buffer | string): Buffer {
  const octets = Buffer.from(value);
  return Buffer.concat([Buffer.from([type, octets.length >> 8, octets.length & 0xff]), octets]);
}

/** Any header, its length filled in. */
export function write(versionAndCommand: number, family: number, ...rest: Buffer[]): Buffer {
  const body = Buffer.concat(rest);
  const fixed = Buffer.from([versionAndCommand, family, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([magic, fixed, body]);
}

/** The TLS vector: client bits, verify, vectors of its own. */
export function ssl(client: number, verify: number, ...vectors: Buffer[]): Buffer {
  const fields = Buffer.alloc(5);
  fields.writeUInt8(client);
  fields.writeUInt32BE(verify, 1);
  return vector(0x20, Buffer.concat([fields, ...vectors]));
}

/** Bit by bit, as RFC 4960 appendix B defines it. */
export function crc32c(octets: Buffer): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    for (let bit = 0; bit < 8; bit++) {
      const carry = (crc ^ (octet >> bit)) & 1;
      crc = carry === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}

/** The header with its checksum, which must be its last vector, filled in. */
export function sealed(header: Buffer): Buffer {
  const octets = Buffer.from(header);
  octets.writeUInt32BE(crc32c(octets), octets.length - 4);
  return octets;
}

/** A header with everything in it; its last 7 octets are the checksum. */
export const whole = sealed(
  write(
    0x21,
    0x11,
    ipv4,
    vector(0x01, 'h2'),
    vector(0x02, 'api.example'),
    vector(0x05, 'id-1'),
    ssl(
      0x07,
      0,
      vector(0x21, 'TLSv1.3'),
      vector(0x22, 'cn'),
      vector(0x23, 'cipher'),
      vector(0x28, certificate),
    ),
    vector(0x30, 'blue'),
    vector(0xe5, 'sensor._device.example'),
    vector(0x04, '..'),
    vector(0x03, Buffer.alloc(4)),
  ),
);

/** The vector, if there is a value. */
export function present(type: number, value: Buffer | string | undefined): Buffer[] {
  return value === undefined ? [] : [vector(type, value)];
}

/** Reads the header that must be whole. */
export function headerOf(octets: Buffer, options?: ProxyHeaderOptions): ProxyHeader {
  const parsed = parseProxyHeader(octets, options);
  if (parsed.header === undefined) throw new Error(`${parsed.needMore} octets are missing`);
  return parsed.header;
}
