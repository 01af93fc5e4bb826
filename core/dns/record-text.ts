/**
 * Records written by hand, as a zone file has them (zone-file.ts): for trust anchors, for records given on a command line, and
 * for examples out of standards.
 *
 * Limitations: those of zone-file.ts.
 */
import { DnsFormatError } from './errors.ts';
import type { ResourceRecord } from './message.ts';
import { Name } from './name.ts';
import type { Tlsa } from './rdata.ts';
import { readTlsa, TextFields } from './rdata-text.ts';
import { readZoneFile, type RecordLine } from './zone-file.ts';
import { zoneEntries } from './zone-tokens.ts';

export interface RecordTextOptions {
  /** What relative names are completed with; the root unless said otherwise, so that all names count as absolute. */
  readonly origin?: Name;
  /** Of records before the first TTL is stated; 3600 unless said otherwise. */
  readonly ttl?: number;
}

const defaultTtl = 3600;

/** The records of a text. Throws DnsFormatError whose message names the line. */
export function parseRecords(text: string, options: RecordTextOptions = {}): ResourceRecord[] {
  return parseRecordLines(text, options).map(({ record }) => record);
}

/** The records of a text, each with its line. Throws DnsFormatError whose message names the line. */
export function parseRecordLines(text: string, options: RecordTextOptions = {}): RecordLine[] {
  return [...readZoneFile(text, { ttl: defaultTtl, ...options })];
}

/** A TLSA record's four fields, as `3 1 1 ab12…` (RFC 6698 section 2.2). Throws DnsFormatError. */
export function parseTlsaText(text: string): Tlsa {
  const [entry, ...more] = zoneEntries(text);
  if (entry === undefined || more.length > 0) throw new DnsFormatError('not one TLSA record');
  return readTlsa(new TextFields(entry.tokens, Name.root));
}
