/**
 * The PROXY protocol, version 2, as its sender: who asks, before each UDP datagram and at the start of each TCP or TLS
 * connection to the resolver (haproxy's proxy-protocol.txt, sections 2.2 to 2.2.6; "PROXYv2 section ..." below).
 *
 * The client's name, which it proved, is in two places. PP2_TYPE_AUTHORITY (0x02) is flat text, which is what rules and
 * scripts can read: PowerDNS Recursor gives it to Lua (`getProxyProtocolValues`), dnsdist to ProxyProtocolValueRule, nginx
 * to `$proxy_protocol_tlv_authority`. PP2_TYPE_SSL (0x20) says that the client came over TLS with a good certificate, its name
 * as the common name: Knot Resolver sees by it that the query was encrypted, as with dnsdist's `proxyProtocolAdvertiseTLS`.
 * Unbound and BIND take the addresses and pass over the vectors. Of a client without a proved name it says that it came over TLS, and
 * showed nothing.
 *
 * Limitations: no checksum (CRC32c): TCP, UDP and TLS have their own. The transport is always said to be a stream, which the
 * client's connection was. On TLS the header is inside of it: a name is not told in clear (BIND: `proxy encrypted`).
 */
import { isIPv4, isIPv6 } from 'node:net';
import { encodeA, encodeAaaa } from '../dns/rdata.ts';
import type { ForwardedClient } from './server.ts';

/** PROXYv2 section 2.2: the signature that every header begins with. */
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const command = { local: 0x20, proxy: 0x21 } as const;
const family = { unspecified: 0x00, streamOverIpv4: 0x11, streamOverIpv6: 0x21 } as const;
const vectorType = { authority: 0x02, ssl: 0x20, tlsVersion: 0x21, commonName: 0x22 } as const;
/** PROXYv2 section 2.2.6: TLS; and a certificate on this connection. */
const clientBits = { tls: 0x01, certificate: 0x02 } as const;
/** PROXYv2 section 2.2.6: 0 for a certificate that was verified. */
const verifyResult = { verified: 0, not: 1 } as const;

/** The header of who speaks for himself, as for a probe: LOCAL (PROXYv2 section 2.2). */
export const localHeader: Buffer = header(command.local, family.unspecified, []);

/** The header for a client. An address that is none is left out, with the other one. */
export function proxyHeader({ name, remote, local, tlsVersion = 'TLSv1.3' }: ForwardedClient): Buffer {
  const isKnown = name !== '';
  const text = Buffer.from(name, 'utf8');
  const ssl = Buffer.concat([
    Buffer.of(isKnown ? clientBits.tls | clientBits.certificate : clientBits.tls),
    uint32(isKnown ? verifyResult.verified : verifyResult.not),
    // PROXYv2 section 2.2.6: it has to be there; BIND 9.20 does not take the header without it.
    vector(vectorType.tlsVersion, Buffer.from(tlsVersion, 'latin1')),
    ...(isKnown ? [vector(vectorType.commonName, text)] : []),
  ]);
  const vectors = [...(isKnown ? [vector(vectorType.authority, text)] : []), vector(vectorType.ssl, ssl)];
  const addresses = [remote.address, local.address].map(plainAddress);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(remote.port, 0);
  ports.writeUInt16BE(local.port, 2);
  if (addresses.every((each) => isIPv4(each))) {
    return header(command.proxy, family.streamOverIpv4, [...addresses.map(encodeA), ports, ...vectors]);
  }
  if (addresses.every((each) => isIPv6(each))) {
    return header(command.proxy, family.streamOverIpv6, [...addresses.map(encodeAaaa), ports, ...vectors]);
  }
  return header(command.proxy, family.unspecified, vectors);
}

/** As sockets that take IPv4 and IPv6 write it: `::ffff:192.0.2.1`, `fe80::1%eth0`. */
function plainAddress(address: string): string {
  const withoutZone = address.replace(/%.*$/, '');
  return /^::ffff:([0-9.]+)$/i.exec(withoutZone)?.[1] ?? withoutZone;
}

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

/** PROXYv2 section 2.2: an octet of type, two of length, the value. */
function vector(type: number, value: Buffer): Buffer {
  const head = Buffer.of(type, 0, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function header(versionAndCommand: number, addressFamily: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.of(versionAndCommand, addressFamily, 0, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([signature, head, body]);
}
