/**
 * RDATA as a zone file has it (RFC 1035 section 5.1), so that every server reads the same octets out of it again: the types that
 * all servers know in their own form, everything else, and what is odd, as `\# length hex` (RFC 3597 section 5).
 *
 * core/dns/present.ts is for people, this is for programs. Limitations: class IN.
 */
import { encodeBase32Hex } from '../dns/base32hex.ts';
import { RrType, rrTypeName } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { OctetReader } from '../dns/octet-reader.ts';
import { readTypeBitmap } from '../dns/type-bitmap.ts';
import { plain, quotable } from './octet-tables.ts';

/** Type and data of a record. The RDATA was checked; names in it are not compressed. */
export function rdataLine(type: number, rdata: Buffer): string {
  const present = presenters.get(type);
  if (present !== undefined) {
    try {
      const reader = new OctetReader(rdata);
      const text = present(reader);
      if (text !== undefined && reader.isAtEnd) return `${mnemonic(type)} ${text}`;
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
    }
  }
  const hex = rdata.length === 0 ? '' : ` ${rdata.toString('hex')}`;
  return `TYPE${type} \\# ${rdata.length}${hex}`;
}

/** A name with its last dot; the octets are of a name in wire form. */
export function nameText(wire: Buffer): string {
  if (wire.length === 1) return '.';
  let text = '';
  for (let at = 0; at < wire.length - 1;) {
    const end = at + 1 + (wire[at] ?? 0);
    text += labelText(wire, at + 1, end);
    at = end;
  }
  return text;
}

function labelText(octets: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at += 1) {
    if (plain[octets[at] ?? 0] === 0) return `${escaped(octets.subarray(start, end), plain)}.`;
  }
  return `${octets.toString('latin1', start, end)}.`;
}

/** Other octets than those of the table with a backslash before them, or as \DDD. */
function escaped(octets: Buffer, table: Uint8Array): string {
  let text = '';
  for (const octet of octets) {
    if (table[octet] === 1) text += String.fromCharCode(octet);
    else if (octet > 0x20 && octet < 0x7f) text += `\\${String.fromCharCode(octet)}`;
    else text += `\\${String(octet).padStart(3, '0')}`;
  }
  return text;
}

/** Newer types by their number: not every server knows their names. */
function mnemonic(type: number): string {
  return type <= RrType.CSYNC || type === RrType.SPF || type === RrType.CAA
    ? rrTypeName(type)
    : `TYPE${type}`;
}

/** Undefined for what has no text of its own. */
type Presenter = (reader: OctetReader) => string | undefined;

const name = (reader: OctetReader): string => nameText(reader.readName().wire);
const uint8 = (reader: OctetReader): string => String(reader.readUint8());
const uint16 = (reader: OctetReader): string => String(reader.readUint16());
const uint32 = (reader: OctetReader): string => String(reader.readUint32());
const rest = (encoding: 'hex' | 'base64') => (reader: OctetReader) =>
  reader.isAtEnd ? undefined : reader.readRest().toString(encoding);
const string = (reader: OctetReader): string => quoted(reader.readOctets(reader.readUint8()));
const salt = (reader: OctetReader): string => reader.readOctets(reader.readUint8()).toString('hex') || '-';
const types = (reader: OctetReader): string => readTypeBitmap(reader).map(mnemonic).join(' ');

function quoted(octets: Buffer): string {
  return `"${escaped(octets, quotable)}"`;
}

/** Fields one after the other, each of which must have a text. */
function fields(...parts: Presenter[]): Presenter {
  return (reader) => {
    let text = '';
    for (const part of parts) {
      const word = part(reader);
      if (word === undefined) return undefined;
      text += text === '' || word === '' ? word : ` ${word}`;
    }
    return text;
  };
}

const strings: Presenter = (reader) => {
  const all: string[] = [];
  do all.push(string(reader));
  while (!reader.isAtEnd);
  return all.join(' ');
};

const ipv6: Presenter = (reader) =>
  Array.from({ length: 8 }, () => reader.readUint16().toString(16)).join(':');

/** YYYYMMDDHHmmSS in UTC (RFC 4034 section 3.2). */
const time: Presenter = (reader) =>
  new Date(reader.readUint32() * 1000).toISOString().replace(/[-:T]|\..*/g, '');

/** RFC 5155 section 3.3: base 32; a hash of no octets has no text. */
const hash: Presenter = (reader) => encodeBase32Hex(reader.readOctets(reader.readUint8())) || undefined;

/** RFC 8659 section 4.1: a tag is letters and digits. */
const tag: Presenter = (reader) => {
  const text = reader.readOctets(reader.readUint8()).toString('latin1');
  return /^[a-z0-9]+$/i.test(text) ? text : undefined;
};

const nsec3Param = [uint8, uint8, uint16, salt];
const ds = fields(uint16, uint8, uint8, rest('hex'));
const dnskey = fields(uint16, uint8, uint8, rest('base64'));
const tlsa = fields(uint8, uint8, uint8, rest('hex'));

const presenters: ReadonlyMap<number, Presenter> = new Map([
  [RrType.A, (reader: OctetReader) => reader.readOctets(4).join('.')],
  [RrType.AAAA, ipv6],
  ...[RrType.NS, RrType.CNAME, RrType.PTR, RrType.DNAME].map((type) => [type, name] as const),
  [RrType.MX, fields(uint16, name)],
  [RrType.SOA, fields(name, name, uint32, uint32, uint32, uint32, uint32)],
  [RrType.TXT, strings],
  [RrType.SPF, strings],
  [RrType.SRV, fields(uint16, uint16, uint16, name)],
  [RrType.CAA, fields(uint8, tag, (reader) => quoted(reader.readRest()))],
  [RrType.SSHFP, fields(uint8, uint8, rest('hex'))],
  [RrType.TLSA, tlsa],
  [RrType.DS, ds],
  [RrType.CDS, ds],
  [RrType.DNSKEY, dnskey],
  [RrType.CDNSKEY, dnskey],
  [
    RrType.RRSIG,
    fields(
      (reader) => mnemonic(reader.readUint16()),
      uint8,
      uint8,
      uint32,
      time,
      time,
      uint16,
      name,
      rest('base64'),
    ),
  ],
  [RrType.NSEC, fields(name, types)],
  [RrType.NSEC3, fields(...nsec3Param, hash, types)],
  [RrType.NSEC3PARAM, fields(...nsec3Param)],
]);
