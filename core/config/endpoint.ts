/**
 * Address and port, as text: `127.0.0.1:53`, `[::1]:853`, `::1`, `127.0.0.1`.
 *
 * Limitations: addresses only. A host name is refused on purpose: who we listen as or ask must not depend on a lookup.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** Where to listen or whom to ask. `address` is an IPv4 or IPv6 address without brackets. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Reads an endpoint; without a port it gets `defaultPort`. Throws RangeError with words for the operator. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint {
  const { address, port } = split(text);
  // A zone identifier (fe80::1%eth0) is part of an IPv6 address to node:net too.
  if (isIP(address) === 0) throw new RangeError('is not an IP address with an optional port');
  if (port === undefined) return { address, port: defaultPort };
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new RangeError('has a port that is not a number from 0 to 65535');
  }
  return { address, port: Number(port) };
}

/** The text that `parseEndpoint` reads back. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return isIPv6(address) ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

/** Whether packets to the address stay on this machine: 127.0.0.0/8 (RFC 1122 section 3.2.1.3) and ::1 (RFC 4291 section 2.5.3). */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** The address is empty if the text has neither form. */
function split(text: string): { address: string; port?: string | undefined } {
  const bracketed = /^\[(?<address>[^\]]*)\](?::(?<port>.*))?$/.exec(text)?.groups;
  if (bracketed !== undefined) {
    const { address = '', port } = bracketed;
    return { address: isIPv6(address) ? address : '', port };
  }
  const plain = /^(?<address>[^:]*):(?<port>[^:]*)$/.exec(text)?.groups;
  return plain === undefined ? { address: text } : { address: plain['address'] ?? '', port: plain['port'] };
}
