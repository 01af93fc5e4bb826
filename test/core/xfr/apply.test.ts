import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { encodeA, encodeName } from '../../../core/dns/rdata.ts';
import { Name } from '../../../core/dns/name.ts';
import { applyDifferences } from '../../../core/xfr/apply.ts';
import { compareVersions } from '../../../core/xfr/compare.ts';
import { condense } from '../../../core/xfr/condense.ts';
import { OwnerIndex } from '../../../core/xfr/owner-index.ts';
import { TransferFormatError } from '../../../core/xfr/stream-end.ts';
import {
  openMessage,
  type Differences,
  type Pause,
  type ZoneVersion,
} from '../../../core/xfr/zone-version.ts';
import {
  changedRecords,
  inFile,
  inMemory,
  modelRecords,
  modelZone,
  naivelyApplied,
  recordsOf,
  rr,
  soaOf,
  textsOf,
  versionOf,
} from '../../support/zone-model.ts';

const noPause: Pause = () => Promise.resolve();
const manyChanges = { maxChanges: 1_000_000 };

const step = (
  from: number,
  to: number,
  deleted: readonly ResourceRecord[],
  added: readonly ResourceRecord[],
): Differences => ({ from: soaOf(from), to: soaOf(to), deleted, added });

const a = (name: string, last: number, ttl?: number): ResourceRecord =>
  rr(name, RrType.A, encodeA(`192.0.2.${last}`), ttl);

/** Zones of which each has much in common with the one before, the first of them cut into messages of so many records. */
const zones = fc
  .tuple(modelRecords, fc.integer({ min: 1, max: 20 }))
  .chain(([first, perMessage]) =>
    changedRecords(first).chain((second) =>
      changedRecords(second).map((third) => ({ perMessage, all: [first, second, third] as const })),
    ),
  );

async function apply(
  version: ZoneVersion,
  index: OwnerIndex,
  steps: readonly Differences[],
  store = inMemory,
) {
  return applyDifferences(version, index, steps, store, noPause);
}

/** That the index names, for each record, the message it is in, and that the version says of itself what is true. */
async function check(version: ZoneVersion, index: OwnerIndex): Promise<void> {
  let records = 1;
  let octets = 0;
  for (const [number, stored] of version.messages.entries()) {
    const message = await openMessage(stored);
    const inMessage = await recordsOf({ ...version, messages: [message] });
    expect(inMessage.length).to.be.above(0);
    for (const { name } of inMessage) expect([...index.messages(index.hashOf(name))]).to.include(number);
    records += inMessage.length;
    octets += message.length;
  }
  expect({ records: version.records, octets: version.octets }).to.deep.equal({ records, octets });
}

describe('applyDifferences', () => {
  for (const [where, store] of [
    ['in memory', inMemory],
    ['in a file', inFile()],
  ] as const) {
    it(`makes of one version the other, when told what changed, ${where} [RFC1995-4]`, async () => {
      await fc.assert(
        fc.asyncProperty(zones, async ({ all, perMessage }) => {
          let version = versionOf(all[0], { perMessage, store });
          const index = await OwnerIndex.build(version, noPause);
          for (const [at, records] of all.entries()) {
            const wanted = versionOf(records, { serial: at + 2, store });
            const differences = await compareVersions(version, wanted, manyChanges, noPause);
            version = await apply(version, index, [differences!], store);
            expect(textsOf(await recordsOf(version))).to.deep.equal(textsOf(records));
            expect(version.serial).to.equal(at + 2);
            expect(version.soa).to.deep.equal(wanted.soa);
            await check(version, index);
          }
        }),
        { numRuns: 150 },
      );
    });
  }

  it('does the same with several steps, one after the other, at once or condensed [RFC1995-5]', async () => {
    await fc.assert(
      fc.asyncProperty(zones, async ({ all, perMessage }) => {
        const version = versionOf(all[0], { perMessage });
        const steps: Differences[] = [];
        for (let at = 1; at < all.length; at += 1) {
          const [one, other] = [
            versionOf(all[at - 1]!, { serial: at }),
            versionOf(all[at]!, { serial: at + 1 }),
          ];
          steps.push((await compareVersions(one, other, manyChanges, noPause))!);
        }
        const wanted = textsOf(naivelyApplied(all[0], steps));
        for (const each of [steps, [condense(steps)]]) {
          const applied = await apply(version, await OwnerIndex.build(version, noPause), each);
          expect(textsOf(await recordsOf(applied))).to.deep.equal(wanted);
          expect(applied.serial).to.equal(3);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('makes anew only the messages that are touched, and one at the end', async () => {
    const records = Array.from({ length: 4000 }, (_, index) => a(`host${index}.example.com`, index % 250));
    const version = versionOf(records);
    const index = await OwnerIndex.build(version, noPause);
    const steps = [
      step(1, 2, [records[700]!], [a('host700.example.com', 251), a('new.example.com', 1)]),
      step(2, 3, [records[701]!], []),
    ];
    const next = await apply(version, index, steps);
    const anew = next.messages.filter((message) => !version.messages.includes(message));
    expect(anew.length).to.equal(2);
    expect(next.messages.length).to.equal(version.messages.length);
    const wanted = textsOf(naivelyApplied(records, steps));
    expect(textsOf(await recordsOf(next))).to.deep.equal(wanted);
    // The old version is what it was.
    expect(textsOf(await recordsOf(version))).to.deep.equal(textsOf(records));
  });

  it('does not let messages grow many and small', async () => {
    let records = Array.from({ length: 4000 }, (_, index) => a(`host${index}.example.com`, index % 250));
    let version = versionOf(records);
    const index = await OwnerIndex.build(version, noPause);
    const atFirst = version.messages.length;
    for (let serial = 1; serial <= 200; serial += 1) {
      const deleted = records.slice(0, 20);
      const added = deleted.map((_, number) => a(`new${serial}-${number}.example.com`, number));
      const next = step(serial, serial + 1, deleted, added);
      version = await apply(version, index, [next]);
      records = [...records.slice(20), ...added];
    }
    expect(textsOf(await recordsOf(version))).to.deep.equal(textsOf(records));
    expect(version.messages.length).to.be.within(atFirst, 2 * atFirst);
    await check(version, index);
  });

  const there = [
    a('a.example.com', 1),
    a('a.example.com', 2),
    rr('b.example.com', RrType.NS, encodeName(Name.parse('ns.EXAMPLE.com'))),
  ];
  for (const [title, steps] of [
    ['deletes what is not there', [step(1, 2, [a('c.example.com', 1)], [])]],
    ['deletes what has another RDATA', [step(1, 2, [a('a.example.com', 3)], [])]],
    ['deletes twice', [step(1, 2, [there[0]!, there[0]!], [])]],
    [
      'deletes in a later step what an earlier one deleted',
      [step(1, 2, [there[0]!], []), step(2, 3, [there[0]!], [])],
    ],
    ['adds what is there [RFC1995-4]', [step(1, 2, [], [a('A.example.com', 2)])]],
    [
      'adds what is there, in another case',
      [step(1, 2, [], [rr('B.example.com', RrType.NS, encodeName(Name.parse('NS.example.com')))])],
    ],
    ['adds twice', [step(1, 2, [], [a('c.example.com', 2), a('c.example.com', 2)])]],
    ['adds what is there and deletes it again', [step(1, 2, [], [there[0]!]), step(2, 3, [there[0]!], [])]],
    ['has an SOA record among its records', [step(1, 2, [], [soaOf(2)])]],
    ['begins with another serial', [step(2, 3, [there[0]!], [])]],
    ['leaves a step out', [step(1, 2, [there[0]!], []), step(3, 4, [], [])]],
    ['leads to an older serial [RFC1982-3.2]', [step(1, 0, [there[0]!], [])]],
    ['leads to the same serial', [step(1, 1, [there[0]!], [])]],
    [
      'leads to a serial that is neither newer nor older [RFC1982-3.2]',
      [step(1, 0x8000_0001, [there[0]!], [])],
    ],
  ] as const) {
    it(`refuses a transfer that ${title}, and leaves all as it was [RFC1995-4]`, async () => {
      const version = versionOf(there);
      const index = await OwnerIndex.build(version, noPause);
      const error: unknown = await apply(version, index, steps).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(TransferFormatError);
      const next = await apply(version, index, [step(1, 2, [there[1]!], [a('c.example.com', 9)])]);
      expect(textsOf(await recordsOf(next))).to.deep.equal(
        textsOf([there[0]!, there[2]!, a('c.example.com', 9)]),
      );
      await check(next, index);
    });
  }

  it('takes 2^32 - 1 for older than 0 [RFC1982-3.2]', async () => {
    const version = versionOf(there, { serial: 0xffff_ffff });
    const next = await apply(version, await OwnerIndex.build(version, noPause), [
      step(0xffff_ffff, 0, [there[0]!], []),
    ]);
    expect([next.serial, next.records]).to.deep.equal([0, 3]);
  });

  it('deletes a record whatever its TTL, and all that are there of it', async () => {
    const version = versionOf([...there, a('A.example.com', 1, 60)], { perMessage: 2 });
    const index = await OwnerIndex.build(version, noPause);
    const next = await apply(version, index, [step(1, 2, [a('a.example.com', 1, 5)], [])]);
    expect(textsOf(await recordsOf(next))).to.deep.equal(textsOf(there.slice(1)));
    await check(next, index);
  });

  it('takes the new case and TTL of a record that is deleted and added', async () => {
    const version = versionOf(there);
    const changed = a('A.exAmple.com', 1, 7);
    const next = await apply(version, await OwnerIndex.build(version, noPause), [
      step(1, 2, [there[0]!], [changed]),
    ]);
    const found = (await recordsOf(next)).find(({ ttl }) => ttl === 7);
    expect(found?.name.toString()).to.equal('A.exAmple.com');
    expect(next.records).to.equal(version.records);
  });

  it('makes an empty zone, and fills it again', async () => {
    const version = versionOf(there);
    const index = await OwnerIndex.build(version, noPause);
    const empty = await apply(version, index, [step(1, 2, there, [])]);
    expect([empty.messages.length, empty.records, empty.octets]).to.deep.equal([0, 1, 0]);
    const again = await apply(empty, index, [step(2, 3, [], there)]);
    expect(textsOf(await recordsOf(again))).to.deep.equal(textsOf(there));
    await check(again, index);
  });

  it('takes the version before, when the new one was not taken after all', async () => {
    const version = versionOf(there, { perMessage: 1 });
    const index = await OwnerIndex.build(version, noPause);
    await apply(version, index, [step(1, 2, [there[0]!, there[1]!], [])]);
    const next = await apply(version, index, [step(1, 5, [there[1]!], [])]);
    expect(textsOf(await recordsOf(next))).to.deep.equal(textsOf([there[0]!, there[2]!]));
    await check(next, index);
  });

  it('leaves all as it was when a message cannot be stored, or read', async () => {
    const version = versionOf(there, { perMessage: 2, store: inFile() });
    const index = await OwnerIndex.build(version, noPause);
    const full = (): never => {
      throw new Error('no space left');
    };
    const steps = [step(1, 2, [there[0]!], [a('c.example.com', 1)])];
    const unstored: unknown = await apply(version, index, steps, full).catch((thrown: unknown) => thrown);
    expect(unstored).to.be.an('error').with.property('message', 'no space left');
    const next = await apply(version, index, steps, inFile());
    expect(textsOf(await recordsOf(next))).to.deep.equal(textsOf(naivelyApplied(there, steps)));
  });

  it('goes over each message once for many changes of one owner', async () => {
    const records = Array.from({ length: 20_000 }, (_, index) =>
      rr('a.example.com', 65_280, Buffer.from(`record ${index}`)),
    );
    const store = inFile();
    const version = versionOf(records, { store });
    const index = await OwnerIndex.build(version, noPause);
    store.reads = 0;
    const next = await apply(version, index, [step(1, 2, records.slice(1), [])], store);
    expect(textsOf(await recordsOf(next))).to.deep.equal(textsOf(records.slice(0, 1)));
    expect(store.reads).to.be.at.most(2 * version.messages.length + 2);
  });

  it('lets others have their turn', async () => {
    const records = Array.from({ length: 20_000 }, (_, index) => a(`host${index}.example.com`, index % 250));
    let pauses = 0;
    const pause = (): Promise<void> => {
      pauses += 1;
      return Promise.resolve();
    };
    const version = versionOf(records);
    const index = await OwnerIndex.build(version, pause);
    expect(pauses).to.be.above(2);
    pauses = 0;
    await applyDifferences(version, index, [step(1, 2, records, [])], inMemory, pause);
    expect(pauses).to.be.above(40);
  });

  it('applies to messages of others, whose pointers lead anywhere', async () => {
    // A question, then the owner example.com by two pointers, then one with a pointer into the RDATA of the first.
    const message = Buffer.concat([
      Buffer.from('000084000001000300000000', 'hex'),
      modelZone.wire,
      Buffer.from('00fc0001', 'hex'),
      Buffer.from('c00c 0010 0001 0000012c 0005 04 03777777'.replaceAll(' ', ''), 'hex'),
      Buffer.from('01 61 c00c 0002 0001 0000012c 0004 0162 c00c'.replaceAll(' ', ''), 'hex'),
      Buffer.from('c02a 0001 0001 0000012c 0004 c0000201'.replaceAll(' ', ''), 'hex'),
    ]);
    const version = { ...versionOf([]), messages: [message], records: 4, octets: message.length };
    const before = await recordsOf(version);
    const index = await OwnerIndex.build(version, noPause);
    await check(version, index);
    const next = await apply(version, index, [step(1, 2, [before[1]!], [])]);
    expect(textsOf(await recordsOf(next))).to.deep.equal(textsOf([before[0]!, before[2]!]));
  });
});
