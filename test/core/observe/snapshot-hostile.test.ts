/** What a process that strangers have taken over may say of what it counted. */
import { expect } from 'chai';
import { readSnapshot, sumSnapshots, type MetricsSnapshot } from '../../../core/observe/snapshot.ts';

const good = { name: 'danced_a', help: 'What.', kind: 'counter' } as const;
const one = { name: 'danced_a', labels: { gate: 'x' }, value: 1 };

describe('a snapshot of a process that is not to be trusted', () => {
  it('is taken with names that the text of metrics knows', () => {
    expect(readSnapshot([{ ...good, series: [one] }])).to.not.equal(undefined);
  });

  for (const [what, metric] of [
    ['a metric', { ...good, name: 'a 1\ndanced_b', series: [one] }],
    ['a series', { ...good, series: [{ ...one, name: 'danced_b{x="1"} 7\ndanced_c' }] }],
    ['a label', { ...good, series: [{ ...one, labels: { 'a="}\n': 'b' } }] }],
    ['a metric without a name', { ...good, name: '', series: [one] }],
  ] as const)
    it(`is not taken with lines of text in the name of ${what}`, () => {
      expect(readSnapshot([metric])).to.equal(undefined);
    });

  it('does not make the sum grow without end, whatever names it has each time it ends', () => {
    let sum: MetricsSnapshot = [];
    for (let end = 0; end < 5; end += 1) {
      const metrics = Array.from({ length: 900 }, (_, n) => ({
        ...good,
        name: `m${end}_${n}`,
        series: [one],
      }));
      sum = sumSnapshots([sum, metrics]);
    }
    expect(sum.length).to.be.at.most(1000);
    const parts = Array.from({ length: 5000 }, (_, n) => ({ ...one, name: `danced_a_${n}` }));
    const [metric] = sumSnapshots([[{ ...good, series: parts }]]);
    expect(metric?.series.length).to.be.at.most(256);
  });
});
