/**
 * Master files (RFC 1035 section 5.1, RFC 2308 section 4, RFC 3597 section 5): the records of a zone, one after the other,
 * each with its line. `$ORIGIN` and `$TTL` are obeyed; owner, TTL and class may be left out.
 *
 * What servers add to the standard and operators write: times with units (`1h30m`), in TTLs and in the SOA record.
 *
 * Limitations: class IN; RDATA of the types in rdata-text.ts, any other as `\# length hex`; no $INCLUDE, since a text has no
 * folder; no $GENERATE. Whether the records make a zone is not judged.
 */
import { RrClass, rrClassName, RrType, rrTypeFromName } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import type { ResourceRecord } from './message.ts';
import { Name } from './name.ts';
import { parseSoa } from './rdata.ts';
import { parseNameText, parseSeconds, readRdataText, TextFields } from './rdata-text.ts';
import { lineError, zoneEntries } from './zone-tokens.ts';
import type { ZoneEntry, ZoneToken } from './zone-tokens.ts';

/** A record and where it was written. */
export interface RecordLine {
  readonly record: ResourceRecord;
  /** Where it begins, from 1. */
  readonly line: number;
}

export interface ZoneFileOptions {
  /** What relative names are completed with until $ORIGIN says otherwise; the root unless given. */
  readonly origin?: Name;
  /**
   * Of records before the first TTL is stated, in seconds. Without it such a record is refused, but for the SOA record, which
   * takes its minimum (RFC 1035 section 3.3.13).
   */
  readonly ttl?: number;
  /** More are refused; there is no bound unless given. */
  readonly maxRecords?: number;
}

/** The records of a master file, in its order, as they are read. Throws DnsFormatError whose message names the line. */
export function* readZoneFile(text: string, options: ZoneFileOptions = {}): Generator<RecordLine> {
  const { maxRecords = Infinity } = options;
  const reader = new EntryReader(options);
  let count = 0;
  for (const entry of zoneEntries(text)) {
    const record = inLine(entry.line, () => reader.read(entry));
    if (record === undefined) continue;
    count += 1;
    if (count > maxRecords) throw lineError(entry.line, `more than ${maxRecords} records`);
    yield { record, line: entry.line };
  }
}

function inLine<T>(line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    throw lineError(line, error.message, error);
  }
}

/** Reads entries one by one, and is what one of them leaves for the next. */
export class EntryReader {
  /** What relative names are completed with. */
  origin: Name;
  /** Of an entry that begins with a space. */
  owner: Name | undefined;
  /** Of $TTL: RFC 2308 section 4. */
  defaultTtl: number | undefined;
  /** The last that a record stated: RFC 1035 section 5.1. */
  lastTtl: number | undefined;
  #token: ZoneToken | undefined;
  #fields: TextFields | undefined;

  constructor({ origin, ttl }: ZoneFileOptions) {
    this.origin = origin ?? Name.root;
    this.lastTtl = ttl;
  }

  /** The word that was read last: the one at fault when `read` has thrown. */
  get last(): ZoneToken | undefined {
    return this.#fields?.last ?? this.#token;
  }

  /** The record of an entry; undefined for a directive. Throws DnsFormatError. */
  read(entry: ZoneEntry): ResourceRecord | undefined {
    const [first] = entry.tokens;
    this.#token = first;
    this.#fields = undefined;
    if (first !== undefined && !first.isQuoted && first.text.startsWith('$')) {
      this.#obey(first.text, this.#fieldsOf(entry.tokens.slice(1)));
      return undefined;
    }
    const rest = [...entry.tokens];
    if (!entry.isIndented) this.owner = this.#ownerOf(rest.shift()?.text ?? '');
    if (this.owner === undefined) throw new DnsFormatError('a record without an owner');
    this.#token = rest[0] ?? first;
    const stated = takeTtlAndClass(rest);
    if (stated.rrClass !== RrClass.IN) {
      this.#token = entry.tokens.find(({ text }) => classOf(text) === stated.rrClass);
      throw new DnsFormatError(`class ${rrClassName(stated.rrClass)}; only IN is read`);
    }
    this.#token = rest[0] ?? this.#token;
    const typeText = rest.shift()?.text ?? '';
    const type = rrTypeFromName(typeText);
    if (type === undefined) throw new DnsFormatError(`type ${JSON.stringify(typeText)} is not known`);
    const rdata = readRdataText(type, this.#fieldsOf(rest));
    const ttl = this.#ttlOf(stated.ttl, type, rdata);
    return { name: this.owner, type, class: RrClass.IN, ttl, rdata };
  }

  #fieldsOf(tokens: readonly ZoneToken[]): TextFields {
    return (this.#fields = new TextFields(tokens, this.origin));
  }

  /** The records of a name mostly follow each other: they share one Name. */
  #ownerOf(text: string): Name {
    const name = parseNameText(text, this.origin);
    return this.owner?.wire.equals(name.wire) === true ? this.owner : name;
  }

  #ttlOf(stated: number | undefined, type: number, rdata: Buffer): number {
    if (stated !== undefined) return (this.lastTtl = stated);
    const ttl = this.defaultTtl ?? this.lastTtl;
    if (ttl !== undefined) return ttl;
    if (type === RrType.SOA) return (this.lastTtl = Math.min(parseSoa(rdata).minimum, maxTtl));
    throw new DnsFormatError('a record without a TTL, and none stated before; begin with $TTL 3600');
  }

  #obey(directive: string, fields: TextFields): void {
    switch (directive.toUpperCase()) {
      case '$ORIGIN':
        this.origin = fields.name('the origin');
        break;
      case '$TTL':
        this.defaultTtl = readTtl(fields.word('the TTL'));
        break;
      case '$INCLUDE':
        throw new DnsFormatError('$INCLUDE is not read here: write the records of that file into this one');
      default:
        throw new DnsFormatError(`${directive} is not read here`);
    }
    fields.expectEnd();
  }
}

/** RFC 2181 section 8. */
const maxTtl = 0x7fff_ffff;

/** RFC 1035 section 5.1: either, both or none, in either order. Takes the words. */
function takeTtlAndClass(tokens: ZoneToken[]): { ttl: number | undefined; rrClass: number } {
  let rrClass: number | undefined;
  let ttl: number | undefined;
  for (;;) {
    const text = tokens[0]?.text ?? '';
    if (ttl === undefined && /^[0-9]/.test(text)) {
      ttl = readTtl(text);
    } else if (rrClass === undefined && classOf(text) !== undefined) {
      rrClass = classOf(text);
    } else {
      return { ttl, rrClass: rrClass ?? RrClass.IN };
    }
    tokens.shift();
  }
}

function readTtl(text: string): number {
  const ttl = parseSeconds(text);
  if (ttl === undefined || ttl > maxTtl) {
    throw new DnsFormatError('a TTL is a number of seconds below 2^31, or a time such as 1h30m');
  }
  return ttl;
}

/** Class of a mnemonic or of CLASSn (RFC 3597 section 5). */
function classOf(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(RrClass, upper)) return RrClass[upper as keyof typeof RrClass];
  const digits = /^CLASS([0-9]{1,5})$/.exec(upper)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
