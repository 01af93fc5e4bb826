import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseAnchors, TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { Prefetcher } from '../../../core/resolver/prefetch.ts';
import type { LookupResult } from '../../../core/resolver/resolver.ts';
import { ValidatingResolver } from '../../../core/resolver/validating.ts';
import { startLab } from '../../../lab/lab.ts';
import { memoryLog } from '../../support/memory-log.ts';

const start = Date.UTC(2026, 10, 22);
const second = 1000;
const result: LookupResult = {
  status: 'secure',
  rcode: Rcode.NOERROR,
  records: [],
  ttlSeconds: 0,
  detail: '',
};

describe('Prefetcher', () => {
  let nowMs: number;
  let names: Name[];
  /** Names that were refreshed, each with the time in seconds. */
  let refreshed: [name: string, at: number][];
  let cachedUntil: Map<string, number>;
  /** What a refresh does to the cache. */
  let answer: (name: Name) => number | undefined;
  let hold: Promise<void>;

  beforeEach(() => {
    nowMs = start;
    names = ['a', 'b', 'c'].map((label) => Name.parse(`${label}.example`));
    refreshed = [];
    cachedUntil = new Map();
    answer = () => nowMs + 600 * second;
    hold = Promise.resolve();
  });

  const resolver = {
    async refresh(name: Name, type: number) {
      expect(type).to.equal(RrType.TLSA);
      refreshed.push([name.toString(), (nowMs - start) / second]);
      await hold;
      const untilMs = answer(name);
      if (untilMs !== undefined) cachedUntil.set(name.key, untilMs);
      return result;
    },
    cachedUntilMs(name: Name) {
      const untilMs = cachedUntil.get(name.key);
      return untilMs !== undefined && untilMs > nowMs ? untilMs : undefined;
    },
  };

  function prefetcherOf(limits: { names?: number; rate?: number } = {}): Prefetcher {
    return new Prefetcher({
      resolver,
      names: () => names,
      limits: { 'prefetch-names': limits.names ?? 1000, 'prefetch-rate': limits.rate ?? 20 },
      nowMs: () => nowMs,
    });
  }

  /** Lets so many seconds go by, ten ticks each. */
  async function run(prefetcher: Prefetcher, seconds: number): Promise<void> {
    for (let tick = 0; tick < seconds * 10; tick++) {
      prefetcher.tick();
      await nextTurn();
      nowMs += 100;
    }
  }

  const timesOf = (name: string): number[] => refreshed.filter(([each]) => each === name).map(([, at]) => at);

  it('fetches each name once at the start', async () => {
    await run(prefetcherOf(), 5);
    expect(refreshed.map(([name]) => name)).to.deep.equal(['a.example', 'b.example', 'c.example']);
  });

  it('fetches each again when a twentieth to a tenth of its time is left', async () => {
    await run(prefetcherOf(), 1600);
    for (const name of ['a.example', 'b.example', 'c.example']) {
      const times = timesOf(name);
      expect(times).to.have.length(3);
      for (const [n, at] of times.slice(1).entries()) {
        expect(at - times[n]!, name).to.be.within(539, 573);
      }
    }
  });

  it('does not fetch all at the same moment for ever', async () => {
    names = Array.from({ length: 20 }, (_, n) => Name.parse(`c${n}.example`));
    await run(prefetcherOf(), 590);
    const again = refreshed.slice(20).map(([, at]) => at);
    expect(Math.max(...again) - Math.min(...again)).to.be.above(10);
  });

  it('is never without a record, as long as the resolver answers', async () => {
    const prefetcher = prefetcherOf();
    await run(prefetcher, 2);
    for (let n = 0; n < 1500; n++) {
      await run(prefetcher, 1);
      for (const name of names) expect(resolver.cachedUntilMs(name), `${n}`).not.to.equal(undefined);
    }
  });

  it('asks a resolver that gives what is left in its own cache again only when that is over', async () => {
    answer = () => start + Math.ceil((nowMs + 1 - start) / (600 * second)) * 600 * second;
    await run(prefetcherOf(), 1210);
    for (const name of ['a.example', 'b.example', 'c.example']) {
      const times = timesOf(name);
      expect(times, name).to.have.length(5);
      expect(times[2]! - 600, name).to.be.within(0, 2);
      expect(times[4]! - 1200, name).to.be.within(0, 2);
    }
  });

  it('looks for one that fails once a second, and no more', async () => {
    answer = () => undefined;
    names = names.slice(0, 1);
    await run(prefetcherOf(), 10);
    expect(refreshed.length).to.be.within(4, 11);
  });

  it('makes no more lookups a second than it may', async () => {
    names = Array.from({ length: 1000 }, (_, n) => Name.parse(`c${n}.example`));
    for (const rate of [1, 7, 20, 95]) {
      refreshed = [];
      await run(prefetcherOf({ rate }), 5);
      expect(refreshed.length, `${rate}`).to.be.within(rate * 5 - 2, rate * 5 + 1);
    }
  });

  it('has no more lookups under way than it may make in a second', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    hold = promise;
    names = Array.from({ length: 1000 }, (_, n) => Name.parse(`c${n}.example`));
    const prefetcher = prefetcherOf({ rate: 10 });
    await run(prefetcher, 5);
    expect(refreshed).to.have.length(10);
    resolve(undefined);
    await nextTurn();
    await run(prefetcher, 1);
    expect(refreshed.length).to.be.above(15);
  });

  it('fetches the first names of a list that is too long', async () => {
    names = Array.from({ length: 100 }, (_, n) => Name.parse(`c${n}.example`));
    await run(prefetcherOf({ names: 10 }), 20);
    expect(refreshed.map(([name]) => name)).to.deep.equal(names.slice(0, 10).map(String));
  });

  it('takes names up that are new in the list, and forgets those that are gone', async () => {
    const prefetcher = prefetcherOf();
    await run(prefetcher, 5);
    names = [Name.parse('d.example')];
    await run(prefetcher, 5);
    expect(refreshed.at(-1)![0]).to.equal('d.example');
    await run(prefetcher, 600);
    expect(timesOf('a.example')).to.have.length(1);
    expect(timesOf('d.example')).to.have.length(2);
  });

  it('outlives a defect, and says so', async () => {
    const log = memoryLog();
    const broken = { ...resolver, refresh: () => Promise.reject(new Error('defect')) };
    const prefetcher = new Prefetcher({ resolver: broken, names: () => names, nowMs: () => nowMs, log });
    await run(prefetcher, 1);
    expect(log.of('defect').length).to.be.above(0);
    await run(prefetcher, 1);
  });

  it('does nothing when no name may be fetched, and nothing after it was stopped', async () => {
    const prefetcher = prefetcherOf({ names: 0 });
    prefetcher.start();
    await pause(250);
    const stopped = prefetcherOf();
    stopped.start();
    stopped.stop();
    await pause(250);
    expect(refreshed).to.have.length(0);
  });

  it('has the records at hand before a client comes', async () => {
    const lab = await startLab({ transferZone: { name: 'example.com', records: 3 } });
    const owner = Name.parse('_xfr.ns2.example');
    lab.publishTlsa(owner, [Buffer.from('030101'.padEnd(70, 'ab'), 'hex')]);
    const anchors = new TrustAnchors(parseAnchors(lab.rootAnchor()));
    const real = new ValidatingResolver({ servers: [lab.resolver], anchors, timeoutMs: 3000 });
    const prefetcher = new Prefetcher({ resolver: real, names: () => [owner] });
    prefetcher.start();
    while (real.cachedUntilMs(owner, RrType.TLSA) === undefined) await pause(20);
    prefetcher.stop();
    const before = lab.resolver.queries.length;
    expect(await real.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
    expect(lab.resolver.queries).to.have.length(before);
    real.close();
    await lab.close();
  });
});
