import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { nextBackoff } from '../../../cli/workers/backoff.ts';
import { workerBounds } from '../../../cli/workers/bounds.ts';
import { readinessOf } from '../../../cli/workers/parent.ts';
import { WorkerPool, type PoolOptions } from '../../../cli/workers/pool.ts';
import { RelayFeed } from '../../../cli/workers/relay-feed.ts';
import { WorkerTotals } from '../../../cli/workers/totals.ts';
import type { WorkerConfig, WorkerEvents, WorkerHandle } from '../../../cli/workers/worker-process.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import type { MetricsSnapshot } from '../../../core/observe/snapshot.ts';
import { until } from '../../support/gate.ts';
import { memoryLog } from '../../support/memory-log.ts';

/** A worker that does what the test says. */
class FakeWorker implements WorkerHandle {
  snapshot: MetricsSnapshot = [];
  readonly pid: number;
  readonly number: number;
  readonly config: WorkerConfig;
  readonly events: WorkerEvents;
  readonly heard: string[] = [];
  isSilent = false;
  isReady = true;
  /** Whether it stops when it is told to. */
  obeys = true;
  hasEnded = false;

  constructor(number: number, config: WorkerConfig, events: WorkerEvents, pid: number) {
    this.number = number;
    this.config = config;
    this.events = events;
    this.pid = pid;
  }

  reload(): void {
    this.heard.push('reload');
  }

  stop(withinMs: number): void {
    this.heard.push(`stop ${withinMs}`);
    if (this.obeys) queueMicrotask(() => this.end({ code: 0, signal: null }));
  }

  kill(): void {
    this.heard.push('kill');
    queueMicrotask(() => this.end({ code: null, signal: 'SIGKILL' }));
  }

  watch(isWatched: boolean): void {
    this.heard.push(`watch ${isWatched}`);
  }

  ask() {
    if (this.isSilent) return Promise.resolve(undefined);
    return Promise.resolve({ ready: this.isReady, waitingFor: this.isReady ? [] : ['the primary'] });
  }

  counts(open: number, total: number): void {
    const one = (name: string, value: number) => [{ name, labels: {}, value }];
    this.snapshot = [
      { name: 'open', help: '', kind: 'gauge', series: one('open', open) },
      { name: 'a_total', help: '', kind: 'counter', series: one('a_total', total) },
    ];
  }

  end(end: { code: number | null; signal: string | null }): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.events.onEnded(end);
  }
}

const bounds = {
  ...workerBounds,
  stopTimeMs: 50,
  killGraceMs: 20,
  readyMs: 200,
  firstBackoffMs: 10,
  mostBackoffMs: 40,
  livedMs: 1000,
  pollMs: 20,
  pollsUntilHung: 3,
};
const config = { file: 'danced.yaml', text: 'one' };
const other = { file: 'danced.yaml', text: 'two' };

describe('a pool of workers', () => {
  let launched: FakeWorker[];
  let pool: WorkerPool;
  let metrics: Metrics;
  let isWatched: boolean;
  /** What a new worker does; it listens at once if nothing else is said. */
  let onLaunch: (worker: FakeWorker) => void;
  let buried: MetricsSnapshot[];
  const log = memoryLog();

  beforeEach(() => {
    launched = [];
    buried = [];
    isWatched = false;
    metrics = new Metrics();
    onLaunch = (worker) => worker.events.onStarted();
    log.forget();
    const options: PoolOptions = {
      launch: (number, given, events) => {
        const worker = new FakeWorker(number, given, events, 100 + launched.length);
        launched.push(worker);
        setImmediate(() => onLaunch(worker));
        return worker;
      },
      log: () => log,
      metrics,
      onDecision: () => undefined,
      settle: () => [],
      onCounted: (snapshot) => buried.push(snapshot),
      isWatched: () => isWatched,
      bounds,
    };
    pool = new WorkerPool(options);
  });

  afterEach(() => pool.stop(0));

  function alive(): FakeWorker[] {
    return launched.filter(({ hasEnded }) => !hasEnded);
  }

  async function states(): Promise<Record<string, number>> {
    const text = await metrics.text();
    const found = text.matchAll(/^danced_workers\{state="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...found].map(([, state = '', count]) => [state, Number(count)]));
  }

  it('starts as many as asked for', async () => {
    await pool.start(config, 3);
    expect(alive().map(({ number }) => number)).to.deep.equal([1, 2, 3]);
    expect(await states()).to.deep.equal({ starting: 0, running: 3, stopping: 0 });
  });

  it('leaves none when one cannot start, and says what that one said', async () => {
    onLaunch = (worker) => {
      if (worker.number !== 2) {
        worker.events.onStarted();
        return;
      }
      worker.events.onFailed({ message: 'cannot listen', problems: [] });
      worker.end({ code: 2, signal: null });
    };
    const error = await pool.start(config, 3).catch((failure: unknown) => failure);
    expect(error).to.have.property('message', 'cannot listen');
    expect(alive()).to.deep.equal([]);
    await sleep(50);
    expect(launched).to.have.length(3);
  });

  it('kills one that does not listen in time', async () => {
    onLaunch = () => undefined;
    const error = await pool.start(config, 1).catch((failure: unknown) => failure);
    expect(error).to.have.property('message', 'it did not listen within 200 ms');
    expect(launched[0]?.heard).to.deep.equal(['kill']);
  });

  it('replaces one that crashes, and leaves the others alone', async () => {
    await pool.start(config, 2);
    launched[0]?.end({ code: null, signal: 'SIGSEGV' });
    await until('it is replaced', () => launched.length === 3);
    expect(alive().map(({ number }) => number)).to.deep.equal([2, 1]);
    expect(launched[1]?.heard).to.deep.equal([]);
    const [line] = log.of('worker ended');
    expect(line?.fields).to.include({ worker: 1, pid: 100, signal: 'SIGSEGV' });
    expect(await metrics.text()).to.include('danced_worker_restarts_total 1');
  });

  it('replaces one that ended by itself while the others still started', async () => {
    onLaunch = (worker) => {
      if (worker.number === 2) {
        setTimeout(() => worker.events.onStarted(), 30);
        return;
      }
      worker.events.onStarted();
      if (launched.length === 2) worker.end({ code: 0, signal: null });
    };
    await pool.start(config, 2);
    await until('it is replaced', () => alive().length === 2);
  });

  it('waits longer each time one crashes again, and says why it cannot start', async () => {
    await pool.start(config, 1);
    onLaunch = (worker) => {
      worker.events.onFailed({ message: 'no such file', problems: [] });
      worker.end({ code: 2, signal: null });
    };
    launched[0]?.end({ code: 1, signal: null });
    await until('three tries', () => log.of('worker cannot start').length === 3);
    expect(log.of('worker cannot start')[0]?.fields).to.include({ worker: 1, problem: 'no such file' });
    expect([0, 10, 20, 40].map((ms) => nextBackoff(ms, 5, bounds))).to.deep.equal([10, 20, 40, 40]);
    expect(nextBackoff(40, 1000, bounds)).to.equal(10);
    onLaunch = (worker) => worker.events.onStarted();
    await until('it runs again', async () => (await states())['running'] === 1);
  });

  it('replaces all, one at a time: the new one first', async () => {
    await pool.start(config, 2);
    const seen: string[] = [];
    onLaunch = (worker) => {
      seen.push(`${alive().length} with new ${worker.number}`);
      worker.events.onStarted();
    };
    expect(await pool.replaceAll(other, 2)).to.equal(true);
    expect(seen).to.deep.equal(['3 with new 1', '3 with new 2']);
    expect(alive().map(({ config: { text } }) => text)).to.deep.equal(['two', 'two']);
    for (const old of launched.slice(0, 2)) expect(old.heard).to.deep.equal(['stop 50']);
    expect(log.of('worker ended')).to.deep.equal([]);
  });

  it('keeps the old ones when a new one cannot start, and replaces them by their like', async () => {
    await pool.start(config, 2);
    onLaunch = (worker) => {
      worker.events.onFailed({ message: 'no', problems: [] });
      worker.end({ code: 2, signal: null });
    };
    expect(await pool.replaceAll(other, 2)).to.equal(false);
    expect(log.of('worker not replaced')[0]?.fields).to.include({ worker: 1, problem: 'no' });
    expect(alive()).to.deep.equal(launched.slice(0, 2));
    onLaunch = (worker) => worker.events.onStarted();
    launched[1]?.end({ code: 1, signal: null });
    await until('it is replaced', () => alive().length === 2);
    expect(launched.at(-1)?.config).to.equal(config);
  });

  it('becomes larger and smaller', async () => {
    await pool.start(config, 1);
    await pool.replaceAll(other, 3);
    expect(alive().map(({ number }) => number)).to.deep.equal([1, 2, 3]);
    await pool.replaceAll(config, 2);
    expect(alive().map(({ number }) => number)).to.deep.equal([1, 2]);
    await sleep(50);
    expect(alive()).to.have.length(2);
  });

  it('kills one that does not stop in time', async () => {
    await pool.start(config, 1);
    launched[0]!.obeys = false;
    await pool.replaceAll(other, 1);
    expect(launched[0]?.heard).to.deep.equal(['stop 50', 'kill']);
  });

  it('does not come back while it stops, whatever is under way', async () => {
    await pool.start(config, 2);
    launched[0]?.end({ code: 1, signal: null });
    onLaunch = () => undefined;
    const replaced = pool.replaceAll(other, 2);
    await sleep(1);
    await pool.stop(100);
    expect(await replaced).to.equal(false);
    const count = launched.length;
    await sleep(50);
    expect(alive()).to.deep.equal([]);
    expect(launched).to.have.length(count);
    expect(log.of('worker not replaced')).to.deep.equal([]);
  });

  it('kills one that hangs, and replaces it', async () => {
    await pool.start(config, 2);
    launched[1]!.isSilent = true;
    await until('it is replaced', () => launched.length === 3);
    expect(log.of('worker hangs')[0]?.fields).to.deep.equal({ worker: 2, pid: 101 });
    expect(launched[1]?.heard).to.deep.equal(['kill']);
    expect(launched[0]?.heard).to.deep.equal([]);
  });

  it('tells new ones that somebody watches', async () => {
    const feed = new RelayFeed(Date.now, (now) => {
      isWatched = now;
      pool.watch(now);
    });
    await pool.start(config, 1);
    const [endOne, endOther] = [feed.watch(() => undefined), feed.watch(() => undefined)];
    launched[0]?.end({ code: 1, signal: null });
    await until('the new one knows', () => launched[1]?.heard.length === 1);
    endOne();
    endOne();
    endOther();
    expect(launched.map(({ heard }) => heard)).to.deep.equal([['watch true'], ['watch true', 'watch false']]);
  });

  it('is ready when one worker is, else says what they wait for', async () => {
    await pool.start(config, 2);
    launched[0]!.isReady = false;
    expect(readinessOf(await pool.ask())).to.deep.equal({ ready: true, waitingFor: [] });
    launched[1]!.isReady = false;
    expect(readinessOf(await pool.ask())).to.deep.equal({ ready: false, waitingFor: ['the primary'] });
    launched[1]!.isSilent = true;
    const { waitingFor } = readinessOf(await pool.ask());
    expect(waitingFor).to.deep.equal(['the primary', 'an answer of worker 2']);
    expect(readinessOf([])).to.deep.equal({ ready: false, waitingFor: ['a worker'] });
  });

  describe('and the sum of its metrics', () => {
    let totals: WorkerTotals;

    beforeEach(() => {
      totals = new WorkerTotals(metrics, () => pool.ask());
    });

    async function values(): Promise<(number | undefined)[]> {
      const text = await totals.text();
      return ['open', 'a_total'].map((name) => {
        const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(text);
        return found ? Number(found[1]) : undefined;
      });
    }

    it('has all workers in it', async () => {
      await pool.start(config, 2);
      launched[0]!.counts(1, 10);
      launched[1]!.counts(2, 20);
      expect(await values()).to.deep.equal([3, 30]);
      expect(totals.contentType).to.equal(metrics.contentType);
      expect(await totals.text()).to.include('danced_workers{state="running"} 2');
    });

    it('leaves out the gauges of one that is silent, and keeps its counters', async () => {
      await pool.start(config, 2);
      launched[0]!.counts(1, 10);
      launched[1]!.counts(2, 20);
      launched[1]!.isSilent = true;
      expect(await values()).to.deep.equal([1, 30]);
      expect(await totals.text()).to.match(/^danced_worker_silences_total [1-9]/m);
    });

    it('keeps the counters of those that have ended', async () => {
      await pool.start(config, 2);
      launched[0]!.counts(1, 10);
      launched[1]!.counts(2, 20);
      for (const worker of launched.slice(0, 2)) worker.end({ code: 1, signal: null });
      for (const snapshot of buried) totals.bury(snapshot);
      expect(await values()).to.deep.equal([undefined, 30]);
      await until('they are back', () => alive().length === 2);
      for (const worker of alive()) worker.counts(1, 1);
      await until('they run', async () => (await states())['running'] === 2);
      expect(await values()).to.deep.equal([2, 32]);
    });
  });
});
