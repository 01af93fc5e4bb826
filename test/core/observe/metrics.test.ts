import { expect } from 'chai';
import { maxSeriesPerMetric, Metrics } from '../../../core/observe/metrics.ts';

describe('Metrics', () => {
  it('counts, in the text format of Prometheus and under our prefix', async () => {
    const metrics = new Metrics();
    const transfers = metrics.counter('transfers_total', 'Transfers by outcome.', ['outcome']);
    transfers.add({ outcome: 'done' });
    transfers.add({ outcome: 'done' }, 2);
    metrics.counter('starts_total', 'Starts.', []).add();
    expect(await metrics.text()).to.include('# HELP danced_transfers_total Transfers by outcome.');
    expect(await metrics.text()).to.include('danced_transfers_total{outcome="done"} 3');
    expect(await metrics.text()).to.include('danced_starts_total 1');
    expect(metrics.contentType).to.match(/^text\/plain; version=/);
  });

  it('measures up and down', async () => {
    const metrics = new Metrics();
    const connections = metrics.gauge('connections', 'Open connections.', ['plugin']);
    connections.set({ plugin: 'xot' }, 5);
    connections.add({ plugin: 'xot' }, -2);
    expect(await metrics.text()).to.include('danced_connections{plugin="xot"} 3');
  });

  it('follows a value that others keep', async () => {
    const metrics = new Metrics();
    const connections = metrics.gauge('connections', 'Open connections.', ['plugin']);
    let open = 1;
    connections.follow({ plugin: 'xot' }, () => open);
    expect(await metrics.text()).to.include('danced_connections{plugin="xot"} 1');
    open = 7;
    expect(await metrics.text()).to.include('danced_connections{plugin="xot"} 7');
    connections.follow({ plugin: 'xot' }, () => 2);
    expect(await metrics.text()).to.include('danced_connections{plugin="xot"} 2');
  });

  it('sorts observations into buckets', async () => {
    const metrics = new Metrics();
    const durations = metrics.histogram('handshake_seconds', 'Handshakes.', ['outcome'], [0.1, 1]);
    for (const seconds of [0.05, 0.5, 5]) durations.observe({ outcome: 'done' }, seconds);
    const text = await metrics.text();
    for (const line of [
      '{le="0.1",outcome="done"} 1',
      '{le="1",outcome="done"} 2',
      '{le="+Inf",outcome="done"} 3',
    ]) {
      expect(text).to.include(`danced_handshake_seconds_bucket${line}`);
    }
  });

  it('gives the same metric to everybody who asks for it', async () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A.', ['x']).add({ x: '1' });
    metrics.counter('a_total', 'A.', ['x']).add({ x: '1' });
    expect(await metrics.text()).to.include('danced_a_total{x="1"} 2');
  });

  it('refuses one name for two kinds', () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A.', ['x']);
    expect(() => metrics.gauge('a_total', 'A.', ['x'])).to.throw(TypeError, 'counter(x)');
    expect(() => metrics.counter('a_total', 'A.', ['y'])).to.throw(TypeError, 'counter(y)');
  });

  it('keeps two daemons in one process apart', async () => {
    const one = new Metrics();
    const other = new Metrics();
    one.counter('a_total', 'A.', []).add();
    other.counter('a_total', 'A.', []);
    expect(await one.text()).to.include('danced_a_total 1');
    expect(await other.text()).to.include('danced_a_total 0');
  });

  it('does not grow with values that strangers choose', async () => {
    const metrics = new Metrics();
    const refused = metrics.counter('refused_total', 'Refused.', ['zone']);
    for (let i = 0; i < maxSeriesPerMetric + 500; i++) refused.add({ zone: `z${String(i)}.example` });
    refused.add({ zone: 'z0.example' });
    const text = await metrics.text();
    expect(text.match(/^danced_refused_total\{/gm)).to.have.length(maxSeriesPerMetric + 1);
    expect(text).to.include('danced_refused_total{zone="other"} 500');
    expect(text).to.include('danced_refused_total{zone="z0.example"} 2');
  });

  it('counts on between two readings', async () => {
    const metrics = new Metrics();
    const seen = metrics.counter('a_total', 'A.', ['x']);
    const open = metrics.gauge('open', 'Open.', []);
    seen.add({ x: '1' });
    open.set({}, 4);
    await metrics.text();
    seen.add({ x: '1' });
    open.add({}, -1);
    const text = await metrics.text();
    expect(text).to.include('danced_a_total{x="1"} 2');
    expect(text).to.include('danced_open 3');
  });

  it('keeps series apart whose values are alike when they are put together', async () => {
    const metrics = new Metrics();
    const seen = metrics.counter('a_total', 'A.', ['x', 'y']);
    seen.add({ x: 'a1', y: '' });
    seen.add({ x: 'a', y: '1' });
    seen.add({ x: '', y: 'a1' });
    const text = await metrics.text();
    for (const labels of ['x="a1",y=""', 'x="a",y="1"', 'x="",y="a1"']) {
      expect(text).to.include(`danced_a_total{${labels}} 1`);
    }
  });

  it('refuses to count down, and labels that the metric does not have', () => {
    const seen = new Metrics().counter('a_total', 'A.', ['x']);
    expect(() => {
      seen.add({ x: '1' }, -1);
    }).to.throw(RangeError, 'a_total');
    expect(() => {
      seen.add({ x: '1' }, NaN);
    }).to.throw(RangeError);
    expect(() => {
      seen.add({ y: '1' });
    }).to.throw(TypeError, 'y');
  });

  it('escapes label values', async () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A.', ['x']).add({ x: 'a"\n\\b' });
    expect(await metrics.text()).to.include('danced_a_total{x="a\\"\\n\\\\b"} 1');
  });
});
