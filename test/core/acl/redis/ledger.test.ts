import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  budgetBounds,
  Budgets,
  mostOwed,
  type Allowance,
  type Spending,
} from '../../../../core/acl/budgets.ts';
import { RedisKeys } from '../../../../core/acl/redis/keys.ts';
import { RedisLedger, type ScriptRunner } from '../../../../core/acl/redis/ledger.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { TestCluster, until } from '../../../support/redis/cluster.ts';
import { RecordedClient } from '../../../support/redis/recorded-client.ts';
import { TestRedis } from '../../../support/redis/redis-server.ts';
import { SlowProxy } from '../../../support/redis/slow-proxy.ts';

const keys = new RedisKeys({ prefix: 'danced', inCluster: false });
/** So slow that what comes in while a test runs is nothing. */
const anHour: Allowance = { perSecond: 1 / 3600, burst: 10 };

function spend(key: string, spent: number, allowance = anHour): Spending {
  return { key, allowance, spent };
}

/** Without the little that came in. */
async function settle(ledger: RedisLedger, ...spendings: readonly Spending[]): Promise<number[]> {
  return (await ledger.settle(spendings)).map((left) => Math.floor(left + 0.5));
}

async function hasFailed(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}

describe('core/acl/redis/ledger', () => {
  const bed = new TestBed();
  const toClose: (() => unknown)[] = [];
  let server: TestRedis;
  before(async () => {
    server = await TestRedis.start(bed);
  });
  beforeEach(() => server.cli('FLUSHALL'));
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  });
  after(() => bed.close());

  async function connect(options: ConstructorParameters<typeof RecordedClient>[0]): Promise<ScriptRunner> {
    const recorded = new RecordedClient(options);
    toClose.push(() => recorded.client.close());
    await recorded.isUp();
    return recorded.client;
  }

  /** A gate's ledger. */
  async function opened(at = server): Promise<RedisLedger> {
    const redis = await connect({ servers: [{ path: at.path }] });
    return new RedisLedger({ redis, keys, kind: 'test' });
  }

  /** The keys of buckets. */
  async function bucketKeys(): Promise<string[]> {
    const all = await server.cli('KEYS', 'danced:v1:budget:test:*');
    return all === '' ? [] : all.split('\n').sort();
  }

  it('charges each key, and says what is left', async () => {
    const ledger = await opened();
    expect(await settle(ledger, spend('a', 3), spend('b', 12))).to.deep.equal([7, -2]);
    expect(await settle(ledger, spend('b', 0), spend('a', 1), spend('c', 1))).to.deep.equal([-2, 6, 9]);
  });

  it('gives all gates the same buckets, and each kind its own', async () => {
    const redis = await connect({ servers: [{ path: server.path }] });
    const [one, two, other] = ['test', 'test', 'other'].map(
      (kind) => new RedisLedger({ redis, keys, kind }),
    ) as [RedisLedger, RedisLedger, RedisLedger];
    expect(await settle(one, spend('a', 3))).to.deep.equal([7]);
    expect(await settle(two, spend('a', 4))).to.deep.equal([3]);
    expect(await settle(other, spend('a', 1))).to.deep.equal([9]);
    expect(await settle(one, spend('a', 1))).to.deep.equal([2]);
  });

  it('fills the buckets by the clock of Redis, and not beyond', async () => {
    const ledger = await opened();
    const fast = { perSecond: 1000, burst: 30 };
    expect((await ledger.settle([spend('a', 20_000, fast)]))[0]).to.be.closeTo(-19_970, 0.01);
    await sleep(50);
    expect((await ledger.settle([spend('a', 0, fast)]))[0]).to.be.within(-19_970 + 45, -15_000);
    await server.cli('SET', 'danced:v1:budget:test:a', '-5 1000000');
    expect(await ledger.settle([spend('a', 1, fast)])).to.deep.equal([29]);
  });

  it('keeps a bucket until it is full, and no longer', async () => {
    const ledger = await opened();
    await ledger.settle([spend('hours', 2), spend('full', 0), spend('soon', 1, { perSecond: 20, burst: 1 })]);
    expect(Number(await server.cli('PTTL', 'danced:v1:budget:test:hours'))).to.be.within(
      7_100_000,
      7_200_000,
    );
    expect(await bucketKeys()).to.not.include('danced:v1:budget:test:full');
    await until('the bucket is gone', async () => (await bucketKeys()).length === 1);
    await ledger.settle([spend('never', 1, { perSecond: 0, burst: 5 })]);
    const monthMs = 30 * 86_400_000;
    expect(Number(await server.cli('PTTL', 'danced:v1:budget:test:never'))).to.be.within(
      monthMs - 60_000,
      monthMs,
    );
  });

  it('keeps the small parts of a slow bucket and the large numbers of a fast one', async () => {
    const ledger = await opened();
    const fast = { perSecond: 1_000_000, burst: 1_000_000 };
    expect(await ledger.settle([spend('fast', 999_999, fast)])).to.deep.equal([1]);
    for (let time = 0; time < 20; time++) await ledger.settle([spend('slow', 0.0004)]);
    expect((await ledger.settle([spend('slow', 0)]))[0]).to.be.within(9.992, 9.999);
  });

  it('goes by the allowance of the call', async () => {
    const ledger = await opened();
    await ledger.settle([spend('a', 1)]);
    expect(await settle(ledger, spend('a', 1, { perSecond: 0.001, burst: 4 }))).to.deep.equal([3]);
    expect(await settle(ledger, spend('a', 1, { perSecond: 0.001, burst: 100 }))).to.deep.equal([2]);
  });

  it('takes nothing away, nor gives anything, when the clock of Redis was set back', async () => {
    const ledger = await opened();
    await server.cli('SET', 'danced:v1:budget:test:a', '4 9000000000000000');
    expect(await settle(ledger, spend('a', 1))).to.deep.equal([3]);
    expect(await settle(ledger, spend('a', 1))).to.deep.equal([2]);
  });

  it('lets nobody be made to owe more than gates can have given out', async () => {
    const ledger = await opened();
    await server.cli('SET', 'danced:v1:budget:test:a', '-1e300 9000000000000000');
    expect(await settle(ledger, spend('a', 1))).to.deep.equal([Math.round(-mostOwed(anHour)) - 1]);
  });

  const strange: string[][] = [
    ['SET', 'K', ''],
    ['SET', 'K', 'x'.repeat(100_000)],
    ['SET', 'K', '5'],
    ['SET', 'K', 'nan 5'],
    ['SET', 'K', '-nan 5'],
    ['SET', 'K', 'inf 5'],
    ['SET', 'K', '-1e999 5'],
    ['SET', 'K', '1-2 5'],
    ['SET', 'K', '0x5 5'],
    ['SET', 'K', '5 -5'],
    ['SET', 'K', '5 5 5'],
    ['RPUSH', 'K', '5 5'],
    ['HSET', 'K', 'left', '5'],
    ['SADD', 'K', '5'],
    ['ZADD', 'K', '1', '5'],
    ['XADD', 'K', '*', 'a', 'b'],
  ];
  for (const command of strange) {
    it(`takes what ${command.join(' ').slice(0, 30)} leaves under a key for a full bucket`, async () => {
      const ledger = await opened();
      const key = 'danced:v1:budget:test:a';
      await server.cli(...command.map((word) => (word === 'K' ? key : word)));
      expect(await settle(ledger, spend('a', 1), spend('b', 2))).to.deep.equal([9, 8]);
      expect(await settle(ledger, spend('a', 1))).to.deep.equal([8]);
      expect(await server.cli('TYPE', key)).to.equal('string');
      expect(Number(await server.cli('PTTL', key))).to.be.above(0);
    });
  }

  it('lets nothing of a key into Redis as it comes', async () => {
    const ledger = await opened();
    const ours = [
      '192.0.2.1',
      '2001:db8:0:1::/64',
      '\x05_\xff{}*\x00 allow 1',
      'a\r\nb',
      'a b',
      'a\\032b',
      '}{',
      'ä',
    ];
    await ledger.settle(ours.map((key) => spend(key, 1)));
    const found = await bucketKeys();
    expect(found.length).to.equal(ours.length);
    for (const key of found) expect(key).to.match(/^danced:v1:budget:test:[A-Za-z0-9_.:\\-]+$/);
    expect(await settle(ledger, ...ours.map((key) => spend(key, 1)))).to.deep.equal(ours.map(() => 8));
  });

  it('settles many keys in one call, and refuses more than the bound', async () => {
    const ledger = await opened();
    const spendings = Array.from({ length: budgetBounds.keysPerCall }, (_, at) => spend(`k${at}`, at % 7));
    expect(await settle(ledger, ...spendings)).to.deep.equal(spendings.map(({ spent }) => 10 - spent));
    const error: unknown = await ledger.settle([...spendings, spend('more', 1)]).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(RangeError);
  });

  it('has all its keys in one slot of a cluster', async function () {
    this.timeout(60_000);
    const cluster = await TestCluster.start(bed);
    const servers = cluster.primaries.map((node) => ({ host: '127.0.0.1', port: node.server.port }));
    const redis = await connect({ mode: 'cluster', servers });
    const inCluster = new RedisKeys({ prefix: 'danced', inCluster: true });
    const ledger = new RedisLedger({ redis, keys: inCluster, kind: 'test' });
    const spendings = Array.from({ length: 100 }, (_, at) => spend(`k${at}`, 1));
    expect(await settle(ledger, ...spendings)).to.deep.equal(spendings.map(() => 9));
  });

  describe('when answers are lost', () => {
    /** A ledger behind a proxy that can keep the answers back. */
    async function proxied(): Promise<{ ledger: RedisLedger; proxy: SlowProxy }> {
      const proxy = await SlowProxy.start({ path: server.path });
      toClose.push(() => proxy.close());
      const redis = await connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 200 });
      return { ledger: new RedisLedger({ redis, keys, kind: 'test' }), proxy };
    }

    /** Tries until there is an answer. */
    async function settleAtLast(ledger: RedisLedger, ...spendings: Spending[]): Promise<number[]> {
      let lefts: number[] | undefined;
      await until('the ledger answers', async () => {
        lefts = await settle(ledger, ...spendings).catch(() => undefined);
        return lefts !== undefined;
      });
      return lefts!;
    }

    it('counts once what was done', async () => {
      const { ledger, proxy } = await proxied();
      await ledger.settle([spend('a', 1)]);
      proxy.stall();
      expect(await hasFailed(ledger.settle([spend('a', 2), spend('b', 1)]))).to.be.true;
      expect((await server.cli('GET', 'danced:v1:budget:test:a')).slice(0, 4)).to.match(/^7 |^7\.00/);
      proxy.resume();
      expect(await settleAtLast(ledger, spend('a', 5), spend('b', 1))).to.deep.equal([4, 9]);
      expect(await settleAtLast(ledger, spend('a', 1), spend('b', 1))).to.deep.equal([3, 8]);
    });

    it('counts once what was done, though try after try is not answered', async () => {
      const { ledger, proxy } = await proxied();
      await ledger.settle([spend('a', 1)]);
      proxy.stall();
      for (const spent of [1, 2, 3]) {
        expect(await hasFailed(ledger.settle([spend('a', spent)]))).to.be.true;
      }
      proxy.resume();
      expect(await settleAtLast(ledger, spend('a', 4))).to.deep.equal([5]);
    });

    it('counts once what was not done before the connection broke', async () => {
      const { ledger, proxy } = await proxied();
      await ledger.settle([spend('a', 1)]);
      proxy.stall();
      const lost = hasFailed(ledger.settle([spend('a', 2)]));
      proxy.cut();
      proxy.resume();
      expect(await lost).to.be.true;
      expect(await settleAtLast(ledger, spend('a', 2))).to.deep.equal([7]);
    });

    /** What happens to the calls, in order: done and answered, done and not answered, not done, or done when it is too late. */
    type Fate = 'well' | 'unanswered' | 'lost' | 'late';
    const fates: { title: string; fate: Fate[] }[] = [
      { title: 'a call that was never done', fate: ['lost'] },
      { title: 'a call that is done when it is too late', fate: ['late'] },
      { title: 'the question whether it was done, unanswered', fate: ['unanswered', 'unanswered'] },
      { title: 'that question, lost', fate: ['unanswered', 'lost'] },
      { title: 'that question, late', fate: ['unanswered', 'late'] },
      { title: 'that question, unanswered, of a lost call', fate: ['lost', 'unanswered'] },
      { title: 'two calls in a row, both done', fate: ['unanswered', 'well', 'unanswered'] },
      { title: 'two calls in a row, the second lost', fate: ['unanswered', 'well', 'lost'] },
      { title: 'two calls in a row, the second late', fate: ['unanswered', 'well', 'late'] },
      { title: 'two calls in a row, the first lost', fate: ['lost', 'well', 'unanswered'] },
      { title: 'a late call, and one whose answer is lost', fate: ['late', 'well', 'unanswered'] },
      { title: 'a late call, and another that is lost', fate: ['late', 'well', 'lost'] },
      { title: 'a late question, and so on', fate: ['unanswered', 'late', 'well', 'unanswered'] },
      { title: 'three calls in a row', fate: ['unanswered', 'well', 'lost', 'well', 'unanswered'] },
    ];
    for (const { title, fate } of fates) {
      it(`counts everything once after ${title}`, async () => {
        const redis = await connect({ servers: [{ path: server.path }] });
        const queue = [...fate];
        const late: (() => Promise<unknown>)[] = [];
        const runner: ScriptRunner = {
          run: async (...call) => {
            const next = queue.shift() ?? 'well';
            if (next === 'late') late.push(() => redis.run(...call));
            const answer = next === 'well' || next === 'unanswered' ? await redis.run(...call) : undefined;
            // Later than what came after it.
            if (next === 'unanswered' || next === 'lost') for (const happen of late.splice(0)) await happen();
            if (next !== 'well') throw new Error('no answer');
            return answer;
          },
        };
        const ledger = new RedisLedger({ redis: runner, keys, kind: 'test' });
        let spent = 1;
        while (await hasFailed(ledger.settle([spend('a', spent)]))) spent += 1;
        for (const happen of late) await happen();
        expect(await settle(ledger, spend('a', 0))).to.deep.equal([10 - spent]);
        expect(await settle(ledger, spend('a', 1))).to.deep.equal([9 - spent]);
      });
    }

    it('takes an answer that is none for no answer', async () => {
      for (const answer of ['OK', [], ['1', '2'], null]) {
        const runner: ScriptRunner = { run: () => Promise.resolve(answer) };
        const ledger = new RedisLedger({ redis: runner, keys, kind: 'test' });
        expect(await hasFailed(ledger.settle([spend('a', 1)])), String(answer)).to.be.true;
      }
    });
  });

  describe('under budgets of two gates', () => {
    const quick = { perSecond: 200, burst: 40 };

    async function gates(at = server): Promise<Budgets[]> {
      const all = await Promise.all(
        [1, 2].map(async () => new Budgets({ kind: 'test', nowMs: Date.now, ledger: await opened(at) })),
      );
      toClose.push(() => all.forEach((budgets) => budgets.close()));
      return all;
    }

    /** What the gates gave for so long, asked for five times what there is. */
    async function hammer(all: readonly Budgets[], ms: number): Promise<{ given: number; seconds: number }> {
      const startMs = performance.now();
      let given = 0;
      let asked = 0;
      for (let nowMs = startMs; nowMs < startMs + ms; nowMs = performance.now()) {
        for (; asked < nowMs - startMs; asked++) {
          for (const budgets of all) if (budgets.take('client', quick)) given += 1;
        }
        await sleep(2);
      }
      return { given, seconds: (performance.now() - startMs) / 1000 };
    }

    it('adds up to the configured number within 10 %', async () => {
      const all = await gates();
      const { given, seconds } = await hammer(all, 6000);
      const configured = quick.burst + quick.perSecond * seconds;
      expect(given / configured).to.be.within(0.9, 1.1);
    });

    it('leaves each gate its own buckets when Redis is killed, and makes them one again when it is back empty', async function () {
      this.timeout(60_000);
      const doomed = await TestRedis.start(bed);
      const all = await gates(doomed);
      await hammer(all, 500);
      await doomed.kill();
      await hammer(all, 200);
      const alone = await hammer(all, 2000);
      expect(alone.given / alone.seconds).to.be.within(1.5 * quick.perSecond, 2.2 * quick.perSecond);
      await doomed.restart();
      await until('everything is settled', () => all.every((budgets) => budgets.waiting === 0), 15_000);
      await hammer(all, 500);
      const together = await hammer(all, 3000);
      expect(together.given / together.seconds).to.be.within(0.75 * quick.perSecond, 1.15 * quick.perSecond);
    });
  });
});
