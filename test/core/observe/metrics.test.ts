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

  it('escapes label values', async () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A.', ['x']).add({ x: 'a"\n\\b' });
    expect(await metrics.text()).to.include('danced_a_total{x="a\\"\\n\\\\b"} 1');
  });
});
