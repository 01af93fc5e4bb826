/**
 * Records from the text of a zone file (RFC 1035 section 5.1, RFC 3597 section 5, RFC 2308 section 4): for trust
 * anchors, for records given on a command line, and for examples out of standards.
 *
 * Limitations: class IN; RDATA of the types in rdata-text.ts; TTLs in seconds; no $INCLUDE.
 */
import { RrClass, rrClassName, rrTypeFromName } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import type { ResourceRecord } from './message.ts';
import { Name } from './name.ts';
import type { Tlsa } from './rdata.ts';
import { parseNameText, parseRdataText, readTlsa, TextFields } from './rdata-text.ts';
import { lineError, zoneEntries } from './zone-tokens.ts';
import type { ZoneEntry, ZoneToken } from './zone-tokens.ts';

export interface RecordTextOptions {
  /** What relative names are completed with; the root unless said otherwise, so that all names count as absolute. */
  readonly origin?: Name;
  /** Of records before the first TTL is stated; 3600 unless said otherwise. */
  readonly ttl?: number;
}

/** A record and where it was written. */
export interface RecordLine {
  readonly record: ResourceRecord;
  /** Where it begins, from 1. */
  readonly line: number;
}

const defaultTtl = 3600;
/** RFC 2181 section 8. */
const maxTtl = 0x7fff_ffff;

/** The records of a text. Throws DnsFormatError whose message names the line. */
export function parseRecords(text: string, options: RecordTextOptions = {}): ResourceRecord[] {
  return parseRecordLines(text, options).map(({ record }) => record);
}

/** The records of a text, each with its line. Throws DnsFormatError whose message names the line. */
export function parseRecordLines(text: string, options: RecordTextOptions = {}): RecordLine[] {
  const state: ReadingState = {
    origin: options.origin ?? Name.root,
    ttl: options.ttl ?? defaultTtl,
    owner: undefined,
  };
  return zoneEntries(text).flatMap((entry) => {
    try {
      const record = readEntry(entry, state);
      return record === undefined ? [] : [{ record, line: entry.line }];
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      throw lineError(entry.line, error.message, error);
    }
  });
}

/** A TLSA record's four fields, as `3 1 1 ab12…` (RFC 6698 section 2.2). Throws DnsFormatError. */
export function parseTlsaText(text: string): Tlsa {
  const [entry, ...more] = zoneEntries(text);
  if (entry === undefined || more.length > 0) throw new DnsFormatError('not one TLSA record');
  return readTlsa(new TextFields(entry.tokens, Name.root));
}

interface ReadingState {
  origin: Name;
  ttl: number;
  owner: Name | undefined;
}

/** The record of an entry; undefined for a directive, which changes the state. */
function readEntry(entry: ZoneEntry, state: ReadingState): ResourceRecord | undefined {
  const first = entry.tokens[0];
  if (first !== undefined && !first.isQuoted && first.text.startsWith('$')) {
    readDirective(first.text, new TextFields(entry.tokens.slice(1), state.origin), state);
    return undefined;
  }
  const rest = [...entry.tokens];
  if (!entry.isIndented) state.owner = parseNameText(rest.shift()?.text ?? '', state.origin);
  const { owner } = state;
  if (owner === undefined) throw new DnsFormatError('a record without an owner');
  const rrClass = readTtlAndClass(rest, state);
  if (rrClass !== RrClass.IN) throw new DnsFormatError(`class ${rrClassName(rrClass)}; only IN is read`);
  const typeText = rest.shift()?.text ?? '';
  const type = rrTypeFromName(typeText);
  if (type === undefined) throw new DnsFormatError(`type ${JSON.stringify(typeText)} is not known`);
  const rdata = parseRdataText(type, rest, state.origin);
  return { name: owner, type, class: rrClass, ttl: state.ttl, rdata };
}

/** RFC 1035 section 5.1: either, both or none, in either order. Takes the words; gives the class. */
function readTtlAndClass(tokens: ZoneToken[], state: ReadingState): number {
  let rrClass: number | undefined;
  let isTtlRead = false;
  for (;;) {
    const text = tokens[0]?.text ?? '';
    if (!isTtlRead && /^[0-9]+$/.test(text)) {
      state.ttl = readTtl(text);
      isTtlRead = true;
    } else if (rrClass === undefined && classOf(text) !== undefined) {
      rrClass = classOf(text);
    } else {
      return rrClass ?? RrClass.IN;
    }
    tokens.shift();
  }
}

function readDirective(directive: string, fields: TextFields, state: ReadingState): void {
  switch (directive.toUpperCase()) {
    case '$ORIGIN':
      state.origin = fields.name('the origin');
      break;
    case '$TTL':
      state.ttl = readTtl(fields.word('the TTL'));
      break;
    default:
      throw new DnsFormatError(`${directive} is not read here`);
  }
  fields.expectEnd();
}

function readTtl(text: string): number {
  const ttl = /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(ttl <= maxTtl)) throw new DnsFormatError('a TTL is a number of seconds below 2^31');
  return ttl;
}

/** Class of a mnemonic or of CLASSn (RFC 3597 section 5). */
function classOf(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(RrClass, upper)) return RrClass[upper as keyof typeof RrClass];
  const digits = /^CLASS([0-9]{1,5})$/.exec(upper)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
