/**
 * The resolvers that this machine asks, from /etc/resolv.conf (resolv.conf(5)).
 *
 * Limitations: `nameserver` lines only; what systemd-resolved asks by itself is behind its address 127.0.0.53.
 */
import { readFileSync } from 'node:fs';
import { parseEndpoint, type Endpoint } from '../config/endpoint.ts';

export const resolvConfFile = '/etc/resolv.conf';

/** resolv.conf(5): MAXNS; the C library reads no more. */
const maxServers = 3;
const domainPort = 53;

/** At least one: without a line, or without the file, it is the one of this machine, as for the C library. */
export function resolvConfServers(file = resolvConfFile): readonly Endpoint[] {
  const servers = parseResolvConf(readText(file));
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: domainPort }];
}

/** The servers of such a file's text, in order; there may be none. */
export function parseResolvConf(text: string): readonly Endpoint[] {
  const servers = text.split('\n').flatMap((line) => {
    const address = /^nameserver[ \t]+(\S+)/.exec(line)?.[1];
    return address === undefined ? [] : readAddress(address);
  });
  return servers.slice(0, maxServers);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

function readAddress(text: string): Endpoint[] {
  try {
    const { address } = parseEndpoint(text, domainPort);
    return [{ address, port: domainPort }];
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}
