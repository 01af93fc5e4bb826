/**
 * Address prefixes as the configurations of name servers have them: `192.0.2.1`, `10/8`, `2001:db8::/32`.
 *
 * Limitations: an IPv4 address inside of IPv6 (`::ffff:192.0.2.1`) is the IPv4 address; zone identifiers (`%eth0`) are left out.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { encodeA, encodeAaaa } from '../../core/dns/rdata.ts';

export interface Prefix {
  /** 4 or 16 octets; beyond the length they are 0. */
  readonly octets: Buffer;
  /** In bits. */
  readonly length: number;
}

/** Reads an address or prefix; the octets at the end of an IPv4 prefix may be left out. Undefined if it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, address = '', bits] = /^([0-9a-f.:]+)(?:%[^/]*)?(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const octets = octetsOf(address, bits !== undefined);
  if (octets === undefined) return undefined;
  const length = bits === undefined ? octets.length * 8 : Number(bits);
  return length > octets.length * 8 ? undefined : { octets: masked(octets, length), length };
}

/** '192.0.2.1', or '192.0.2.0/24' if it is more than one address. */
export function presentPrefix({ octets, length }: Prefix): string {
  const address = octets.length === 4 ? octets.join('.') : presentIpv6(octets);
  return length === octets.length * 8 ? address : `${address}/${String(length)}`;
}

/** Whether every address of `inner` is in `outer`. */
export function includesPrefix(outer: Prefix, inner: Prefix): boolean {
  if (outer.octets.length !== inner.octets.length || outer.length > inner.length) return false;
  const whole = outer.length >> 3;
  if (outer.octets.compare(inner.octets, 0, whole, 0, whole) !== 0) return false;
  const bits = outer.length & 7;
  return bits === 0 || (outer.octets.readUInt8(whole) ^ inner.octets.readUInt8(whole)) >> (8 - bits) === 0;
}

/** Two prefixes have an address in common if and only if one is within the other. */
export function smallerPrefix(a: Prefix, b: Prefix): Prefix | undefined {
  if (includesPrefix(a, b)) return b;
  return includesPrefix(b, a) ? a : undefined;
}

function octetsOf(address: string, isPrefix: boolean): Buffer | undefined {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isIPv4(mapped) && !isPrefix ? encodeA(mapped) : undefined;
  if (isIPv6(address)) return address.includes('.') ? undefined : encodeAaaa(address);
  if (isIPv4(address)) return encodeA(address);
  const whole = isPrefix && /^\d+(\.\d+){0,2}$/.test(address) ? `${address}${'.0'.repeat(3)}` : '';
  const padded = whole.split('.').slice(0, 4).join('.');
  return isIPv4(padded) ? encodeA(padded) : undefined;
}

function masked(octets: Buffer, length: number): Buffer {
  return Buffer.from(
    octets.map((octet, index) => octet & (0xff00 >> Math.max(0, Math.min(8, length - index * 8)))),
  );
}

/** The short form (RFC 5952). */
function presentIpv6(octets: Buffer): string {
  const address = octets.toString('hex').replace(/(?<=^(?:.{4})+)(?=.)/g, ':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
