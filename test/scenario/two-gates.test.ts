/** Two gates with one Redis are one gate, as far as the access list and its limits go. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { budgetBounds } from '../../core/acl/budgets.ts';
import { Rcode } from '../../core/dns/constants.ts';
import type { Secondary } from '../../lab/secondary.ts';
import { makeIdentity, TestGate, tlsaRdata, until, type Credentials } from '../support/gate.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { ListWriter, singleAt, transferOf } from '../support/redis/list-bed.ts';
import { TestRedis } from '../support/redis/redis-server.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';
/** What is promised. */
const promisedMs = 1000;

describe('two gates with one Redis', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let redis: TestRedis;
  let writer: ListWriter;
  let client: Credentials;
  let gates: readonly TestGate[] = [];

  before(async () => {
    redis = await TestRedis.start(bed);
    writer = await ListWriter.open(singleAt(redis.path));
  });
  after(async () => {
    await writer.close();
    await bed.close();
  });
  afterEach(async () => {
    await Promise.all(gates.map((gate) => gate.close()));
    await redis.cli('FLUSHALL');
  });

  /** Both gates know the list and the key of the client. */
  async function start(rights: string, limits: Readonly<Record<string, number>> = {}): Promise<void> {
    await writer.write({ [`client:${clientName}`]: rights });
    const access = `{ store: redis, redis: { servers: ["unix:${redis.path}"] } }`;
    const options = { access, limits, lab: { transferZone: { name: zone, records: 3 } } };
    gates = await Promise.all([TestGate.start(options), TestGate.start(options)]);
    const identity = await makeIdentity(clientName);
    for (const gate of gates) gate.lab.publishTlsa(clientName, [tlsaRdata(identity)]);
    client = identity;
    await until('both are ready', () => gates.every((gate) => gate.daemon.ready().ready));
  }

  function openAtBoth(): Promise<readonly Secondary[]> {
    return Promise.all(gates.map((gate) => gate.open(client)));
  }

  async function soaFrom(secondary: Secondary): Promise<number | undefined> {
    return (await secondary.request({ zone, type: 'SOA' })).rcode;
  }

  it('give a client together what its rule allows, within 10 %', async () => {
    const [rate, burst, forMs] = [50, 20, 4000];
    const rule = { action: 'transfer', zones: [zone], rate: `${rate}/s`, burst };
    await start(JSON.stringify({ allow: [rule] }));
    const secondaries = await openAtBoth();
    const startMs = performance.now();
    const got = await Promise.all(
      secondaries.map(async (secondary) => {
        let granted = 0;
        while (performance.now() - startMs < forMs) {
          const rcodes = await Promise.all(Array.from({ length: 2 }, () => soaFrom(secondary)));
          granted += rcodes.filter((rcode) => rcode === Rcode.NOERROR).length;
          await sleep(5);
        }
        return granted;
      }),
    );
    const elapsedMs = performance.now() - startMs;
    const all = got.reduce((sum, one) => sum + one, 0);
    for (const gate of gates) {
      expect((await gate.metrics()).get('danced_budget_keys{budget="rates"}')).to.equal(1);
    }
    const allowed = burst + (rate * elapsedMs) / 1000;
    console.log(`      ${got.join(' + ')} = ${all} of ${allowed.toFixed(0)} requests`);
    expect(all / allowed).to.be.within(0.9, 1.1);
    // Neither had all of it.
    expect(Math.min(...got)).to.be.above(allowed / 10);
    for (const secondary of secondaries) secondary.close();
  });

  it('both cut a client that is removed, within a second', async () => {
    await start(transferOf(zone));
    const secondaries = await openAtBoth();
    expect(await Promise.all(secondaries.map(soaFrom))).to.deep.equal([Rcode.NOERROR, Rcode.NOERROR]);
    const closed = Promise.all(secondaries.map(({ socket }) => once(socket, 'close')));
    const startMs = performance.now();
    await writer.write({ [`client:${clientName}`]: undefined });
    await closed;
    expect(performance.now() - startMs).to.be.below(promisedMs);
    for (const gate of gates) {
      const [line] = await gate.lines('connection');
      expect(line?.fields).to.include({ client: clientName, ended: 'not-admitted' });
    }
  });

  it('both decide by a changed rule on connections that are open', async () => {
    await start(transferOf(zone));
    const secondaries = await openAtBoth();
    expect(await Promise.all(secondaries.map(soaFrom))).to.deep.equal([Rcode.NOERROR, Rcode.NOERROR]);
    await writer.write({ [`client:${clientName}`]: transferOf('other.example') });
    for (const secondary of secondaries) {
      await until(
        'the new rule counts',
        async () => (await soaFrom(secondary)) === Rcode.REFUSED,
        promisedMs,
      );
      secondary.close();
    }
  });

  it('leave connections open while Redis is away, and cut a client that is missing when it is back', async () => {
    await start(transferOf(zone));
    const secondaries = await openAtBoth();
    expect(await Promise.all(secondaries.map(soaFrom))).to.deep.equal([Rcode.NOERROR, Rcode.NOERROR]);
    await redis.kill();
    expect(await Promise.all(secondaries.map(soaFrom))).to.deep.equal([Rcode.NOERROR, Rcode.NOERROR]);
    const closed = Promise.all(secondaries.map(({ socket }) => once(socket, 'close')));
    // A new list, in which the client is not: a Redis that is empty is a list that is lost, and changes nothing.
    await redis.restart();
    await until('the writer is connected', () => writer.client.isUp);
    await writer.write({ 'client:_xfr.ns3.example': transferOf(zone) });
    await closed;
  });

  it('count failures of an address together', async () => {
    await start(transferOf(zone), { 'failures-per-address': 4 });
    const stranger = await makeIdentity('_xfr.stranger.example');
    for (const gate of [...gates, ...gates]) {
      await gate.transfer(stranger).catch(() => undefined);
      await gate.idle();
    }
    const turnedAway = async (gate: TestGate): Promise<boolean> => {
      await gate.transfer(stranger).catch(() => undefined);
      await gate.idle();
      return (
        ((await gate.metrics()).get('danced_turned_away_total{gate="xot/gate",limit="failures"}') ?? 0) > 0
      );
    };
    // Each gate tells what it counted a moment later.
    await sleep(5 * budgetBounds.settleMs);
    for (const gate of gates) await until('it is turned away', () => turnedAway(gate));
    const tries = gates.flatMap((gate) => gate.log.of('connection refused')).length;
    expect(tries).to.be.below(8);
  });
});
