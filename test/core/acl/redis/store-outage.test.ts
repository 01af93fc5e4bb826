import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { AccessControl } from '../../../../core/acl/access-control.ts';
import type { RedisAccessStore } from '../../../../core/acl/redis/store.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { MemoryLog } from '../../../support/memory-log.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { until } from '../../../support/redis/cluster.ts';
import { ListWriter, openReadyStore, singleAt, transferOf } from '../../../support/redis/list-bed.ts';
import { TestRedis } from '../../../support/redis/redis-server.ts';
import { SlowProxy } from '../../../support/redis/slow-proxy.ts';

const transfer = { action: 'transfer', zone: Name.parse('example.com') } as const;
const hour = 3_600_000;

describe('the Redis store, when Redis is away', () => {
  const bed = new TestBed();
  let redis: TestRedis;
  let writer: ListWriter;
  let store: RedisAccessStore;
  let log: MemoryLog;
  /** Added to both clocks. */
  let aheadMs: number;
  /** To that of the wall alone. */
  let setMs: number;
  let metrics: Metrics;

  beforeEach(async () => {
    redis = await TestRedis.start(bed, { settings: ['appendonly no'] });
    writer = await ListWriter.open(singleAt(redis.path, 500));
    await writer.write({
      'client:a.example': transferOf('*'),
      'below:b.example': transferOf('*'),
      anonymous: transferOf('*'),
    });
    [aheadMs, setMs] = [0, 0];
  });
  afterEach(async () => {
    await store.close();
    await writer.close();
    await redis.stop();
  });
  after(() => bed.close());

  async function open(redisOptions = singleAt(redis.path, 500)): Promise<void> {
    metrics = new Metrics();
    ({ store, log } = await openReadyStore(redisOptions, {
      nowMs: () => Date.now() + aheadMs + setMs,
      steadyMs: () => performance.now() + aheadMs,
      metrics,
      limits: { 'poll-time': 50 },
    }));
  }

  const reasonOf = async (name: string, access: AccessControl = store): Promise<string> =>
    (await access.decide(provedClient(name), transfer)).reason;
  const admits = async (name: string, access: AccessControl = store): Promise<string> => {
    const admission = await access.admit(Name.parse(name));
    return admission.admitted ? admission.entry : admission.reason;
  };
  const knowAll = async (): Promise<void> => {
    for (const name of ['a.example', 'x.b.example']) expect(await reasonOf(name)).to.equal('allowed');
    expect(await reasonOf('stranger.test')).to.equal('no-entry');
  };

  it('goes by what it knows until stale-max, and by nothing after that', async () => {
    await open();
    await knowAll();
    const strict = store.seenBy({ staleMaxMs: () => 10_000 });
    const strictest = store.seenBy({ staleMaxMs: () => 0 });
    await redis.kill();
    await until('that is said', () => log.of('access list away').length > 0);
    expect(await reasonOf('a.example')).to.equal('allowed');
    expect(await admits('x.b.example')).to.equal('*.b.example');
    expect(await admits('stranger.test')).to.equal('not-admitted');
    // Nobody knows of this one.
    expect(await admits('other.b.example')).to.equal('access-unavailable');
    expect(await reasonOf('a.example', strict)).to.equal('allowed');
    expect(await reasonOf('a.example', strictest)).to.equal('access-unavailable');
    aheadMs += 11_000;
    expect(await reasonOf('a.example', strict)).to.equal('access-unavailable');
    expect(await admits('a.example', strict)).to.equal('access-unavailable');
    expect(await reasonOf('a.example')).to.equal('allowed');
    aheadMs += hour;
    expect(await reasonOf('a.example')).to.equal('access-unavailable');
    expect(await admits('stranger.test')).to.equal('access-unavailable');
    const decision = await store.decideAnonymous(transfer);
    expect(decision.reason).to.equal('access-unavailable');
    expect(decision.detail).to.match(/^not in step with Redis since \d{4}-\S+Z: redis at /);
    expect(store.ready().ready).to.equal(false);
    expect(await metrics.text()).to.match(/^danced_access_up 0$/m);
    await until('it is said', () => log.of('access list too old').length === 2);
    await sleep(200);
    expect(log.of('access list away')).to.have.length(1);
    expect(log.of('access list too old').map(({ fields }) => fields['staleMax'])).to.deep.equal([
      '0s',
      '10s',
    ]);
  });

  it('counts the time by both clocks, so that one that is set back makes nothing younger', async () => {
    await open();
    await knowAll();
    await redis.kill();
    setMs -= 10 * hour;
    expect(await reasonOf('a.example')).to.equal('allowed');
    aheadMs += 2 * hour;
    expect(await reasonOf('a.example')).to.equal('access-unavailable');
  });

  it('knows a client again when Redis is back, and what changed meanwhile', async () => {
    await redis.cli('CONFIG', 'SET', 'save', '3600 1');
    await open();
    await knowAll();
    const changes: boolean[] = [];
    store.onChange((change) => changes.push(change.concerns(Name.parse('any.test'))));
    await redis.cli('SAVE');
    await redis.kill();
    await until('that is said', () => log.of('access list away').length > 0);
    aheadMs += 2 * hour;
    expect(await reasonOf('a.example')).to.equal('access-unavailable');
    await redis.restart();
    await until('it is back', async () => (await reasonOf('a.example')) === 'allowed');
    expect(changes).to.include(true);
    expect(store.ready().ready).to.equal(true);
    expect(log.of('access list in step')).to.have.length(2);
    expect(await reasonOf('other.b.example')).to.equal('allowed');
  });

  it('takes a Redis that came back empty for one that has lost the list', async () => {
    await open();
    await knowAll();
    await redis.kill();
    await redis.restart();
    await until('that is said', () => log.of('access list lost').length > 0);
    expect(log.of('access list lost')[0]?.level).to.equal('error');
    expect(log.of('access list lost')[0]?.fields['mend']).to.include('danced access import');
    expect(await reasonOf('a.example')).to.equal('allowed');
    expect(await admits('other.b.example')).to.equal('access-unavailable');
    aheadMs += 2 * hour;
    expect(await reasonOf('a.example')).to.equal('access-unavailable');
    await until('the writer is connected', () => writer.client.isUp);
    await writer.write({ 'client:a.example': JSON.stringify({ allow: [] }) });
    await until('the new list counts', async () => (await reasonOf('a.example')) === 'no-rule');
    expect(await reasonOf('x.b.example')).to.equal('no-entry');
    expect(log.of('access list lost')).to.have.length(1);
  });

  it('goes by an older list if Redis has one, and says that changes may be lost', async () => {
    await open();
    await redis.cli('SAVE');
    await writer.write({ 'client:late.example': transferOf('*') });
    await until('the change is known', async () => (await reasonOf('late.example')) === 'allowed');
    await redis.cli('CONFIG', 'SET', 'save', '');
    await redis.kill();
    await redis.restart();
    await until('that is said', () => log.of('access list set back').length > 0);
    expect(log.of('access list set back')[0]?.fields).to.deep.include({ from: 2, to: 1 });
    await until('it is in step', async () => (await reasonOf('late.example')) === 'no-entry');
    expect(await reasonOf('a.example')).to.equal('allowed');
  });

  it('does not take another list with the same revision for the one that it knows', async () => {
    await open();
    await redis.cli('SAVE');
    await writer.write({ 'client:late.example': transferOf('*') });
    await until('the change is known', async () => (await reasonOf('late.example')) === 'allowed');
    const down = new Promise<void>((resolve) => void redis.kill().then(resolve));
    await down;
    await redis.restart();
    // Before any gate is connected again, as far as that can be.
    await redis.cli('SET', 'danced:v1:client:new.example', transferOf('*'));
    await redis.cli('INCR', 'danced:v1:revision');
    await until('the other list counts', async () => (await reasonOf('late.example')) === 'no-entry');
    expect(await reasonOf('new.example')).to.equal('allowed');
    expect(store.revision).to.equal(2);
  });

  it('waits for a Redis that hangs no longer than answer-time, and soon not at all', async () => {
    await open();
    await knowAll();
    redis.freeze();
    const timed = async (): Promise<number> => {
      const startMs = performance.now();
      expect(await admits(`n${String(Math.random()).slice(2)}.test`)).to.equal('access-unavailable');
      return performance.now() - startMs;
    };
    expect(await timed()).to.be.below(1500);
    await until('Redis is spared', async () => (await timed()) < 100);
    const startMs = performance.now();
    expect(await reasonOf('a.example')).to.equal('allowed');
    expect(performance.now() - startMs).to.be.below(100);
    redis.thaw();
    await until('it is back', async () => (await admits('other.b.example')) === '*.b.example');
  });

  it('uses what it knew also when Redis comes and goes', async () => {
    const proxy = await SlowProxy.start({ path: redis.path });
    try {
      await open({ mode: 'single', servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 200 });
      await knowAll();
      // Back for long enough to doubt everything, and away before it can be read again.
      const doubted = new Promise<void>((resolve) => store.onChange(() => resolve()));
      proxy.cut();
      await doubted;
      await proxy.close();
      await until('that is said', () => log.of('access list away').length > 0);
      expect(await reasonOf('a.example')).to.equal('allowed');
      expect(await admits('x.b.example')).to.equal('*.b.example');
      expect(await admits('other.b.example')).to.equal('access-unavailable');
      aheadMs += 2 * hour;
      expect(await reasonOf('a.example')).to.equal('access-unavailable');
    } finally {
      await proxy.close().catch(() => undefined);
    }
  });

  it('has changes in force also while answers are slow', async () => {
    const proxy = await SlowProxy.start({ path: redis.path });
    try {
      await open({ mode: 'single', servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 500 });
      await knowAll();
      proxy.delayMs = 150;
      await writer.write({ 'client:a.example': undefined });
      await until('the change is in force', async () => (await reasonOf('a.example')) === 'no-entry', 1000);
    } finally {
      await proxy.close();
    }
  });

  it('never keeps what it read before a change that overtook it', async () => {
    const proxy = await SlowProxy.start({ path: redis.path });
    try {
      await open({ mode: 'single', servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 10_000 });
      for (let round = 0; round < 10; round += 1) {
        const key = `client:r${String(round)}.example`;
        await writer.write({ [key]: transferOf('*') });
        proxy.delayMs = 20;
        const [early] = await Promise.all([
          reasonOf(`r${String(round)}.example`),
          sleep(round).then(() => writer.write({ [key]: undefined }, round % 2 === 0 ? 'numbered' : 'plain')),
        ]);
        expect(early).to.be.oneOf(['allowed', 'no-entry']);
        await until(
          'the change is in force',
          async () => (await reasonOf(`r${String(round)}.example`)) === 'no-entry',
        );
        proxy.delayMs = 0;
      }
    } finally {
      await proxy.close();
    }
  });
});
