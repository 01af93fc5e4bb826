import { inspect } from 'node:util';
import { expect } from 'chai';
import { readOrder, readReport, type WorkerOrder, type WorkerReport } from '../../../cli/workers/messages.ts';
import { budgetBounds } from '../../../core/acl/budgets.ts';

const spending = { key: 'a', allowance: { perSecond: 1, burst: 2 }, spent: 3 };
const problem = { file: 'f', line: 1, column: 2, path: ['a', 0], wrong: 'is wrong', right: 'mend it' };
const metric = { name: 'a', help: '', kind: 'counter', series: [] } as const;

describe('messages of workers and their parent', () => {
  const orders: readonly WorkerOrder[] = [
    { kind: 'start', file: 'danced.yaml', text: 'version: 1' },
    { kind: 'reload' },
    { kind: 'stop', withinMs: 0 },
    { kind: 'ask', id: 1 },
    { kind: 'watch', isWatched: false },
    { kind: 'settled', id: 4, lefts: [1.5, -3] },
    { kind: 'settled', id: 4 },
  ];
  const reports: readonly WorkerReport[] = [
    { kind: 'awake' },
    { kind: 'started' },
    { kind: 'failed', message: 'no', problems: [problem] },
    { kind: 'answer', id: 1, snapshot: [metric], ready: true, waitingFor: ['a'] },
    { kind: 'last', snapshot: [] },
    { kind: 'settle', id: 1, budget: 'rates', spendings: [spending] },
    { kind: 'decisions', events: [{ event: 'decision', list: [1, { a: null }] }] },
  ];

  for (const order of orders) {
    it(`the order "${order.kind}" comes as it was sent`, () => {
      expect(readOrder(JSON.parse(JSON.stringify(order)))).to.deep.equal(order);
    });
  }
  for (const report of reports) {
    it(`the report "${report.kind}" comes as it was sent`, () => {
      expect(readReport(JSON.parse(JSON.stringify(report)))).to.deep.equal(report);
    });
  }

  it('have nothing in them that is not theirs', () => {
    expect(readReport({ kind: 'started', extra: 1 })).to.deep.equal({ kind: 'started' });
    expect(readOrder({ kind: 'ask', id: 1, text: 'x' })).to.deep.equal({ kind: 'ask', id: 1 });
  });

  const noOrders = [
    null,
    'stop',
    [],
    { kind: 'end' },
    { kind: 'stop' },
    { kind: 'stop', withinMs: -1 },
    { kind: 'stop', withinMs: '1' },
    { kind: 'start', file: 'a' },
    { kind: 'start', file: 'a', text: 'x'.repeat(5 * 1024 * 1024) },
    { kind: 'ask', id: null },
    { kind: 'watch', isWatched: 1 },
    { kind: 'settled', id: 1, lefts: [null] },
    { kind: 'settled', id: 1, lefts: Array.from({ length: budgetBounds.keysPerCall + 1 }, () => 0) },
  ];
  const noReports = [
    undefined,
    7,
    { kind: 'awake'.repeat(2) },
    { kind: 'failed', message: 'no' },
    { kind: 'failed', message: 'no', problems: [{ ...problem, line: 'x' }] },
    { kind: 'failed', message: 'no', problems: Array.from({ length: 101 }, () => problem) },
    { kind: 'answer', id: 1, snapshot: [{}], ready: true, waitingFor: [] },
    { kind: 'answer', id: 1, snapshot: [], ready: 'yes', waitingFor: [] },
    { kind: 'answer', id: 1, snapshot: [], ready: true, waitingFor: [1] },
    { kind: 'last' },
    { kind: 'settle', id: 1, budget: 'x'.repeat(65), spendings: [] },
    { kind: 'settle', id: 1, budget: 'rates', spendings: [{ ...spending, spent: -1 }] },
    { kind: 'settle', id: 1, budget: 'rates', spendings: [{ ...spending, allowance: { perSecond: 1 } }] },
    { kind: 'settle', id: 1, budget: 'rates', spendings: Array.from({ length: 251 }, () => spending) },
    { kind: 'settle', id: 1, budget: 'rates', spendings: [{ ...spending, key: 'x'.repeat(10_000) }] },
    { kind: 'decisions', events: ['x'] },
    { kind: 'decisions', events: Array.from({ length: 1002 }, () => ({})) },
    { kind: 'decisions', events: [Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i, i]))] },
  ];
  it('are refused when they are none, or too much', () => {
    for (const wrong of noOrders) expect(readOrder(wrong), inspect(wrong).slice(0, 80)).to.equal(undefined);
    for (const wrong of noReports) expect(readReport(wrong), inspect(wrong).slice(0, 80)).to.equal(undefined);
  });
});
