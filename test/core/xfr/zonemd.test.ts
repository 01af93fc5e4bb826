import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { CanonicalZone } from '../../../core/xfr/canonical-zone.ts';
import { mayHaveZonemd } from '../../../core/xfr/zone-apex.ts';
import { makeZonemd, verifyZonemd, type ZonemdVerdict } from '../../../core/xfr/zonemd.ts';
import type { ZoneVersion } from '../../../core/xfr/zone-version.ts';
import { noPause, shuffled, versionOf, versionOfText } from './checked-zones.ts';

const limits = { 'check-octets': 1 << 24 };

function published(number: number): ResourceRecord[] {
  const path = `${import.meta.dirname}/../../vectors/rfc8976/a${number}.txt`;
  return parseRecords(readFileSync(path, 'utf8'));
}

async function verdict(version: ZoneVersion): Promise<ZonemdVerdict> {
  return (await verifyZonemd(version, noPause, limits)).verdict;
}

/** A ZONEMD record of the zone as text, with fields that a test may get wrong. */
function zonemd(serial: number, scheme: number, hash: number, digest: string): string {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt32BE(serial, 0);
  fixed.writeUInt8(scheme, 4);
  fixed.writeUInt8(hash, 5);
  const hex = fixed.toString('hex') + digest;
  return `example. 3600 IN ZONEMD \\# ${hex.length / 2} ${hex}\n`;
}

const plain = `example. 3600 IN SOA ns. admin. 5 1 1 1 1
example. 3600 IN NS ns.example.
ns.example. 3600 IN A 192.0.2.1
`;

async function digestOf(text: string, hash: number): Promise<string> {
  const zone = await CanonicalZone.build(versionOfText(text), limits['check-octets'], noPause);
  return (await makeZonemd(zone!, 5, hash, noPause)).toString('hex').slice(12);
}

describe('verifyZonemd', () => {
  for (const number of [1, 2, 3, 4, 5]) {
    it(`finds the digest of appendix A.${number} right, in whatever order the records come [RFC8976-A]`, async () => {
      const records = published(number);
      expect(await verdict(versionOf(records))).to.equal('ok');
      for (const seed of [1, 2, 3, 4]) {
        expect(await verdict(versionOf(shuffled(records, seed), seed))).to.equal('ok');
      }
    });
  }

  it('finds every change of an octet of a record [RFC8976-4]', async () => {
    let changes = 0;
    for (const number of [1, 4, 5]) {
      const records = published(number);
      for (const [index, record] of records.entries()) {
        const isExcluded =
          // Appendix A.5 has its SOA record at both ends.
          (record.type === RrType.SOA && index > 0) ||
          record.type === RrType.ZONEMD ||
          (record.type === RrType.RRSIG && record.rdata.readUInt16BE(0) === RrType.ZONEMD);
        if (isExcluded) continue;
        // The last octet is of a letter's case nowhere but in names, so a bit that is no case is turned.
        const rdata = Buffer.from(record.rdata);
        rdata[rdata.length - 1]! ^= 0x01;
        // The last octet of a name is its end, which cannot be another.
        const endsInName = [RrType.NS, RrType.MX, RrType.NAPTR].some((type) => type === record.type);
        const changed: ResourceRecord = endsInName
          ? { ...record, ttl: record.ttl + 1 }
          : { ...record, rdata };
        expect(await verdict(versionOf(records.with(index, changed))), String(index)).to.equal('wrong');
        changes += 1;
      }
    }
    expect(changes).to.be.greaterThan(70);
  });

  it('finds every octet of a digest changed [RFC8976-4]', async () => {
    const records = published(1);
    const index = records.findIndex(({ type }) => type === RrType.ZONEMD);
    const { rdata } = records[index]!;
    for (let at = 0; at < rdata.length; at += 1) {
      const changed = Buffer.from(rdata);
      changed[at]! ^= 0x80;
      const result = await verdict(versionOf(records.with(index, { ...records[index]!, rdata: changed })));
      expect(result).to.equal(at === 4 || at === 5 ? 'unsupported' : 'wrong');
    }
  });

  it('finds a record that was added or taken away [RFC8976-4]', async () => {
    const records = published(2);
    const added = parseRecords('new.example. 60 IN A 192.0.2.9');
    expect(await verdict(versionOf([...records, ...added]))).to.equal('wrong');
    const glue = records.findIndex(({ name }) => name.equals(Name.parse('ns2.example')));
    const occluded = records.findIndex(({ name }) => name.equals(Name.parse('occluded.sub.example')));
    for (const gone of [glue, occluded]) {
      expect(await verdict(versionOf(records.toSpliced(gone, 1)))).to.equal('wrong');
    }
  });

  it('takes equal records once, and names in any case [RFC8976-3.3.1.1]', async () => {
    const records = published(2);
    const upper = Name.parse('DUPLICATE.eXample');
    const twin = records.find(({ name }) => name.equals(upper))!;
    expect(await verdict(versionOf([...records, { ...twin, name: upper }]))).to.equal('ok');
  });

  it('leaves the signature of the ZONEMD record out, and no other [RFC8976-3.3.1.1]', async () => {
    const records = published(4);
    const signature = (type: number): number =>
      records.findIndex((each) => each.type === RrType.RRSIG && each.rdata.readUInt16BE(0) === type);
    expect(await verdict(versionOf(records.toSpliced(signature(RrType.ZONEMD), 1)))).to.equal('ok');
    expect(await verdict(versionOf(records.toSpliced(signature(RrType.SOA), 1)))).to.equal('wrong');
  });

  it('verifies SHA-512 as well as SHA-384 [RFC8976-2.2.3]', async () => {
    const records = published(3);
    const isOf = (record: ResourceRecord, hash: number): boolean =>
      record.type === RrType.ZONEMD && record.rdata[5] === hash && record.rdata[4] === 1;
    const without384 = records.filter((record) => !isOf(record, 1));
    expect((await verifyZonemd(versionOf(without384), noPause, limits)).words).to.include('sha512');
    const neither = without384.filter((record) => !isOf(record, 2));
    expect(await verdict(versionOf(neither))).to.equal('unsupported');
  });

  const wrong: [title: string, make: () => Promise<string>, verdict: ZonemdVerdict][] = [
    ['of another serial', async () => zonemd(6, 1, 1, await digestOf(plain, 1)), 'wrong'],
    [
      'that is cut to 12 octets',
      async () => zonemd(5, 1, 1, (await digestOf(plain, 1)).slice(0, 24)),
      'wrong',
    ],
    ['that is too long', async () => zonemd(5, 1, 1, `${await digestOf(plain, 1)}00`), 'wrong'],
    ['of another hash', async () => zonemd(5, 1, 2, await digestOf(plain, 1)), 'wrong'],
    ['of an unknown scheme', async () => zonemd(5, 240, 1, await digestOf(plain, 1)), 'unsupported'],
    ['that is no record', () => Promise.resolve('example. 3600 IN ZONEMD \\# 3 000005\n'), 'wrong'],
    [
      'twice with one scheme and hash',
      async () => zonemd(5, 1, 1, await digestOf(plain, 1)) + zonemd(5, 1, 1, '00'.repeat(48)),
      'wrong',
    ],
    [
      'twice, one hash of them wrong',
      async () => zonemd(5, 1, 2, await digestOf(plain, 2)) + zonemd(5, 1, 1, '00'.repeat(48)),
      'ok',
    ],
    ['below the apex only', () => Promise.resolve('x.example. 3600 IN ZONEMD \\# 3 000005\n'), 'absent'],
  ];
  for (const [title, make, expected] of wrong) {
    it(`judges a digest ${title} as ${expected} [RFC8976-4]`, async () => {
      const version = versionOfText(plain + (await make()));
      expect(await verdict(version)).to.equal(expected);
      expect(await mayHaveZonemd(version, noPause)).to.be.true;
    });
  }

  it('says that there is no record', async () => {
    const version = versionOfText(plain);
    expect(await verdict(version)).to.equal('absent');
    expect(await mayHaveZonemd(version, noPause)).to.be.false;
  });

  it('gives a zone up that has more octets than the limit, and says so', async () => {
    const result = await verifyZonemd(versionOf(published(4)), noPause, { 'check-octets': 1000 });
    expect(result.verdict).to.equal('too-large');
    expect(result.words).to.include('check-octets');
  });

  it('lets others have their turn', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `n${index}.example. 60 IN TXT "${index}"`);
    const version = versionOfText(plain + zonemd(5, 1, 1, '00'.repeat(48)) + lines.join('\n'));
    let pauses = 0;
    await verifyZonemd(
      version,
      () => {
        pauses += 1;
        return Promise.resolve();
      },
      limits,
    );
    expect(pauses).to.be.greaterThan(10);
  });
});
