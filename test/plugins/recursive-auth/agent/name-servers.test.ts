/** The servers of a zone by its NS records: which are believed, for how long, and what is done when they cannot be looked up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA, encodeName } from '../../../../core/dns/rdata.ts';
import type { LookupResult, Resolver } from '../../../../core/resolver/resolver.ts';
import { NameServers } from '../../../../plugins/recursive-auth/agent/name-servers.ts';
import { memoryLog } from '../../../support/memory-log.ts';

const zone = Name.parse('corp.example');

/** NS records of the zone, and addresses, as the test publishes them. */
class Records implements Resolver {
  names: readonly string[] = ['ns1.corp.example', 'ns2.corp.example'];
  owner = zone;
  status: LookupResult['status'] = 'secure';
  readonly addresses = new Map<string, string>();
  ttlSeconds = 300;
  asked: string[] = [];
  hold: Promise<void> = Promise.resolve();

  async lookup(name: Name, type: number): Promise<LookupResult> {
    this.asked.push(`${name.toString()} ${String(type)}`);
    await this.hold;
    const isFailed = this.status === 'bogus' || this.status === 'indeterminate';
    const rdatas = isFailed ? [] : this.#rdatas(name, type);
    const records = rdatas.map((rdata) => ({
      ...{ name: type === RrType.NS ? this.owner : name, type, class: RrClass.IN, ttl: this.ttlSeconds },
      rdata,
    }));
    const ttlSeconds = records.length > 0 ? this.ttlSeconds : 0;
    return { status: this.status, rcode: Rcode.NOERROR, records, ttlSeconds, detail: 'as the test says' };
  }

  #rdatas(name: Name, type: number): Buffer[] {
    if (type === RrType.NS) return this.names.map((text) => encodeName(Name.parse(text)));
    const address = type === RrType.A ? this.addresses.get(name.toString()) : undefined;
    return address === undefined ? [] : [encodeA(address)];
  }
}

describe('the servers of a zone by its NS records', () => {
  let nowMs: number;
  let records: Records;
  let servers: NameServers;
  const log = memoryLog();

  function open(needsProof = true, keptMs = 86_400_000): void {
    [nowMs, records] = [1_000_000_000, new Records()];
    log.forget();
    servers = new NameServers({ zone, resolver: records, nowMs: () => nowMs, needsProof, keptMs, log });
  }
  beforeEach(() => {
    open();
  });

  const names = async (): Promise<string[]> => (await servers.names()).map(String);
  async function failure(of: Promise<unknown>): Promise<string> {
    const error = await of.then(
      () => new Error('it did not fail'),
      (reason: unknown) => reason,
    );
    return error instanceof Error ? error.message : String(error);
  }

  it('are looked up once for all who ask, and again when their TTL is over', async () => {
    expect(await Promise.all([names(), names()])).to.deep.equal([
      ['ns1.corp.example', 'ns2.corp.example'],
      ['ns1.corp.example', 'ns2.corp.example'],
    ]);
    nowMs += 299_000;
    await names();
    expect(records.asked).to.deep.equal(['corp.example 2']);
    nowMs += 2_000;
    records.names = ['ns3.corp.example', 'NS2.corp.example'];
    // Nobody waits for what is looked up again.
    expect(await names()).to.deep.equal(['ns1.corp.example', 'ns2.corp.example']);
    await sleep(1);
    // Who stays keeps his place.
    expect(await names()).to.deep.equal(['ns2.corp.example', 'ns3.corp.example']);
    expect(records.asked).to.have.length(2);
  });

  it('are the same list as long as nothing has changed it', async () => {
    expect(await servers.names()).to.equal(await servers.names());
  });

  it('must be secure where they have to prove themselves', async () => {
    records.status = 'insecure';
    expect(await failure(servers.names())).to.match(
      /^the servers of corp\.example are not known: its NS records are not protected by DNSSEC/,
    );
    open(false);
    records.status = 'insecure';
    expect(await names()).to.have.length(2);
  });

  it('are forgotten as soon as it is proved that they are not secure, or none', async () => {
    for (const [status, list, says] of [
      ['insecure', ['ns1.corp.example'], /not protected by DNSSEC/],
      ['secure', [], /corp\.example has no NS records; if it is no zone of its own/],
    ] as const) {
      open();
      await names();
      [records.status, records.names] = [status, list];
      nowMs += 301_000;
      await names();
      await sleep(1);
      expect(await failure(servers.names())).to.match(says);
    }
  });

  for (const status of ['bogus', 'indeterminate'] as const) {
    it(`are used on while a lookup is ${status}, with one line in the log, but not for ever`, async () => {
      open(true, 3_600_000);
      await names();
      records.status = status;
      for (let time = 0; time < 5; time += 1) {
        nowMs += 301_000;
        expect(await names()).to.have.length(2);
        await sleep(1);
      }
      expect(log.of('servers of a zone not found')).to.have.length(1);
      nowMs += 3_600_000;
      expect(await failure(servers.names())).to.match(/cannot be looked up \(as the test says\)/);
      records.status = 'secure';
      nowMs += 11_000;
      expect(await names()).to.have.length(2);
    });
  }

  it('are not looked up with each question while they cannot be', async () => {
    records.status = 'indeterminate';
    await failure(servers.names());
    await failure(servers.names());
    expect(records.asked).to.have.length(1);
    nowMs += 10_001;
    await failure(servers.names());
    expect(records.asked).to.have.length(2);
  });

  it('are names of hosts, of this zone, and not more than some', async () => {
    records.names = ['a\\.b.example', 'ns1.corp.example', 'NS1.corp.example', '\\032.example'];
    expect((await names()).map((name) => name.toLowerCase())).to.deep.equal(['ns1.corp.example']);
    open();
    records.names = Array.from({ length: 40 }, (_, n) => `ns${String(n)}.corp.example`);
    expect(await names()).to.have.length(16);
    open();
    // An alias leads to the records of another zone.
    records.owner = Name.parse('other.example');
    expect(await failure(servers.names())).to.match(/no NS record of corp\.example names a host/);
  });

  it('have addresses, of which the known ones are enough', async () => {
    records.addresses.set('ns1.corp.example', '192.0.2.1');
    const found = await servers.find();
    expect(found.map(({ name, addresses }) => [name.toString(), addresses])).to.deep.equal([
      ['ns1.corp.example', ['192.0.2.1']],
    ]);
    records.addresses.set('ns2.corp.example', '192.0.2.2');
    nowMs += 11_000;
    await servers.find();
    await sleep(1);
    expect((await servers.find()).map(({ addresses }) => addresses)).to.deep.equal([
      ['192.0.2.1'],
      ['192.0.2.2'],
    ]);
  });

  it('are none when no address is found, and keep old addresses while they cannot be looked up', async () => {
    expect(await failure(servers.find())).to.match(/no server of corp\.example has an address/);
    open();
    records.addresses.set('ns1.corp.example', '192.0.2.1');
    await servers.find();
    records.status = 'indeterminate';
    nowMs += 301_000;
    expect(await servers.find()).to.have.length(1);
    await sleep(1);
    expect(await servers.find()).to.have.length(1);
  });

  it('say which names are looked up for them', async () => {
    let go = (): void => undefined;
    records.hold = new Promise((resolve) => (go = resolve));
    const found = servers.find().catch(() => undefined);
    expect(servers.namesLookedFor().map(String)).to.deep.equal(['corp.example']);
    go();
    records.hold = new Promise((resolve) => (go = resolve));
    await sleep(1);
    expect(servers.namesLookedFor().map(String)).to.deep.equal(['ns1.corp.example', 'ns2.corp.example']);
    go();
    await found;
    expect(servers.namesLookedFor()).to.have.length(0);
  });

  it('are looked up anew in another network', async () => {
    await names();
    servers.expire();
    await names();
    await sleep(1);
    expect(records.asked).to.have.length(2);
  });
});
