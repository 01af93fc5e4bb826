/**
 * A gate as one text: `192.0.2.1#resolver.example`, `[2001:db8::1]:8853#resolver.example`, `resolver.example`, or, where the
 * server is proved by its key alone, `192.0.2.1`.
 *
 * Strict DNS over TLS (RFC 8310 section 5): what follows the # is the authentication domain name; a name without an address is
 * one, too, and where it leads is looked up.
 */
import { isIP } from 'node:net';
import { parseEndpoint, type Endpoint } from '../config/endpoint.ts';
import { textBlock, z } from '../config/schema.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { Name } from '../dns/name.ts';
import { dnsNameFromName } from '../pki/dns-name.ts';

/** Whom to ask. */
export interface GateText {
  /** As it is called in logs and errors. */
  readonly text: string;
  /** Undefined: it is proved by its key. */
  readonly name: Name | undefined;
  /** Undefined: it is looked up by the name. */
  readonly address: string | undefined;
  readonly port: number;
}

/** RFC 7858 section 3.1: the port of DNS over TLS. */
export const dotPort = 853;

const maxGates = 16;

/** A list of them in a configuration. */
export function gateList(example: string) {
  return z
    .array(textBlock({ what: 'a gate', example }, parseGateText))
    .min(1)
    .max(maxGates);
}

/** Reads one. Throws RangeError with words that follow the quoted text. */
export function parseGateText(text: string): GateText {
  const at = text.indexOf('#');
  if (at !== -1) {
    const name = readName(text.slice(at + 1), 'has after # what is not the name of a server');
    return { text, name, ...readEndpoint(text.slice(0, at)) };
  }
  const [, host = '', port] = /^([^:[\]]*)(?::(.*))?$/.exec(text) ?? [];
  if (host === '' || isIP(host) !== 0 || /^[\d.]*$/.test(host)) {
    return { text, name: undefined, ...readEndpoint(text) };
  }
  const name = readName(host, 'is neither the address nor the name of a server');
  return { text, name, address: undefined, port: port === undefined ? dotPort : readPort(port) };
}

function readEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text, dotPort);
  if (endpoint.port === 0) throw new RangeError(portZero);
  return endpoint;
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 65_536;
  if (port > 65_535) throw new RangeError('has a port that is not a number from 1 to 65535');
  if (port === 0) throw new RangeError(portZero);
  return port;
}

const portZero = 'has port 0, at which nobody can be asked';

function readName(text: string, wrong: string): Name {
  try {
    const name = Name.parse(text);
    // RFC 8310 section 8.1: as the dNSName of a certificate has it.
    if (isIP(text) === 0 && dnsNameFromName(name) !== undefined) return name;
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
  }
  throw new RangeError(wrong);
}
