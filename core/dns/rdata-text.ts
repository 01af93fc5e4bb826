/**
 * RDATA from its presentation format: the types of rdata.ts, those of rdata-text-rare.ts, and any type as `\# length hex`
 * (RFC 3597 section 5). The inverse of present.ts.
 *
 * Limitations: an IPv6 address with a dotted IPv4 part is refused.
 */
import { decodeBase32Hex } from './base32hex.ts';
import { DnssecAlgorithm, RrClass, RrType, rrTypeFromName, rrTypeName } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import { Name } from './name.ts';
import { NameReader } from './name-reader.ts';
import * as rdata from './rdata.ts';
import { rareParsers } from './rdata-text-rare.ts';
import { checkRdata } from './rdata-layout.ts';
import { uint16, uint8 } from './unsigned.ts';
import { unescapeOctets } from './zone-tokens.ts';
import type { ZoneToken } from './zone-tokens.ts';

/** The words of one RDATA, read in order; every method throws DnsFormatError. */
export class TextFields {
  readonly #tokens: readonly ZoneToken[];
  readonly #origin: Name;
  #at = 0;

  /** Relative names are completed with the origin. */
  constructor(tokens: readonly ZoneToken[], origin: Name) {
    this.#tokens = tokens;
    this.#origin = origin;
  }

  /** What was read last; undefined before the first word. */
  get last(): ZoneToken | undefined {
    return this.#at === 0 ? undefined : this.#tokens[this.#at - 1];
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  /** The word that comes next; undefined at the end. */
  get next(): ZoneToken | undefined {
    return this.#tokens[this.#at];
  }

  word(what: string): string {
    return this.token(what).text;
  }

  token(what: string): ZoneToken {
    const token = this.next;
    if (token === undefined) throw new DnsFormatError(`${what} is missing`);
    this.#at += 1;
    return token;
  }

  /** Whether the next word says that octets follow (RFC 3597 section 5). */
  get isGeneric(): boolean {
    return this.next?.text === '\\#' && !this.next.isQuoted;
  }

  /** A whole number up to `max`. */
  number(what: string, max: number): number {
    const text = this.word(what);
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN;
    if (!(value <= max)) throw new DnsFormatError(`${what} is not a number from 0 to ${max}`);
    return value;
  }

  /** A time in seconds, units allowed. */
  seconds(what: string): number {
    const seconds = parseSeconds(this.word(what));
    if (seconds === undefined) throw new DnsFormatError(`${what} is not a number of seconds below 2^32`);
    return seconds;
  }

  name(what: string): Name {
    return parseNameText(this.word(what), this.#origin);
  }

  type(what: string): number {
    const text = this.word(what);
    const type = rrTypeFromName(text);
    if (type === undefined) throw new DnsFormatError(`${what} ${JSON.stringify(text)} is not known`);
    return type;
  }

  /** A character string (RFC 1035 section 3.3), quoted or not. */
  string(what: string): Buffer {
    const octets = unescapeOctets(this.word(what));
    if (octets.length > 255) throw new DnsFormatError(`${what} has more than 255 octets`);
    return octets;
  }

  /** All that is left, as one text. */
  rest(what: string): string {
    const parts = [this.word(what)];
    while (!this.isAtEnd) parts.push(this.word(what));
    return parts.join('');
  }

  hex(what: string): Buffer {
    return parseHex(this.rest(what), what);
  }

  hexWord(what: string): Buffer {
    return parseHex(this.word(what), what);
  }

  base64(what: string): Buffer {
    return parseBase64(this.rest(what), what);
  }

  base64Word(what: string): Buffer {
    return parseBase64(this.word(what), what);
  }

  types(what: string): number[] {
    const types: number[] = [];
    while (!this.isAtEnd) types.push(this.type(what));
    return types;
  }

  /** A DNSSEC algorithm, as number or mnemonic (RFC 4034 section 2.2). */
  algorithm(): number {
    return this.numberOrMnemonic('the algorithm', 255, DnssecAlgorithm);
  }

  /** A whole number up to `max`, or a name for one. */
  numberOrMnemonic(what: string, max: number, mnemonics: Readonly<Record<string, number>>): number {
    const next = this.next?.text.toUpperCase() ?? '';
    const value = Object.hasOwn(mnemonics, next) ? mnemonics[next] : undefined;
    if (value === undefined) return this.number(what, max);
    this.#at += 1;
    return value;
  }

  /** YYYYMMDDHHmmSS in UTC, or seconds (RFC 4034 section 3.2). */
  time(what: string): number {
    const text = this.word(what);
    if (/^[0-9]{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
    const iso = text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6.000Z');
    const time = new Date(iso);
    if (iso === text || Number.isNaN(time.getTime()) || time.toISOString() !== iso) {
      throw new DnsFormatError(`${what} is not a time as YYYYMMDDHHmmSS`);
    }
    return (time.getTime() / 1000) >>> 0;
  }

  expectEnd(): void {
    if (this.isAtEnd) return;
    this.#at += 1;
    throw new DnsFormatError('words after the end of the record');
  }
}

/**
 * A time as zone files have it: seconds, or numbers with the units s, m, h, d and w, as `1h30m`. Undefined for what is none, or
 * does not fit into 32 bits.
 */
export function parseSeconds(text: string): number | undefined {
  let seconds = 0;
  if (/^[0-9]{1,10}$/.test(text)) {
    seconds = Number(text);
  } else {
    if (!/^(?:[0-9]{1,10}[smhdw])+$/i.test(text)) return undefined;
    for (const [, number = '', unit = ''] of text.matchAll(/([0-9]+)([a-z])/gi)) {
      seconds += Number(number) * (secondsOf[unit.toLowerCase()] ?? NaN);
    }
  }
  return seconds <= max32 ? seconds : undefined;
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A name as a zone file has it: `@` is the origin, and what does not end with a dot is completed with it. */
export function parseNameText(text: string, origin: Name): Name {
  if (text === '@') return origin;
  const name = Name.parse(text);
  const isAbsolute = text.endsWith('.') && !isEscapedAtEnd(text);
  return isAbsolute ? name : Name.fromLabels([...name.labels(), ...origin.labels()]);
}

/** The RDATA that the words of a record of class IN say. Throws DnsFormatError. */
export function parseRdataText(type: number, tokens: readonly ZoneToken[], origin: Name): Buffer {
  return readRdataText(type, new TextFields(tokens, origin));
}

/** The same, of fields that nothing was read of yet; `fields.last` is the word at fault when it throws. */
export function readRdataText(type: number, fields: TextFields): Buffer {
  const parse = fields.isGeneric ? parseUnknown : parsers.get(type);
  if (parse === undefined) {
    throw new DnsFormatError(`${rrTypeName(type)} records are read as \\# length hex only`);
  }
  const octets = parse(fields);
  fields.expectEnd();
  checkRdata(new NameReader(octets), type, RrClass.IN, 0, octets.length, false);
  return octets;
}

/** The RDATA as octets (RFC 3597 section 5). */
export function parseUnknown(fields: TextFields): Buffer {
  fields.word('\\#');
  const length = fields.number('the length', 0xffff);
  const octets = length === 0 && fields.isAtEnd ? Buffer.alloc(0) : fields.hex('the data');
  if (octets.length !== length) throw new DnsFormatError('data that has another length than it says');
  return octets;
}

type Parser = (fields: TextFields) => Buffer;

const max8 = 0xff;
const max16 = 0xffff;
const max32 = 0xffff_ffff;

const oneName: Parser = (fields) => rdata.encodeName(fields.name('the name'));
const twoNames: Parser = (fields) =>
  Buffer.concat([fields.name('the first name').wire, fields.name('the second name').wire]);
const preferredName: Parser = (fields) => {
  const preference = fields.number('the preference', max16);
  return rdata.encodeMx({ preference, exchange: fields.name('the name') });
};
const strings: Parser = (fields) => {
  const all = [fields.string('the text')];
  while (!fields.isAtEnd) all.push(fields.string('the text'));
  return rdata.encodeTxt(all);
};

const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [RrType.A, (fields) => rdata.encodeA(fields.word('the address'))],
  [RrType.AAAA, (fields) => rdata.encodeAaaa(fields.word('the address'))],
  ...[RrType.NS, RrType.CNAME, RrType.PTR, RrType.DNAME].map((type) => [type, oneName] as const),
  ...[RrType.MD, RrType.MF, RrType.MB, RrType.MG, RrType.MR].map((type) => [type, oneName] as const),
  ...[RrType.MX, RrType.AFSDB, RrType.RT, RrType.KX].map((type) => [type, preferredName] as const),
  ...[RrType.RP, RrType.MINFO].map((type) => [type, twoNames] as const),
  ...[RrType.TXT, RrType.SPF].map((type) => [type, strings] as const),
  [RrType.HINFO, parseHinfo],
  [RrType.SRV, parseSrv],
  [RrType.SOA, parseSoa],
  [RrType.CAA, parseCaa],
  [RrType.SSHFP, parseSshfp],
  ...[RrType.TLSA, RrType.SMIMEA].map((type) => [type, parseTlsa] as const),
  ...[RrType.DS, RrType.CDS].map((type) => [type, parseDs] as const),
  ...[RrType.DNSKEY, RrType.CDNSKEY, RrType.KEY].map((type) => [type, parseDnskey] as const),
  ...[RrType.RRSIG, RrType.SIG].map((type) => [type, parseRrsig] as const),
  [RrType.NSEC, parseNsec],
  [RrType.NSEC3, parseNsec3],
  [RrType.NSEC3PARAM, (fields) => rdata.encodeNsec3Param(readNsec3Param(fields))],
  ...rareParsers,
]);

function parseHinfo(fields: TextFields): Buffer {
  return rdata.encodeTxt([fields.string('the CPU'), fields.string('the system')]);
}

function parseSrv(fields: TextFields): Buffer {
  const numbers = ['the priority', 'the weight', 'the port'].map((what) => fields.number(what, max16));
  return Buffer.concat([...numbers.map(uint16), fields.name('the target').wire]);
}

function parseSoa(fields: TextFields): Buffer {
  return rdata.encodeSoa({
    mname: fields.name('the primary'),
    rname: fields.name('the mailbox'),
    serial: fields.number('the serial', max32),
    refresh: fields.seconds('refresh'),
    retry: fields.seconds('retry'),
    expire: fields.seconds('expire'),
    minimum: fields.seconds('minimum'),
  });
}

function parseCaa(fields: TextFields): Buffer {
  const flags = fields.number('the flags', max8);
  const tag = fields.string('the tag');
  return Buffer.concat([uint8(flags), uint8(tag.length), tag, unescapeOctets(fields.word('the value'))]);
}

function parseSshfp(fields: TextFields): Buffer {
  const algorithm = fields.number('the algorithm', max8);
  const digestType = fields.number('the fingerprint type', max8);
  return Buffer.concat([uint8(algorithm), uint8(digestType), fields.hex('the fingerprint')]);
}

function parseTlsa(fields: TextFields): Buffer {
  return rdata.encodeTlsa(readTlsa(fields));
}

/** RFC 6698 section 2.2. */
export function readTlsa(fields: TextFields): rdata.Tlsa {
  return {
    usage: fields.number('the certificate usage', max8),
    selector: fields.number('the selector', max8),
    matchingType: fields.number('the matching type', max8),
    data: fields.hex('the certificate association data'),
  };
}

function parseDs(fields: TextFields): Buffer {
  return rdata.encodeDs({
    keyTag: fields.number('the key tag', max16),
    algorithm: fields.algorithm(),
    digestType: fields.number('the digest type', max8),
    digest: fields.hex('the digest'),
  });
}

function parseDnskey(fields: TextFields): Buffer {
  return rdata.encodeDnskey({
    flags: fields.number('the flags', max16),
    protocol: fields.number('the protocol', max8),
    algorithm: fields.algorithm(),
    publicKey: fields.base64('the public key'),
  });
}

function parseRrsig(fields: TextFields): Buffer {
  return rdata.encodeRrsig({
    typeCovered: fields.type('the type covered'),
    algorithm: fields.algorithm(),
    labels: fields.number('the number of labels', max8),
    originalTtl: fields.number('the original TTL', max32),
    expiration: fields.time('the expiration'),
    inception: fields.time('the inception'),
    keyTag: fields.number('the key tag', max16),
    signer: fields.name('the signer'),
    signature: fields.base64('the signature'),
  });
}

function parseNsec(fields: TextFields): Buffer {
  const nextName = fields.name('the next name');
  return rdata.encodeNsec({ nextName, types: fields.types('the type') });
}

function parseNsec3(fields: TextFields): Buffer {
  const param = readNsec3Param(fields);
  const nextHashedOwner = decodeBase32Hex(fields.word('the next hash'));
  if (nextHashedOwner === undefined) throw new DnsFormatError('the next hash is not base 32');
  return rdata.encodeNsec3({ ...param, nextHashedOwner, types: fields.types('the type') });
}

function readNsec3Param(fields: TextFields): rdata.Nsec3Param {
  const [hashAlgorithm, flags] = [fields.number('the hash', max8), fields.number('the flags', max8)];
  const iterations = fields.number('the iterations', max16);
  const salt = fields.word('the salt');
  // RFC 5155 section 3.3: a salt of no octets is written as a dash.
  return {
    hashAlgorithm,
    flags,
    iterations,
    salt: salt === '-' ? Buffer.alloc(0) : parseHex(salt, 'the salt'),
  };
}

function parseHex(text: string, what: string): Buffer {
  if (!/^([0-9a-fA-F]{2})+$/.test(text)) throw new DnsFormatError(`${what} is not hexadecimal`);
  return Buffer.from(text, 'hex');
}

function parseBase64(text: string, what: string): Buffer {
  const octets = Buffer.from(text, 'base64');
  if (octets.toString('base64') !== text) throw new DnsFormatError(`${what} is not base 64`);
  return octets;
}

/** Whether the last character is taken by a backslash before it. */
function isEscapedAtEnd(text: string): boolean {
  const backslashes = /\\*$/.exec(text.slice(0, -1))?.[0].length ?? 0;
  return backslashes % 2 === 1;
}
