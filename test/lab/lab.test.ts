import { connect } from 'node:net';
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { parseDs } from '../../core/dns/rdata.ts';
import { ask } from '../../lab/ask.ts';
import { startLab } from '../../lab/lab.ts';

const tlsa = Buffer.concat([Buffer.from([3, 1, 1]), Buffer.alloc(32, 7)]);
const zones = ['ns2.example', 'deep.ns2.example'];

describe('lab/lab', () => {
  it('is a tree from the root down, each zone vouched for by the one above', async () => {
    await using lab = await startLab({ zones, unsignedZones: ['unsigned.example'] });
    const names = ['.', 'example', 'ns2.example', 'deep.ns2.example', 'unsigned.example'];
    expect(lab.zoneNames().map(String)).to.deep.equal(names);
    const vouched = lab.zoneNames().map((name) => {
      const parent = name.labelCount > 0 ? lab.zone(name.parent()).zone : undefined;
      const ds = parent?.rrset(name, RrType.DS)?.rdatas[0];
      return ds?.equals(lab.zone(name).key.ds);
    });
    expect(vouched).to.deep.equal([undefined, true, true, true, undefined]);
  });

  it('gives its trust anchor as a DS record of the root', async () => {
    await using lab = await startLab();
    const { key } = lab.zone('.');
    const digest = parseDs(key.ds).digest.toString('hex');
    expect(lab.rootAnchor().toLowerCase()).to.equal(`. 0 in ds ${key.keyTag} 13 2 ${digest}`);
  });

  it('raises the serial with every change', async () => {
    await using lab = await startLab();
    const { zone } = lab.zone('ns2.example');
    const before = zone.serial;
    lab.publishTlsa('_xfr.ns2.example', [tlsa]);
    expect(zone.serial).to.equal(before + 1);
    lab.withdrawTlsa('_xfr.ns2.example');
    expect(zone.serial).to.equal(before + 2);
    lab.setZoneState('ns2.example', 'broken');
    expect(zone.serial).to.equal(before + 3);
  });

  it('puts a record into the deepest zone that its name is in, with the TTL it is given', async () => {
    await using lab = await startLab({ zones });
    lab.publishTlsa('_xfr.deep.ns2.example', [tlsa], 5);
    const rrset = lab.zone('deep.ns2.example').zone.rrset(Name.parse('_xfr.deep.ns2.example'), RrType.TLSA);
    expect(rrset?.ttl).to.equal(5);
    expect(lab.zoneFile('deep.ns2.example')).to.contain('_xfr.deep.ns2.example. 5 IN TLSA 3 1 1 0707');
  });

  it('knows no other zones', async () => {
    await using lab = await startLab();
    expect(() => lab.zone('nowhere.example')).to.throw('the lab has no zone nowhere.example');
  });

  it('is gone from its ports when it is closed, whoever is connected', async () => {
    const lab = await startLab();
    const { address: host, port } = lab.resolver;
    const name = Name.parse('ns.example');
    await ask(lab.resolver, { name, type: RrType.A });
    const idle = connect({ host, port });
    await new Promise((resolve) => idle.once('connect', resolve));
    const closed = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => undefined);
    await lab.close();
    await closed;
    const error: unknown = await ask({ address: host, port }, { name, type: RrType.A }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'ECONNREFUSED');
  });

  it('has the zone to transfer that was asked for', async () => {
    await using lab = await startLab({ transferZone: { name: 'corp.example', records: 500 } });
    expect(lab.primary.zone.apex.toString()).to.equal('corp.example');
    expect(lab.primary.records).to.have.length(500);
  });
});
