/**
 * SVCB and HTTPS records from their presentation format (RFC 9460 section 2.1 and appendix A): priority, target and parameters.
 *
 * Limitations: the parameters of RFC 9460 and of RFC 9461, and those written as `key65333`; no other names.
 */
import { DnsFormatError } from './errors.ts';
import { encodeA, encodeAaaa } from './rdata.ts';
import type { TextFields } from './rdata-text.ts';
import { uint16, uint8 } from './unsigned.ts';
import { unescapeOctets } from './zone-tokens.ts';

/** RFC 9460 section 14.3.2, RFC 9461 section 7. */
const Key = {
  MANDATORY: 0,
  ALPN: 1,
  NO_DEFAULT_ALPN: 2,
  PORT: 3,
  IPV4HINT: 4,
  ECH: 5,
  IPV6HINT: 6,
  DOHPATH: 7,
} as const;
const maxKey = 65_534;

export function serviceBinding(fields: TextFields): Buffer {
  const priority = fields.number('the priority', 0xffff);
  const target = fields.name('the target');
  const parameters = new Map<number, Buffer>();
  while (!fields.isAtEnd) {
    const { key, value } = nextParameter(fields);
    if (parameters.has(key)) throw new DnsFormatError(`the parameter ${JSON.stringify(key)} is there twice`);
    parameters.set(key, encodeValue(key, value));
  }
  checkMandatory(parameters);
  // RFC 9460 section 2.2: in ascending order.
  const encoded = [...parameters]
    .sort(([a], [b]) => a - b)
    .flatMap(([key, value]) => [uint16(key), uint16(value.length), value]);
  return Buffer.concat([uint16(priority), target.wire, ...encoded]);
}

/** `key`, `key=value` or `key="value"`; a value in quotes is a word of its own, without a blank before it. */
function nextParameter(fields: TextFields): { key: number; value: string | undefined } {
  const token = fields.token('a parameter');
  const cut = token.text.indexOf('=');
  const name = (cut === -1 ? token.text : token.text.slice(0, cut)).toLowerCase();
  const key = keyOf(name);
  if (key === undefined || token.isQuoted)
    throw new DnsFormatError(`the parameter ${JSON.stringify(name)} is not known`);
  if (cut === -1) return { key, value: undefined };
  const value = token.text.slice(cut + 1);
  const next = fields.next;
  const isNear =
    next?.isQuoted === true && next.line === token.line && next.column === token.column + token.text.length;
  return { key, value: value === '' && isNear ? fields.word('the value') : value };
}

function keyOf(name: string): number | undefined {
  const known = name.toUpperCase().replaceAll('-', '_');
  if (Object.hasOwn(Key, known) && !name.includes('_')) return Key[known as keyof typeof Key];
  const digits = /^key(0|[1-9][0-9]{0,4})$/.exec(name)?.[1];
  return digits !== undefined && Number(digits) <= maxKey ? Number(digits) : undefined;
}

function encodeValue(key: number, value: string | undefined): Buffer {
  if (key === Key.NO_DEFAULT_ALPN) {
    if (value !== undefined) throw new DnsFormatError('no-default-alpn has no value');
    return Buffer.alloc(0);
  }
  const octets = unescapeOctets(value ?? '');
  if (key > Key.DOHPATH) return octets;
  if (octets.length === 0) throw new DnsFormatError('a parameter without the value that it needs');
  switch (key) {
    case Key.MANDATORY:
      return Buffer.concat(mandatoryKeys(octets.toString('latin1')).map(uint16));
    case Key.ALPN:
      return Buffer.concat(valueList(octets).flatMap((id) => [uint8(id.length), id]));
    case Key.PORT:
      return uint16(portOf(octets.toString('latin1')));
    case Key.IPV4HINT:
      return Buffer.concat(octets.toString('latin1').split(',').map(encodeA));
    case Key.IPV6HINT:
      return Buffer.concat(octets.toString('latin1').split(',').map(encodeAaaa));
    case Key.ECH: {
      const config = Buffer.from(octets.toString('latin1'), 'base64');
      if (config.toString('base64') !== octets.toString('latin1'))
        throw new DnsFormatError('ech is not base 64');
      return config;
    }
    default:
      return octets;
  }
}

function mandatoryKeys(text: string): number[] {
  const keys = text.split(',').map((name) => keyOf(name.toLowerCase()) ?? NaN);
  if (keys.some((key) => Number.isNaN(key) || key === Key.MANDATORY) || new Set(keys).size !== keys.length) {
    throw new DnsFormatError('mandatory is not a list of other parameters');
  }
  return keys.sort((a, b) => a - b);
}

/** RFC 9460 section 8: what is mandatory must be there. */
function checkMandatory(parameters: ReadonlyMap<number, Buffer>): void {
  const mandatory = parameters.get(Key.MANDATORY) ?? Buffer.alloc(0);
  for (let at = 0; at < mandatory.length; at += 2) {
    if (!parameters.has(mandatory.readUInt16BE(at)))
      throw new DnsFormatError('a mandatory parameter is missing');
  }
  if (parameters.has(Key.NO_DEFAULT_ALPN) && !parameters.has(Key.ALPN))
    throw new DnsFormatError('no-default-alpn without alpn');
}

/** RFC 9460 appendix A.1: parts with commas between; a backslash before a comma or a backslash makes it part of a part. */
function valueList(octets: Buffer): Buffer[] {
  const wrong = new DnsFormatError('alpn is not a list of identifiers with commas between');
  const ids: number[][] = [[]];
  for (let at = 0; at < octets.length; at += 1) {
    let octet = octets.readUInt8(at);
    if (octet === COMMA) {
      ids.push([]);
      continue;
    }
    if (octet === BACKSLASH) {
      at += 1;
      octet = octets[at] ?? 0;
      if (octet !== COMMA && octet !== BACKSLASH) throw wrong;
    }
    ids.at(-1)?.push(octet);
  }
  if (!ids.every((id) => id.length > 0 && id.length < 256)) throw wrong;
  return ids.map((id) => Buffer.from(id));
}

const COMMA = 0x2c;
const BACKSLASH = 0x5c;

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 0xffff)) throw new DnsFormatError('port is not a number from 0 to 65535');
  return port;
}
