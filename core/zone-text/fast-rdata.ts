/**
 * RDATA of the types that zones are full of, from text to octets; the rest of the entry is taken. What is not plain is left to
 * core/dns/rdata-text.ts, and both give the same octets.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { rdataLayout } from '../dns/rdata-layout.ts';
import type { DataCursor } from './data-cursor.ts';
import { nibbles, none, Octet, quotable, unquoted, wordEnd } from './octet-tables.ts';

/** Reads the RDATA at the cursor; false for what the careful reader must see. The cursor is then anywhere. */
export function readFastRdata(cursor: DataCursor, type: number): boolean {
  if (cursor.octets[cursor.at] === Octet.BACKSLASH) return unknown(cursor, type);
  switch (type) {
    case RrType.NS:
    case RrType.CNAME:
    case RrType.PTR:
    case RrType.DNAME:
      return cursor.name();
    case RrType.RRSIG:
      return rrsig(cursor);
    case RrType.NSEC:
      return cursor.name() && typeBitmap(cursor);
    case RrType.NSEC3:
      return nsec3Param(cursor) && cursor.base32() && typeBitmap(cursor);
    case RrType.NSEC3PARAM:
      return nsec3Param(cursor);
    case RrType.A:
      return ipv4(cursor);
    case RrType.AAAA:
      return ipv6(cursor);
    case RrType.DS:
    case RrType.CDS:
      return cursor.unsigned16() && cursor.unsigned8() && cursor.unsigned8() && cursor.hex();
    case RrType.DNSKEY:
    case RrType.CDNSKEY:
      return cursor.unsigned16() && cursor.unsigned8() && cursor.unsigned8() && cursor.base64();
    case RrType.MX:
      return cursor.unsigned16() && cursor.name();
    case RrType.SRV:
      return cursor.unsigned16() && cursor.unsigned16() && cursor.unsigned16() && cursor.name();
    case RrType.TXT:
    case RrType.SPF:
      return strings(cursor);
    case RrType.TLSA:
    case RrType.SMIMEA:
      return cursor.unsigned8() && cursor.unsigned8() && cursor.unsigned8() && cursor.hex();
    case RrType.SSHFP:
      return cursor.unsigned8() && cursor.unsigned8() && cursor.hex();
    case RrType.CAA:
      return caa(cursor);
    case RrType.SOA:
      return soa(cursor);
    default:
      return false;
  }
}

function soa(cursor: DataCursor): boolean {
  if (!cursor.name() || !cursor.name()) return false;
  for (let field = 0; field < 5; field += 1) {
    if (!cursor.unsigned32()) return false;
  }
  return true;
}

function rrsig(cursor: DataCursor): boolean {
  const covered = cursor.type();
  if (covered < 0) return false;
  cursor.put16(covered);
  return (
    cursor.unsigned8() &&
    cursor.unsigned8() &&
    cursor.unsigned32() &&
    cursor.time() &&
    cursor.time() &&
    cursor.unsigned16() &&
    cursor.name() &&
    cursor.base64()
  );
}

function nsec3Param(cursor: DataCursor): boolean {
  return cursor.unsigned8() && cursor.unsigned8() && cursor.unsigned16() && cursor.salt();
}

/** Octets of a window (RFC 4034 section 4.1.2). */
const windowOctets = 32;
/** The types below 512, which are nearly all that there are. */
const windows = 2;
const bits = new Uint8Array(windows * windowOctets);

function typeBitmap(cursor: DataCursor): boolean {
  const { out } = cursor;
  // Whatever an entry before, which was not plain, has left.
  for (let index = 0; index < bits.length; index += 1) bits[index] = 0;
  let highest = 0;
  while (!cursor.isAtEnd) {
    const type = cursor.type();
    if (type < 0 || type >= windows * windowOctets * 8) return false;
    bits[type >> 3] = (bits[type >> 3] ?? 0) | (0x80 >> (type & 7));
    if (type > highest) highest = type;
  }
  for (let start = 0; start <= highest >> 3; start += windowOctets) {
    let length = windowOctets;
    while (length > 0 && bits[start + length - 1] === 0) length -= 1;
    if (length === 0) continue;
    cursor.put16((start << 3) | length);
    let to = cursor.outAt;
    for (let index = 0; index < length; index += 1) {
      out[to] = bits[start + index] ?? 0;
      to += 1;
    }
    cursor.outAt = to;
  }
  return true;
}

/** Four numbers without leading zeros. */
function ipv4(cursor: DataCursor): boolean {
  const { octets, out } = cursor;
  let { at } = cursor;
  for (let index = 0; index < 4; index += 1) {
    const start = at;
    let value = 0;
    for (;;) {
      const digit = (octets[at] ?? 0) - Octet.ZERO;
      if (digit < 0 || digit > 9 || at - start > 2) break;
      value = value * 10 + digit;
      at += 1;
    }
    if (at === start || value > 255 || (octets[start] === Octet.ZERO && at > start + 1)) return false;
    out[cursor.outAt + index] = value;
    if (index === 3) break;
    if (octets[at] !== Octet.DOT) return false;
    at += 1;
  }
  if (wordEnd[octets[at] ?? 0] === 0) return false;
  cursor.outAt += 4;
  cursor.at = at;
  return cursor.blanks();
}

/** Groups of 1 to 4 digits, with `::` once for one or more groups of 0 (RFC 4291 section 2.2). */
function ipv6(cursor: DataCursor): boolean {
  const { octets, out, outAt } = cursor;
  let { at } = cursor;
  let groups = 0;
  let gap = -1;
  if (octets[at] === Octet.COLON) {
    if (octets[at + 1] !== Octet.COLON) return false;
    gap = 0;
    at += 2;
  }
  while (wordEnd[octets[at] ?? 0] === 0) {
    const start = at;
    let value = 0;
    for (;;) {
      const digit = nibbles[octets[at] ?? 0] ?? none;
      if (digit === none || at - start > 3) break;
      value = (value << 4) | digit;
      at += 1;
    }
    if (at === start || groups === 8) return false;
    out[outAt + 2 * groups] = value >> 8;
    out[outAt + 2 * groups + 1] = value;
    groups += 1;
    if (octets[at] !== Octet.COLON) break;
    at += 1;
    if (octets[at] === Octet.COLON) {
      if (gap >= 0) return false;
      gap = groups;
      at += 1;
    } else if (wordEnd[octets[at] ?? 0] === 1) {
      return false;
    }
  }
  if (wordEnd[octets[at] ?? 0] === 0 || (gap < 0 ? groups !== 8 : groups > 7)) return false;
  if (gap >= 0) {
    out.copyWithin(outAt + 2 * (gap + 8 - groups), outAt + 2 * gap, outAt + 2 * groups);
    out.fill(0, outAt + 2 * gap, outAt + 2 * (gap + 8 - groups));
  }
  cursor.outAt = outAt + 16;
  cursor.at = at;
  return cursor.blanks();
}

function strings(cursor: DataCursor): boolean {
  do {
    if (!cursor.string(quotable, unquoted)) return false;
  } while (!cursor.isAtEnd);
  return true;
}

/** RFC 8659 section 4.1: the value has no length of its own. */
function caa(cursor: DataCursor): boolean {
  if (!cursor.unsigned8() || !cursor.string(quotable, unquoted)) return false;
  const end = cursor.characters(cursor.outAt, quotable, unquoted);
  if (end < 0 || wordEnd[cursor.octets[end] ?? 0] === 0) return false;
  cursor.at = end;
  return cursor.blanks();
}

/** `\# length hex` (RFC 3597 section 5), of types of whose inside we know nothing. */
function unknown(cursor: DataCursor, type: number): boolean {
  const { octets, at, outAt } = cursor;
  if (octets[at + 1] !== Octet.HASH || wordEnd[octets[at + 2] ?? 0] === 0) return false;
  if (rdataLayout(type, RrClass.IN) !== undefined) return false;
  cursor.at = at + 2;
  if (!cursor.blanks()) return false;
  const length = cursor.number(0xffff);
  if (length === 0) return cursor.isAtEnd;
  return length > 0 && cursor.hex() && cursor.outAt - outAt === length;
}
