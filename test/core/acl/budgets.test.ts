import { expect } from 'chai';
import fc from 'fast-check';
import { budgetBounds, Budgets, perMinute, type Allowance } from '../../../core/acl/budgets.ts';
import { Clock, takeMany } from '../../support/budgets.ts';

/** One gate's budgets, and its clock. */
function counting(options: { maxKeys?: number } = {}): { budgets: Budgets; clock: Clock } {
  const clock = new Clock();
  return { budgets: new Budgets({ kind: 'test', nowMs: clock.now, ...options }), clock };
}

const threeAMinute = perMinute(3);
const tenASecond = { perSecond: 10, burst: 20 };

describe('Budgets without a ledger', () => {
  it('gives the burst at once, and then the rate', () => {
    const { budgets, clock } = counting();
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(20);
    clock.ms += 500;
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(5);
  });

  it('has a bucket for each key', () => {
    const { budgets } = counting();
    expect(takeMany(budgets, 'a', threeAMinute, 5)).to.equal(3);
    expect(takeMany(budgets, 'b', threeAMinute, 5)).to.equal(3);
    expect(budgets.size).to.equal(2);
  });

  it('says whether there is one left, and spends nothing by it', () => {
    const { budgets } = counting();
    for (let time = 0; time < 10; time++) expect(budgets.hasLeft('a', threeAMinute)).to.be.true;
    expect(budgets.size).to.equal(0);
    expect(takeMany(budgets, 'a', threeAMinute, 5)).to.equal(3);
    expect(budgets.hasLeft('a', threeAMinute)).to.be.false;
  });

  it('fills up again, and not beyond', () => {
    const { budgets, clock } = counting();
    takeMany(budgets, 'a', threeAMinute, 3);
    clock.ms += 19_999;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.false;
    clock.ms += 1;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.true;
    clock.ms += 3_600_000;
    expect(takeMany(budgets, 'a', threeAMinute, 5)).to.equal(3);
  });

  it('lets more be charged than there is, and has it made up for', () => {
    const { budgets, clock } = counting();
    budgets.charge('a', threeAMinute);
    budgets.charge('a', threeAMinute, 5);
    clock.ms += 79_000;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.false;
    expect(budgets.take('a', threeAMinute)).to.be.false;
    clock.ms += 1_000;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.true;
  });

  it('is not made worse by those it turns away', () => {
    const { budgets, clock } = counting();
    takeMany(budgets, 'a', threeAMinute, 1000);
    clock.ms += 20_000;
    expect(budgets.take('a', threeAMinute)).to.be.true;
  });

  it('neither gives nor takes when the clock is set back', () => {
    const { budgets, clock } = counting();
    takeMany(budgets, 'a', threeAMinute, 2);
    clock.ms -= 60_000;
    expect(takeMany(budgets, 'a', threeAMinute, 5)).to.equal(1);
    expect(budgets.hasLeft('a', threeAMinute)).to.be.false;
    clock.ms += 20_000;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.true;
  });

  it('gives again at the usual rate when the clock was set back under an empty bucket', () => {
    const { budgets, clock } = counting();
    takeMany(budgets, 'a', threeAMinute, 3);
    clock.ms -= 3_600_000;
    expect(budgets.take('a', threeAMinute)).to.be.false;
    clock.ms += 19_999;
    expect(budgets.hasLeft('a', threeAMinute)).to.be.false;
    clock.ms += 1;
    expect(budgets.take('a', threeAMinute)).to.be.true;
  });

  it('goes by another allowance from the call on that has it', () => {
    const { budgets, clock } = counting();
    budgets.take('a', { perSecond: 100, burst: 100 });
    expect(takeMany(budgets, 'a', { perSecond: 1, burst: 5 }, 100)).to.equal(5);
    clock.ms += 1000;
    expect(takeMany(budgets, 'a', { perSecond: 50, burst: 1000 }, 100)).to.equal(50);
  });

  it('gives nothing where a full bucket has less than one, nor for an allowance that is no number', () => {
    const { budgets } = counting();
    for (const burst of [0, 0.5, NaN]) {
      expect(budgets.hasLeft('a', { perSecond: 10, burst })).to.be.false;
      expect(budgets.take('a', { perSecond: 10, burst })).to.be.false;
    }
  });

  for (const n of [NaN, Infinity, -1]) {
    it(`does not take ${n} for a number that can be spent`, () => {
      const { budgets } = counting();
      expect(() => budgets.charge('a', threeAMinute, n)).to.throw(RangeError, String(n));
      expect(budgets.size).to.equal(0);
    });
  }

  it('remembers a bounded number of keys, those of late', () => {
    const { budgets } = counting();
    const spendAll = (key: string): number => takeMany(budgets, key, threeAMinute, 3);
    ['first', 'asked', 'refused', 'charged'].forEach(spendAll);
    for (let key = 0; key < budgetBounds.keys + 10_000; key++) {
      spendAll(String(key));
      if (key % 1000 !== 0) continue;
      budgets.hasLeft('asked', threeAMinute);
      budgets.take('refused', threeAMinute);
      budgets.charge('charged', threeAMinute);
    }
    expect(budgets.size).to.equal(budgetBounds.keys);
    for (const key of ['asked', 'refused', 'charged', '10003']) {
      expect(budgets.hasLeft(key, threeAMinute), key).to.be.false;
    }
    for (const key of ['first', '10002']) expect(budgets.hasLeft(key, threeAMinute), key).to.be.true;
  });

  it('keeps the order of use whatever is used, with a few keys of room [property]', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 }), (uses) => {
        const { budgets } = counting({ maxKeys: 4 });
        for (const key of uses) budgets.charge(String(key), threeAMinute, 3);
        const latest = new Set(uses.toReversed());
        const remembered = new Set([...latest].slice(0, 4));
        for (let key = 0; key <= 9; key++) {
          expect(budgets.hasLeft(String(key), threeAMinute)).to.equal(!remembered.has(key));
        }
        expect(budgets.size).to.equal(remembered.size);
      }),
    );
  });

  it('gives a minute’s number in a minute, however the parts are rounded', () => {
    const { budgets, clock } = counting();
    for (let number = 1; number <= 300; number++) {
      const key = String(number);
      expect(takeMany(budgets, key, perMinute(number), 400)).to.equal(number);
      let given = 0;
      for (let second = 0; second < 60; second++) {
        clock.ms += 1000;
        given += takeMany(budgets, key, perMinute(number), 10);
      }
      expect(given).to.equal(number);
    }
  });

  const rates: [title: string, allowance: Allowance, stepMs: number, steps: number][] = [
    ['one an hour', { perSecond: 1 / 3600, burst: 1 }, 1000, 5 * 3600],
    ['seven a minute', { perSecond: 7 / 60, burst: 7 }, 333, 5000],
    ['a million a second', { perSecond: 1_000_000, burst: 1000 }, 1, 100],
  ];
  for (const [title, allowance, stepMs, steps] of rates) {
    it(`gives ${title}, no more and no less`, () => {
      const { budgets, clock } = counting();
      let given = 0;
      for (let step = 0; step < steps; step++) {
        given += takeMany(budgets, 'a', allowance, Math.ceil(allowance.burst) + 1);
        clock.ms += stepMs;
      }
      const expected = allowance.burst + (allowance.perSecond * (steps - 1) * stepMs) / 1000;
      expect(given).to.be.within(expected - 1, expected);
    });
  }
});
