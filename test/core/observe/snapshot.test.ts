import { inspect } from 'node:util';
import { expect } from 'chai';
import { maxSeriesPerMetric, Metrics, renderSnapshot } from '../../../core/observe/metrics.ts';
import {
  onlyTotals,
  readSnapshot,
  sumSnapshots,
  type MetricsSnapshot,
} from '../../../core/observe/snapshot.ts';

describe('snapshots of metrics', () => {
  /** One process that has counted `n`. */
  function counted(n: number): Metrics {
    const metrics = new Metrics();
    metrics.counter('queries_total', 'Queries.', ['view']).add({ view: 'a"b' }, n);
    metrics.gauge('open', 'Open.', []).set({}, n);
    const seconds = metrics.histogram('seconds', 'Seconds.', ['view'], [1, 5]);
    seconds.observe({ view: 'x' }, n);
    return metrics;
  }

  /** As another process gets it. */
  function sent(snapshot: MetricsSnapshot): MetricsSnapshot {
    const read = readSnapshot(JSON.parse(JSON.stringify(snapshot)));
    if (read === undefined) throw new Error('not a snapshot');
    return read;
  }

  function series(snapshot: MetricsSnapshot, name: string) {
    return snapshot.find((metric) => metric.name === name)?.series ?? [];
  }

  it('give the text that the metrics themselves give', async () => {
    const metrics = counted(3);
    expect(await renderSnapshot(sent(await metrics.snapshot()))).to.equal(await metrics.text());
  });

  it('are added up: counters, gauges, and every bucket of histograms', async () => {
    const sum = sumSnapshots([sent(await counted(3).snapshot()), sent(await counted(0.5).snapshot())]);
    const text = await renderSnapshot(sum);
    for (const line of [
      'danced_queries_total{view="a\\"b"} 3.5',
      'danced_open 3.5',
      'danced_seconds_bucket{le="1",view="x"} 1',
      'danced_seconds_bucket{le="5",view="x"} 2',
      'danced_seconds_bucket{le="+Inf",view="x"} 2',
      'danced_seconds_sum{view="x"} 3.5',
      'danced_seconds_count{view="x"} 2',
    ]) {
      expect(text.split('\n')).to.include(line);
    }
    expect(text.match(/# TYPE danced_seconds histogram/g)).to.have.length(1);
  });

  it('change nothing that they were made of', async () => {
    const one = await counted(1).snapshot();
    const before = JSON.stringify(one);
    sumSnapshots([one, one, await counted(2).snapshot()]);
    expect(JSON.stringify(one)).to.equal(before);
  });

  it('keep series apart that only one of them has', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.counter('a_total', 'A.', ['x']).add({ x: '1' });
    other.counter('a_total', 'A.', ['x']).add({ x: '2' }, 5);
    other.counter('b_total', 'B.', []).add();
    const text = await renderSnapshot(sumSnapshots([await one.snapshot(), await other.snapshot()]));
    for (const line of ['danced_a_total{x="1"} 1', 'danced_a_total{x="2"} 5', 'danced_b_total 1']) {
      expect(text.split('\n')).to.include(line);
    }
  });

  it('without gauges are what stays of a process that has ended', async () => {
    const left = onlyTotals(await counted(2).snapshot());
    expect(left.map(({ kind }) => kind)).to.deep.equal(['counter', 'histogram']);
  });

  it('do not grow with values that strangers choose, however many are added', async () => {
    const metrics = (from: number): Metrics => {
      const made = new Metrics();
      const refused = made.counter('refused_total', 'Refused.', ['zone']);
      const sizes = made.histogram('sizes', 'Sizes.', ['zone'], [10]);
      for (let i = from; i < from + 600; i++) {
        refused.add({ zone: `z${i}.example` });
        sizes.observe({ zone: `z${i}.example` }, 5);
      }
      return made;
    };
    const snapshots = await Promise.all([0, 600, 1200, 1800].map((from) => metrics(from).snapshot()));
    const sum = sumSnapshots([sumSnapshots(snapshots.slice(0, 3)), ...snapshots.slice(3)]);
    expect(series(sum, 'danced_refused_total')).to.have.length(maxSeriesPerMetric + 1);
    const other = series(sum, 'danced_refused_total').filter(({ labels }) => labels['zone'] === 'other');
    expect(other.map(({ value }) => value)).to.deep.equal([2400 - maxSeriesPerMetric]);
    const total = series(sum, 'danced_refused_total').reduce((all, { value }) => all + value, 0);
    expect(total).to.equal(2400);
    const bucket = series(sum, 'danced_sizes').filter(
      ({ labels }) => labels['zone'] === 'other' && labels['le'] === '10',
    );
    expect(bucket.map(({ value }) => value)).to.deep.equal([2400 - maxSeriesPerMetric]);
  });

  it('leave out what is no number', async () => {
    const metrics = new Metrics();
    metrics.gauge('odd', 'Odd.', ['x']).set({ x: '1' }, NaN);
    metrics.gauge('odd', 'Odd.', ['x']).set({ x: '2' }, 4);
    expect(series(await metrics.snapshot(), 'danced_odd').map(({ value }) => value)).to.deep.equal([4]);
  });

  it('are refused when they are none', () => {
    const metric = { name: 'a', help: '', kind: 'counter', series: [{ name: 'a', labels: {}, value: 1 }] };
    expect(readSnapshot([metric])).to.deep.equal([metric]);
    for (const wrong of [
      undefined,
      {},
      [null],
      [{ ...metric, name: 1 }],
      [{ ...metric, kind: 'summary' }],
      [{ ...metric, series: {} }],
      [{ ...metric, series: [{ name: 'a', labels: {}, value: null }] }],
      [{ ...metric, series: [{ name: 'a', labels: { x: 1 }, value: 1 }] }],
      [{ ...metric, series: [{ name: 'a', labels: [], value: 1 }] }],
      [{ ...metric, help: 'x'.repeat(5000) }],
      Array.from({ length: 1001 }, () => metric),
    ]) {
      expect(readSnapshot(wrong), inspect(wrong).slice(0, 100)).to.equal(undefined);
    }
  });
});
