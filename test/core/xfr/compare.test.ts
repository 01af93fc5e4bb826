import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeName, encodeNsec } from '../../../core/dns/rdata.ts';
import { RecordCursor } from '../../../core/xfr/record-cursor.ts';
import { compareVersions } from '../../../core/xfr/compare.ts';
import {
  changedRecords,
  inFile,
  modelRecords,
  rr,
  soaOf,
  textsOf,
  versionOf,
} from '../../support/zone-model.ts';

const noPause = (): Promise<void> => Promise.resolve();
const a = (name: string, ttl?: number): ResourceRecord => rr(name, RrType.A, encodeA('192.0.2.1'), ttl);
const pairs = modelRecords.chain((older) => changedRecords(older).map((newer) => ({ older, newer })));

async function compared(
  older: readonly ResourceRecord[],
  newer: readonly ResourceRecord[],
  maxChanges = 1000,
) {
  return compareVersions(versionOf(older), versionOf(newer, { serial: 2 }), { maxChanges }, noPause);
}

function hashIn(cursor: RecordCursor, message: Buffer): number {
  cursor.open(message);
  cursor.next();
  cursor.expandCanonical();
  return cursor.hashExpanded();
}

describe('compareVersions', () => {
  it('finds what is in one version and not in the other, and nothing else [RFC1995-4]', async () => {
    await fc.assert(
      fc.asyncProperty(
        pairs,
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        fc.constantFrom(0, 1, 0xffff_ffff),
        async ({ older, newer }, perMessage, isInFile, seed) => {
          const store = isInFile ? { store: inFile() } : {};
          const [one, other] = [older, newer].map(textsOf);
          const found = await compareVersions(
            versionOf(older, { perMessage, ...store }),
            versionOf([...newer].reverse(), { serial: 2, ...store }),
            { maxChanges: 1000 },
            noPause,
            seed,
          );
          expect([found?.from, found?.to]).to.deep.equal([soaOf(1), soaOf(2)]);
          expect(textsOf(found!.deleted)).to.deep.equal(one!.filter((text) => !other!.includes(text)));
          expect(textsOf(found!.added)).to.deep.equal(other!.filter((text) => !one!.includes(text)));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes names in another case for the same, but the next name of NSEC [RFC4034-6.2] [RFC6840-5.1]', async () => {
    const ns = (target: string) => rr('a.example.com', RrType.NS, encodeName(Name.parse(target)));
    const same = await compared(
      [a('A.example.com'), ns('B.example.com')],
      [a('a.EXAMPLE.com'), ns('b.example.COM')],
    );
    expect(same).to.deep.include({ deleted: [], added: [] });
    const nsec = (next: string) =>
      rr('a.example.com', RrType.NSEC, encodeNsec({ nextName: Name.parse(next), types: [RrType.A] }));
    const found = await compared([nsec('B.example.com')], [nsec('b.example.com')]);
    expect([found?.deleted.length, found?.added.length]).to.deep.equal([1, 1]);
  });

  it('does not take records for the same whose hashes are', async () => {
    const seed = 12_345;
    const opaque = (number: number, last = 0) => {
      const rdata = Buffer.alloc(9, last);
      rdata.writeDoubleBE(Math.sin(number));
      return rr('a.example.com', 65_280, rdata);
    };
    // The last octet goes into the lowest bits: of two RDATAs whose hashes have all other bits alike it makes one hash.
    const cursor = new RecordCursor(seed);
    const known = new Map<number, { number: number; state: number }>();
    let pair: [ResourceRecord, ResourceRecord] | undefined;
    for (let number = 0; pair === undefined; number += 1) {
      const record = rr('a.example.com', 65_280, opaque(number).rdata.subarray(0, 8));
      const state = hashIn(cursor, versionOf([record]).messages[0] as Buffer);
      const other = known.get(state >>> 8);
      if (other !== undefined) pair = [opaque(other.number), opaque(number, (state ^ other.state) & 0xff)];
      known.set(state >>> 8, { number, state });
    }
    const [one, two] = pair.map((record) => versionOf([record]));
    expect(hashIn(cursor, one!.messages[0] as Buffer)).to.equal(hashIn(cursor, two!.messages[0] as Buffer));
    const found = await compareVersions(one!, two!, { maxChanges: 10 }, noPause, seed);
    expect(found).to.deep.include({ deleted: [pair[0]], added: [pair[1]] });
    const both = await compareVersions(versionOf(pair), two!, { maxChanges: 10 }, noPause, seed);
    expect(both).to.deep.include({ deleted: [pair[0]], added: [] });
  });

  it('makes a deletion and an addition of another TTL', async () => {
    const found = await compared(
      [a('a.example.com', 60), a('b.example.com')],
      [a('a.example.com', 61), a('b.example.com')],
    );
    expect(found).to.deep.include({ deleted: [a('a.example.com', 60)], added: [a('a.example.com', 61)] });
  });

  it('counts once what is there twice [RFC5936-2.2]', async () => {
    const [one, two] = [a('a.example.com'), a('b.example.com')];
    expect(await compared([one, one, two], [two, two, one])).to.deep.include({ deleted: [], added: [] });
    expect(await compared([one, one, two], [two])).to.deep.include({ deleted: [one], added: [] });
    expect(await compared([one], [two, one, two])).to.deep.include({ deleted: [], added: [two] });
  });

  it('gives up when there are more changes than allowed', async () => {
    const hosts = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => a(`host${from + index}.example.com`));
    expect(await compared(hosts(0, 10), hosts(5, 15), 10)).to.be.an('object');
    expect(await compared(hosts(0, 10), hosts(5, 15), 9)).to.equal(undefined);
    expect(await compared(hosts(0, 10), hosts(0, 5), 4)).to.equal(undefined);
    expect(await compared(hosts(0, 5), hosts(0, 10), 4)).to.equal(undefined);
  });

  it('is as good for a file, read message by message', async () => {
    const records = Array.from({ length: 5000 }, (_, index) => a(`host${index}.example.com`));
    const store = inFile();
    const older = versionOf(records, { store });
    const newer = versionOf(records.slice(1), { serial: 2, store });
    const found = await compareVersions(older, newer, { maxChanges: 1 }, noPause);
    expect(found).to.deep.include({ deleted: [records[0]!], added: [] });
    expect(store.reads).to.be.at.most(2 * older.messages.length + newer.messages.length + 1);
  });
});
