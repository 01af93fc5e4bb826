import { expect } from 'chai';
import { Name } from '../../../../core/dns/name.ts';
import { parseSoa } from '../../../../core/dns/rdata.ts';
import { readCatalogVersion } from '../../../../core/xfr/catalog.ts';
import type { ZoneVersion } from '../../../../core/xfr/zone-version.ts';
import { CatalogProducer } from '../../../../plugins/xot/catalog/producer.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import { noPause } from '../../../core/xfr/checked-zones.ts';

const name = Name.parse('members.example');
const names = (...texts: readonly string[]): Name[] => texts.map((text) => Name.parse(text));

async function versionOf(producer: CatalogProducer): Promise<ZoneVersion> {
  const fetched = await producer.fetch(name, undefined, (message) => Buffer.from(message));
  if (fetched.form !== 'whole') throw new Error('not whole');
  return fetched.version;
}

async function membersOf(producer: CatalogProducer): Promise<[unique: string, zone: string][]> {
  const members = await readCatalogVersion(await versionOf(producer), 1000, noPause);
  return members.map(({ unique, zone }) => [unique, zone.toString()]);
}

describe('CatalogProducer', () => {
  it('lists the zones that it is told, itself never [RFC9432-4.1]', async () => {
    const producer = new CatalogProducer(name, () => 1_000_000);
    expect(await membersOf(producer)).to.deep.equal([]);
    producer.setZones(names('b.example', 'a.example', 'members.example', 'B.example'));
    const found = await membersOf(producer);
    expect(found.map(([, zone]) => zone.toLowerCase())).to.deep.equal(['a.example', 'b.example']);
    const version = await versionOf(producer);
    expect(version.records).to.equal(5);
    expect(version.octets).to.equal((version.messages[0] as Buffer).length);
  });

  it('keeps the label of a zone, whatever comes and goes [RFC9432-5.4]', async () => {
    const producer = new CatalogProducer(name, () => 1_000_000);
    producer.setZones(names('a.example', 'b.example'));
    const before = new Map((await membersOf(producer)).map(([unique, zone]) => [zone, unique]));
    producer.setZones(names('c.example', 'b.example'));
    const after = new Map((await membersOf(producer)).map(([unique, zone]) => [zone, unique]));
    expect(after.get('b.example')).to.equal(before.get('b.example'));
  });

  it('has a newer serial for each change, and for nothing else [RFC1982-3.2]', async () => {
    let nowMs = 1_000_000;
    const producer = new CatalogProducer(name, () => nowMs);
    expect(producer.serial).to.equal(1000);
    expect(producer.setZones(names('a.example'))).to.be.true;
    expect(producer.serial).to.equal(1001);
    nowMs = 9_000_000;
    expect(producer.setZones(names('A.example'))).to.be.false;
    expect(producer.serial).to.equal(1001);
    expect(producer.setZones([])).to.be.true;
    expect(producer.serial).to.equal(9000);
    nowMs = 0;
    producer.setZones(names('a.example'));
    expect(producer.serial).to.equal(9001);
    const { soa } = await producer.check(name);
    expect(parseSoa(soa.rdata).serial).to.equal(9001);
    const same = await producer.fetch(name, { serial: 9001 }, (message) => message);
    expect(same.form).to.equal('up-to-date');
  });

  it('has no other zone', async () => {
    const producer = new CatalogProducer(name, () => 0);
    const other = Name.parse('example');
    for (const asked of [producer.check(other), producer.fetch(other, undefined, (message) => message)]) {
      const error: unknown = await asked.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(UpstreamError);
    }
  });
});
