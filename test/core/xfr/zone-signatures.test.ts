import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseNsec, parseRrsig } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { CanonicalZone } from '../../../core/xfr/canonical-zone.ts';
import { recordsOwnedBy } from '../../../core/xfr/zone-apex.ts';
import {
  apexDenialOwner,
  checkApex,
  checkZoneSignatures,
  type Trust,
} from '../../../core/xfr/zone-signatures.ts';
import type { Nsec3Options } from '../../support/denial-chain.ts';
import type { SigningAlgorithm } from '../../support/signing-key.ts';
import { noPause, shuffled, versionOf } from './checked-zones.ts';
import { apex, nowMs, period, signedZone, zoneText } from './signed-zones.ts';

async function full(records: readonly ResourceRecord[], trust: Trust): Promise<string | undefined> {
  const version = versionOf(records, 20);
  const zone = await CanonicalZone.build(version, 1 << 24, noPause);
  return checkZoneSignatures(zone!, await recordsOwnedBy(version, apex, noPause), trust, noPause);
}

async function atApex(records: readonly ResourceRecord[], trust: Trust): Promise<string | undefined> {
  const version = versionOf(records, 20);
  const own = await recordsOwnedBy(version, apex, noPause);
  const owner = apexDenialOwner(apex, own);
  const denial = owner === undefined ? [] : await recordsOwnedBy(version, owner, noPause);
  return checkApex(apex, own, denial, trust);
}

const chains: readonly [title: string, denial: 'nsec' | Nsec3Options][] = [
  ['NSEC', 'nsec'],
  ['NSEC3', { iterations: 3, salt: Buffer.from('abcd', 'hex') }],
  ['NSEC3 with Opt-Out', { optOut: true }],
];

/** Not signed: delegations, glue, what a cut or a DNAME hides. */
function isUnsigned({ name, type }: ResourceRecord): boolean {
  const isAtCut = ['sub', 'safe', 'x.only.cuts', 'y.only.cuts'].some((cut) =>
    name.equals(Name.parse(`${cut}.example`)),
  );
  const isHidden = name.isBelow(Name.parse('sub.example')) || name.isBelow(Name.parse('alias.example'));
  return (isAtCut && type === RrType.NS) || isHidden;
}

describe('checkZoneSignatures', () => {
  for (const [title, denial] of chains) {
    describe(`of a zone with ${title}`, () => {
      const { records, trust } = signedZone(denial);

      it('finds nothing wrong, in whatever order the records come [RFC4035-2]', async () => {
        expect(await full(records, trust)).to.be.undefined;
        expect(await full(shuffled(records, 3), trust)).to.be.undefined;
      });

      it('finds each record missing that the zone has authority over [RFC4035-2.2] [RFC4035-2.3]', async () => {
        for (const [index, record] of records.entries()) {
          if (record.type === RrType.SOA || isUnsigned(record)) continue;
          const fault = await full(records.toSpliced(index, 1), trust);
          // Who has two keys is good without the signature of one.
          expect(fault, `${record.name.toString()} ${record.type}`).to.be.a('string');
        }
      });

      it('finds each record changed, by its TTL or its last octet [RFC4035-5.3.1]', async () => {
        for (const [index, record] of records.entries()) {
          if (isUnsigned(record)) continue;
          const longer = { ...record, ttl: record.ttl + 1 };
          const rdata = Buffer.from(record.rdata);
          // The bit map of NSEC3 may be empty, and its last octet then one of a hash with a length before it.
          rdata[record.type === RrType.NSEC3 || record.type === RrType.NSEC3PARAM ? 1 : rdata.length - 1]! ^=
            0x01;
          const isName = record.type === RrType.NS || record.type === RrType.DNAME;
          if (record.type !== RrType.RRSIG) {
            expect(await full(records.with(index, longer), trust), `TTL of ${index}`).to.be.a('string');
          }
          if (!isName) {
            expect(await full(records.with(index, { ...record, rdata }), trust), `RDATA ${index}`).to.be.a(
              'string',
            );
          }
        }
      });

      it('finds records that were added, at names that are there and at new ones [RFC4035-2.3]', async () => {
        for (const text of [
          'ns1.example. 3600 IN TXT "more"',
          'ns1.example. 3600 IN A 192.0.2.66',
          'new.example. 3600 IN TXT "new"',
          'deep.example. 3600 IN TXT "was empty"',
          'sub.example. 3600 IN DS 1 13 2 00',
        ]) {
          expect(await full([...records, ...parseRecords(text)], trust), text).to.be.a('string');
        }
      });

      it('passes over glue and what is hidden [RFC4035-2.2]', async () => {
        const [glue] = parseRecords('new.sub.example. 60 IN A 192.0.2.77');
        expect(await full([...records, glue!], trust)).to.be.undefined;
        const [hidden] = parseRecords('new.alias.example. 60 IN A 192.0.2.77');
        expect(await full([...records, hidden!], trust)).to.be.undefined;
      });

      it('finds an unsigned delegation added unless the chain leaves them out [RFC5155-6]', async () => {
        const [cut] = parseRecords('newcut.example. 60 IN NS ns.elsewhere.');
        const fault = await full([...records, cut!], trust);
        if (title === 'NSEC3 with Opt-Out') expect(fault).to.be.undefined;
        else expect(fault).to.be.a('string');
      });

      it('finds a name taken away with its link of the chain [RFC4034-4] [RFC5155-7.1]', async () => {
        const z = Name.parse('z.example');
        const isChain = ({ type }: ResourceRecord): boolean => type === RrType.NSEC || type === RrType.NSEC3;
        const without = records.filter((record) => !record.name.equals(z));
        expect(await full(without, trust)).to.be.a('string');
        const links = records.filter((record) => isChain(record));
        for (const link of links) {
          const rest = records.filter(({ name }) => !name.equals(link.name) || name.equals(apex));
          if (rest.length < records.length)
            expect(await full(rest, trust), link.name.toString()).to.be.a('string');
        }
      });
    });
  }

  for (const algorithm of [8, 10, 14, 15, 16] as SigningAlgorithm[]) {
    it(`verifies algorithm ${algorithm}`, async () => {
      const { records, trust } = signedZone('nsec', { algorithm });
      expect(await full(records, trust)).to.be.undefined;
      const at = records.findIndex(({ type }) => type === RrType.AAAA);
      const rdata = Buffer.alloc(16);
      const changed = records.with(at, { ...records[at]!, rdata });
      expect(await full(changed, trust)).to.match(/^the signature of ns1\.example AAAA .* is wrong/);
    });
  }

  const { records, trust } = signedZone('nsec');

  it('wants the times of signatures to hold now [RFC4035-5.3.1]', async () => {
    expect(await full(records, { ...trust, nowMs: period.expiration * 1000 })).to.be.undefined;
    expect(await full(records, { ...trust, nowMs: period.expiration * 1000 + 1000 })).to.match(/expired/);
    expect(await full(records, { ...trust, nowMs: period.inception * 1000 })).to.be.undefined;
    expect(await full(records, { ...trust, nowMs: period.inception * 1000 - 1000 })).to.match(
      /valid only from/,
    );
  });

  it('wants the keys to be those that are trusted [RFC4035-5.2]', async () => {
    const other = signedZone('nsec');
    expect(await full(records, other.trust)).to.match(/no DNSKEY of example is named/);
    const anchor = { zone: apex, ds: [], dnskeys: [] };
    const dnskeys = records.filter(({ type }) => type === RrType.DNSKEY).map(({ rdata }) => rdata);
    expect(await full(records, { nowMs, anchor: { ...anchor, dnskeys } })).to.be.undefined;
    expect(await full(parseRecords(zoneText), trust)).to.match(/no DNSKEY records/);
  });

  it('is content with one good signature beside others [RFC6840-5.4]', async () => {
    const other = signedZone('nsec');
    const strange = other.records.filter(
      ({ type, rdata }) => type === RrType.RRSIG && parseRrsig(rdata).typeCovered !== RrType.DNSKEY,
    );
    expect(await full([...records, ...strange], trust)).to.be.undefined;
  });

  it('does not take a record for one that was expanded from a wildcard [RFC4035-2.2]', async () => {
    const wild = records.filter(({ name }) => name.equals(Name.parse('*.wild.example')));
    const copies = wild
      .filter(({ type }) => type === RrType.TXT || type === RrType.RRSIG)
      .map((record) => ({ ...record, name: Name.parse('other.wild.example') }));
    expect(await full([...records, ...copies], trust)).to.match(/for a name of 2 labels|leads to/);
  });

  it('names the record and says how to mend it', async () => {
    const at = records.findIndex(
      ({ name, type }) => type === RrType.RRSIG && name.equals(Name.parse('z.example')),
    );
    expect(await full(records.toSpliced(at, 1), trust)).to.equal(
      'z.example TXT has no signature: sign the zone again',
    );
    const nsec = records.findIndex(
      ({ name, type }) => type === RrType.NSEC && name.equals(Name.parse('z.example')),
    );
    expect(parseNsec(records[nsec]!.rdata).nextName.equals(apex)).to.be.true;
  });
});

describe('checkApex', () => {
  const withDigest = `${zoneText}example. 3600 IN ZONEMD \\# 54 000000070101${'00'.repeat(48)}\n`;
  for (const [title, denial] of chains) {
    it(`asks for the signature over the ZONEMD record, with ${title} [RFC8976-4]`, async () => {
      const { records, trust } = signedZone(denial, { text: withDigest });
      expect(await atApex(records, trust)).to.be.undefined;
      const at = records.findIndex(({ type }) => type === RrType.ZONEMD);
      const rdata = Buffer.from(records[at]!.rdata);
      rdata[20] = 1;
      expect(await atApex(records.with(at, { ...records[at]!, rdata }), trust)).to.match(/ZONEMD .*is wrong/);
    });

    it(`asks for the proof where there is no ZONEMD record, with ${title} [RFC8976-4]`, async () => {
      const { records, trust } = signedZone(denial, { text: withDigest });
      const stripped = records.filter(({ type }) => type !== RrType.ZONEMD);
      expect(await atApex(stripped, trust)).to.match(/signed as having ZONEMD records and has none/);
      const plain = signedZone(denial);
      expect(await atApex(plain.records, plain.trust)).to.be.undefined;
      const unproved = plain.records.filter(({ type }) => type !== RrType.NSEC && type !== RrType.NSEC3);
      expect(await atApex(unproved, plain.trust)).to.match(/neither a ZONEMD record nor/);
    });
  }

  it('asks for the signature over the SOA record, and for no other [RFC8976-4]', async () => {
    const { records, trust } = signedZone('nsec');
    const soa = records.findIndex(({ type }) => type === RrType.SOA);
    const rdata = Buffer.from(records[soa]!.rdata);
    rdata[rdata.length - 1] = 9;
    expect(await atApex(records.with(soa, { ...records[soa]!, rdata }), trust)).to.match(/SOA .*is wrong/);
    const a = records.findIndex(({ type }) => type === RrType.A);
    expect(await atApex(records.toSpliced(a, 1), trust)).to.be.undefined;
  });
});
