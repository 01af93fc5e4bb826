/**
 * A zone as simply as can be, a set of records, and versions made of it: what the fast code of core/xfr is compared with.
 */
import * as fc from 'fast-check';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { parseMessage, type ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA, encodeMx, encodeName, encodeSoa, encodeTxt } from '../../core/dns/rdata.ts';
import {
  openMessage,
  type Differences,
  type FilePlace,
  type Store,
  type StoredMessage,
  type ZoneVersion,
} from '../../core/xfr/zone-version.ts';
import { ZoneWriter } from '../../core/xfr/zone-writer.ts';

export const modelZone = Name.parse('example.com');

export function soaOf(serial: number, zone = modelZone): ResourceRecord {
  const rdata = encodeSoa({ mname: zone, rname: zone, serial, refresh: 1, retry: 1, expire: 1, minimum: 1 });
  return { name: zone, type: RrType.SOA, class: RrClass.IN, ttl: 300, rdata };
}

export function rr(name: string, type: number, rdata: Buffer, ttl = 300): ResourceRecord {
  return { name: Name.parse(name), type, class: RrClass.IN, ttl, rdata };
}

/** For comparison with the records of others: what is the same by RFC 4034 section 6 has the same text. */
export function canonicalText({ name, type, ttl, rdata }: ResourceRecord): string {
  const hasNames = [RrType.NS, RrType.MX].some((one) => one === type);
  // Enough for the records of this file: nothing of theirs but letters would change.
  const canonical = hasNames ? Buffer.from(rdata.toString('latin1').toLowerCase(), 'latin1') : rdata;
  return `${name.toString().toLowerCase()} ${ttl} ${type} ${canonical.toString('hex')}`;
}

export function textsOf(records: Iterable<ResourceRecord>): string[] {
  return [...records].map(canonicalText).sort();
}

export const inMemory: Store = (message) => message;

/** A store whose messages stand in a file, as it were. */
export function inFile(): Store & { reads: number } {
  const store = Object.assign(
    (message: Buffer): FilePlace => ({
      file: {
        read: (_at, length) => {
          store.reads += 1;
          return length === message.length
            ? Promise.resolve(Buffer.from(message))
            : Promise.reject(new Error('a wrong length'));
        },
      },
      at: 0,
      length: message.length,
    }),
    { reads: 0 },
  );
  return store;
}

/** A version whose messages have at most so many records. */
export function versionOf(
  records: readonly ResourceRecord[],
  options: { serial?: number; perMessage?: number; store?: Store } = {},
): ZoneVersion {
  const { serial = 1, perMessage = Infinity, store = inMemory } = options;
  const messages: StoredMessage[] = [];
  const writer = new ZoneWriter(modelZone, (message) => messages.push(store(message)));
  for (const record of records) {
    writer.add(record);
    if (writer.records >= perMessage) writer.finish();
  }
  writer.finish();
  const octets = messages.reduce((sum, { length }) => sum + length, 0);
  return { zone: modelZone, soa: soaOf(serial), serial, records: records.length + 1, octets, messages };
}

/** All records of a version but its SOA record, read strictly. */
export async function recordsOf(version: ZoneVersion): Promise<ResourceRecord[]> {
  const messages = await Promise.all(version.messages.map(async (stored) => openMessage(stored)));
  return messages.flatMap((message) => [...parseMessage(message).answers]);
}

/** What steps make of records, one after the other. */
export function naivelyApplied(
  records: Iterable<ResourceRecord>,
  steps: Iterable<Differences>,
): ResourceRecord[] {
  const all = new Map([...records].map((record) => [canonicalText({ ...record, ttl: 0 }), record]));
  for (const { deleted, added } of steps) {
    for (const record of deleted) all.delete(canonicalText({ ...record, ttl: 0 }));
    for (const record of added) all.set(canonicalText({ ...record, ttl: 0 }), record);
  }
  return [...all.values()];
}

const owner = fc
  .tuple(
    fc.constantFrom('a', 'B', 'b', 'cc', 'cC', 'a.b', '*', 'x\\.y', 'long-label-number-one'),
    fc.boolean(),
  )
  .map(([label, isDeep]) => `${label}.${isDeep ? 'sub.' : ''}example.com`);
const ttl = fc.constantFrom(300, 300, 300, 60);

/** Records of few owners and few RDATAs, so that zones of them have much in common. */
export const modelRecord: fc.Arbitrary<ResourceRecord> = fc.oneof(
  fc
    .tuple(owner, ttl, fc.integer({ min: 0, max: 5 }))
    .map(([name, seconds, number]) => rr(name, RrType.A, encodeA(`192.0.2.${number}`), seconds)),
  fc
    .tuple(owner, ttl, owner)
    .map(([name, seconds, target]) => rr(name, RrType.NS, encodeName(Name.parse(target)), seconds)),
  fc
    .tuple(owner, ttl, owner)
    .map(([name, seconds, target]) =>
      rr(name, RrType.MX, encodeMx({ preference: 1, exchange: Name.parse(target) }), seconds),
    ),
  fc
    .tuple(owner, ttl, fc.constantFrom('a', 'A', 'b'), fc.constantFrom(1, 1, 1, 60))
    .map(([name, seconds, text, strings]) =>
      rr(name, RrType.TXT, encodeTxt(Array.from({ length: strings }, () => Buffer.alloc(80, text))), seconds),
    ),
  owner.map((name) => rr(name, 65_280, Buffer.alloc(0))),
);

/** A zone: no record twice. */
export const modelRecords: fc.Arbitrary<ResourceRecord[]> = fc.uniqueArray(modelRecord, {
  maxLength: 60,
  selector: (record) => canonicalText({ ...record, ttl: 0 }),
});

/** Another zone that has much in common with the first. */
export function changedRecords(records: readonly ResourceRecord[]): fc.Arbitrary<ResourceRecord[]> {
  return fc.tuple(fc.infiniteStream(fc.integer({ min: 0, max: 9 })), modelRecords).map(([dice, more]) => {
    const kept = records.filter(() => dice.next().value !== 0);
    return naivelyApplied(kept, [
      { from: soaOf(1), to: soaOf(2), deleted: [], added: more.slice(0, more.length >> 2) },
    ]);
  });
}
