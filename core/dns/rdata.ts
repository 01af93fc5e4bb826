/**
 * The RDATA of the types that this project reads or writes, as values. Each `parse*` takes one exact RDATA with its
 * names expanded (ResourceRecord.rdata) and throws DnsFormatError; octets inside a value are views of the RDATA.
 *
 * RFC 1035 section 3.3 and 3.4, RFC 3596 (AAAA), RFC 4034 and RFC 5155 (DNSSEC), RFC 6698 (TLSA).
 *
 * Limitations: a value that breaks a rule of meaning (a DNSKEY of protocol 4) is read; the rule is its user's.
 */
import { DnsFormatError } from './errors.ts';
import type { Name } from './name.ts';
import { OctetReader } from './octet-reader.ts';
import { encodeTypeBitmap, readTypeBitmap } from './type-bitmap.ts';
import { uint16, uint32, uint8 } from './unsigned.ts';

/** Start of authority (RFC 1035 section 3.3.13); all times in seconds. */
export interface Soa {
  readonly mname: Name;
  readonly rname: Name;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export interface Mx {
  readonly preference: number;
  readonly exchange: Name;
}

/** RFC 6698 section 2.1; `data` is the certificate association data. */
export interface Tlsa {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Buffer;
}

/** RFC 4034 section 5.1. */
export interface Ds {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Buffer;
}

/** RFC 4034 section 2.1; a key with a protocol other than 3 is to be ignored (section 2.1.2). */
export interface Dnskey {
  readonly flags: number;
  readonly protocol: number;
  readonly algorithm: number;
  readonly publicKey: Buffer;
}

/** RFC 4034 section 3.1; expiration and inception are seconds modulo 2^32, to be compared by serialCompare. */
export interface Rrsig {
  readonly typeCovered: number;
  readonly algorithm: number;
  readonly labels: number;
  readonly originalTtl: number;
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  readonly signer: Name;
  readonly signature: Buffer;
}

/** RFC 4034 section 4.1; types ascending. */
export interface Nsec {
  readonly nextName: Name;
  readonly types: readonly number[];
}

/** What a name is hashed with (RFC 5155 sections 3.1 and 4.1). */
export interface Nsec3Param {
  readonly hashAlgorithm: number;
  readonly flags: number;
  readonly iterations: number;
  /** Of no octets where there is none. */
  readonly salt: Buffer;
}

/** RFC 5155 section 3.1; types ascending. */
export interface Nsec3 extends Nsec3Param {
  /** The hash itself, not its text (RFC 5155 section 3.1.7). */
  readonly nextHashedOwner: Buffer;
  readonly types: readonly number[];
}

/** Bits of an NSEC3's flags (RFC 5155 section 3.1.2.1). */
export const Nsec3Flag = { OPT_OUT: 0x01 } as const;

/** Bits of a DNSKEY's flags (RFC 4034 section 2.1.1, RFC 5011 section 7). */
export const DnskeyFlag = { ZONE: 0x0100, REVOKE: 0x0080, SEP: 0x0001 } as const;

/** What `parse` reads; undefined where it throws DnsFormatError, for octets that do not spoil those beside them. */
export function parseOrNothing<T>(octets: Buffer, parse: (octets: Buffer) => T): T | undefined {
  try {
    return parse(octets);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** Dotted decimal. */
export function parseA(rdata: Buffer): string {
  return parseExactly(rdata, (reader) => reader.readOctets(4).join('.'));
}

export function encodeA(address: string): Buffer {
  const octets = address.split('.');
  if (
    octets.length !== 4 ||
    !octets.every((octet) => /^(0|[1-9][0-9]{0,2})$/.test(octet) && Number(octet) < 256)
  ) {
    throw new DnsFormatError('not an IPv4 address');
  }
  return Buffer.from(octets.map(Number));
}

/** Eight groups in hexadecimal, without `::`; present.ts writes the short form. */
export function parseAaaa(rdata: Buffer): string {
  return parseExactly(rdata, (reader) =>
    Array.from({ length: 8 }, () => reader.readUint16().toString(16)).join(':'),
  );
}

export function encodeAaaa(address: string): Buffer {
  const [head = '', tail, ...more] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...after];
  const isWhole = tail === undefined ? missing === 0 : missing >= 1 && more.length === 0;
  if (!isWhole || !groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) {
    throw new DnsFormatError('not an IPv6 address in hexadecimal groups');
  }
  return Buffer.concat(groups.map((group) => uint16(parseInt(group, 16))));
}

/** The one name that NS, CNAME, PTR and DNAME consist of. */
export function parseName(rdata: Buffer): Name {
  return parseExactly(rdata, (reader) => reader.readName());
}

export function encodeName(name: Name): Buffer {
  return Buffer.from(name.wire);
}

export function parseMx(rdata: Buffer): Mx {
  return parseExactly(rdata, (reader) => ({ preference: reader.readUint16(), exchange: reader.readName() }));
}

export function encodeMx(mx: Mx): Buffer {
  return Buffer.concat([uint16(mx.preference), mx.exchange.wire]);
}

/** The character strings, of 0 to 255 octets each; at least one. */
export function parseTxt(rdata: Buffer): Buffer[] {
  return parseExactly(rdata, (reader) => {
    const strings: Buffer[] = [];
    do strings.push(reader.readOctets(reader.readUint8()));
    while (!reader.isAtEnd);
    return strings;
  });
}

export function encodeTxt(strings: readonly Buffer[]): Buffer {
  if (strings.length === 0 || strings.some((string) => string.length > 255)) {
    throw new DnsFormatError('TXT needs one or more strings of at most 255 octets', { blame: 'us' });
  }
  return Buffer.concat(strings.flatMap((string) => [uint8(string.length), string]));
}

export function parseSoa(rdata: Buffer): Soa {
  return parseExactly(rdata, (reader) => ({
    mname: reader.readName(),
    rname: reader.readName(),
    serial: reader.readUint32(),
    refresh: reader.readUint32(),
    retry: reader.readUint32(),
    expire: reader.readUint32(),
    minimum: reader.readUint32(),
  }));
}

export function encodeSoa(soa: Soa): Buffer {
  const numbers = [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
  return Buffer.concat([soa.mname.wire, soa.rname.wire, ...numbers.map(uint32)]);
}

/** Certificate association data of no octets is refused. */
export function parseTlsa(rdata: Buffer): Tlsa {
  const tlsa = parseExactly(rdata, (reader) => ({
    usage: reader.readUint8(),
    selector: reader.readUint8(),
    matchingType: reader.readUint8(),
    data: reader.readRest(),
  }));
  if (tlsa.data.length === 0) throw new DnsFormatError('a TLSA record without data');
  return tlsa;
}

export function encodeTlsa(tlsa: Tlsa): Buffer {
  return Buffer.concat([uint8(tlsa.usage), uint8(tlsa.selector), uint8(tlsa.matchingType), tlsa.data]);
}

/** A digest of no octets is refused. */
export function parseDs(rdata: Buffer): Ds {
  const ds = parseExactly(rdata, (reader) => ({
    keyTag: reader.readUint16(),
    algorithm: reader.readUint8(),
    digestType: reader.readUint8(),
    digest: reader.readRest(),
  }));
  if (ds.digest.length === 0) throw new DnsFormatError('a DS record without a digest');
  return ds;
}

export function encodeDs(ds: Ds): Buffer {
  return Buffer.concat([uint16(ds.keyTag), uint8(ds.algorithm), uint8(ds.digestType), ds.digest]);
}

export function parseDnskey(rdata: Buffer): Dnskey {
  return parseExactly(rdata, (reader) => ({
    flags: reader.readUint16(),
    protocol: reader.readUint8(),
    algorithm: reader.readUint8(),
    publicKey: reader.readRest(),
  }));
}

export function encodeDnskey(dnskey: Dnskey): Buffer {
  return Buffer.concat([
    uint16(dnskey.flags),
    uint8(dnskey.protocol),
    uint8(dnskey.algorithm),
    dnskey.publicKey,
  ]);
}

/** Key tag of a DNSKEY (RFC 4034 appendix B); not for algorithm 1, which nobody may use (RFC 8624 section 3.1). */
export function keyTag(dnskeyRdata: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < dnskeyRdata.length; at += 2) sum += dnskeyRdata.readUInt16BE(at);
  if (dnskeyRdata.length % 2 === 1) sum += dnskeyRdata.readUInt8(dnskeyRdata.length - 1) << 8;
  return (sum + (sum >>> 16)) & 0xffff;
}

export function parseRrsig(rdata: Buffer): Rrsig {
  return parseExactly(rdata, (reader) => ({
    typeCovered: reader.readUint16(),
    algorithm: reader.readUint8(),
    labels: reader.readUint8(),
    originalTtl: reader.readUint32(),
    expiration: reader.readUint32(),
    inception: reader.readUint32(),
    keyTag: reader.readUint16(),
    signer: reader.readName(),
    signature: reader.readRest(),
  }));
}

export function encodeRrsig(rrsig: Rrsig): Buffer {
  return Buffer.concat([
    uint16(rrsig.typeCovered),
    uint8(rrsig.algorithm),
    uint8(rrsig.labels),
    uint32(rrsig.originalTtl),
    uint32(rrsig.expiration),
    uint32(rrsig.inception),
    uint16(rrsig.keyTag),
    rrsig.signer.wire,
    rrsig.signature,
  ]);
}

export function parseNsec(rdata: Buffer): Nsec {
  return parseExactly(rdata, (reader) => ({ nextName: reader.readName(), types: readTypeBitmap(reader) }));
}

export function encodeNsec(nsec: Nsec): Buffer {
  return Buffer.concat([nsec.nextName.wire, encodeTypeBitmap(nsec.types)]);
}

export function parseNsec3(rdata: Buffer): Nsec3 {
  return parseExactly(rdata, (reader) => {
    const param = readNsec3Param(reader);
    const nextHashedOwner = reader.readOctets(reader.readUint8());
    // RFC 5155 section 3.2: the length of a hash is from 1 to 255.
    if (nextHashedOwner.length === 0) throw new DnsFormatError('an NSEC3 record without the next hash');
    return { ...param, nextHashedOwner, types: readTypeBitmap(reader) };
  });
}

export function encodeNsec3(nsec3: Nsec3): Buffer {
  const { nextHashedOwner, types } = nsec3;
  return Buffer.concat([
    encodeNsec3Param(nsec3),
    uint8(nextHashedOwner.length),
    nextHashedOwner,
    encodeTypeBitmap(types),
  ]);
}

/** RFC 5155 section 4.2. */
export function parseNsec3Param(rdata: Buffer): Nsec3Param {
  return parseExactly(rdata, readNsec3Param);
}

export function encodeNsec3Param({ hashAlgorithm, flags, iterations, salt }: Nsec3Param): Buffer {
  return Buffer.concat([uint8(hashAlgorithm), uint8(flags), uint16(iterations), uint8(salt.length), salt]);
}

function readNsec3Param(reader: OctetReader): Nsec3Param {
  return {
    hashAlgorithm: reader.readUint8(),
    flags: reader.readUint8(),
    iterations: reader.readUint16(),
    salt: reader.readOctets(reader.readUint8()),
  };
}

function parseExactly<T>(rdata: Buffer, parse: (reader: OctetReader) => T): T {
  const reader = new OctetReader(rdata);
  const value = parse(reader);
  reader.expectEnd();
  return value;
}
