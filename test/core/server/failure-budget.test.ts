import { expect } from 'chai';
import { FailureBudget, rememberedAddresses } from '../../../core/server/failure-budget.ts';

const perMinute = 3;

function spend(budget: FailureBudget, key: string, times: number, nowMs: number): boolean[] {
  return Array.from({ length: times }, () => budget.take(key, perMinute, nowMs));
}

describe('the budget of connections without identity', () => {
  it('is used up by so many in a row', () => {
    expect(spend(new FailureBudget(), 'a', 4, 0)).to.deep.equal([true, true, true, false]);
  });

  it('is one for each address', () => {
    const budget = new FailureBudget();
    spend(budget, 'a', 4, 0);
    expect(budget.take('b', perMinute, 0)).to.be.true;
  });

  it('fills up again in a minute, and not beyond', () => {
    const budget = new FailureBudget();
    spend(budget, 'a', 4, 0);
    expect(spend(budget, 'a', 2, 20_000)).to.deep.equal([true, false]);
    expect(spend(budget, 'a', 4, 3_600_000)).to.deep.equal([true, true, true, false]);
  });

  it('is not used by those who are identified', () => {
    const budget = new FailureBudget();
    for (let connection = 0; connection < 100; connection++) {
      expect(budget.take('a', perMinute, 0)).to.be.true;
      budget.giveBack('a');
    }
  });

  it('neither gives nor takes when the clock is set back', () => {
    const budget = new FailureBudget();
    spend(budget, 'a', 2, 60_000);
    expect(spend(budget, 'a', 2, 0)).to.deep.equal([true, false]);
  });

  it('remembers a bounded number of addresses, those of late', () => {
    const budget = new FailureBudget();
    spend(budget, 'first', 4, 0);
    spend(budget, 'kept', 4, 0);
    for (let address = 0; address < rememberedAddresses - 1; address++) {
      budget.take(String(address), perMinute, 0);
      if (address % 1000 === 0) budget.take('kept', perMinute, 0);
    }
    expect(budget.take('kept', perMinute, 0)).to.be.false;
    expect(budget.take('first', perMinute, 0)).to.be.true;
  });
});
