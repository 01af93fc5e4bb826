/** Versions of zones for checks of whole zones: from records or text, in as many messages and in such an order as a test likes. */
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { parseSoa } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { RrClass } from '../../../core/dns/constants.ts';
import { MessageWriter } from '../../../core/dns/writer.ts';
import type { Pause, ZoneVersion } from '../../../core/xfr/zone-version.ts';

export const noPause: Pause = () => Promise.resolve();

/** The first SOA record is that of the version; others are left out. */
export function versionOf(records: readonly ResourceRecord[], recordsPerMessage = 50): ZoneVersion {
  const soa = records.find(({ type }) => type === RrType.SOA);
  if (soa === undefined) throw new Error('a version needs an SOA record');
  const rest = records.filter(({ type }) => type !== RrType.SOA);
  const messages: Buffer[] = [];
  for (let at = 0; at < rest.length; at += recordsPerMessage) {
    const writer = new MessageWriter({ qr: true, aa: true });
    writer.addQuestion({ name: soa.name, type: RrType.AXFR, class: RrClass.IN });
    for (const record of rest.slice(at, at + recordsPerMessage)) {
      if (!writer.tryAdd('answer', record)) throw new Error('too many records for one message');
    }
    messages.push(writer.finish());
  }
  return {
    zone: soa.name,
    soa,
    serial: parseSoa(soa.rdata).serial,
    records: rest.length + 1,
    octets: messages.reduce((sum, message) => sum + message.length, 0),
    messages,
  };
}

export function versionOfText(text: string, recordsPerMessage?: number): ZoneVersion {
  return versionOf(parseRecords(text), recordsPerMessage);
}

/** The same values in another order, always the same one for the same seed. */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const result = [...values];
  let state = seed;
  for (let at = result.length - 1; at > 0; at -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = state % (at + 1);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}
