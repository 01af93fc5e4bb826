import { expect } from 'chai';
import { FailureBudget, rememberedAddresses } from '../../../core/server/failure-budget.ts';

const perMinute = 3;

function charge(budget: FailureBudget, key: string, times: number, nowMs: number): void {
  for (let time = 0; time < times; time++) budget.charge(key, perMinute, nowMs);
}

describe('the budget of connections without identity', () => {
  it('is used up by so many', () => {
    const budget = new FailureBudget();
    charge(budget, 'a', 2, 0);
    expect(budget.hasLeft('a', perMinute, 0)).to.be.true;
    charge(budget, 'a', 1, 0);
    expect(budget.hasLeft('a', perMinute, 0)).to.be.false;
  });

  it('is one for each address', () => {
    const budget = new FailureBudget();
    charge(budget, 'a', 3, 0);
    expect(budget.hasLeft('b', perMinute, 0)).to.be.true;
  });

  it('fills up again in a minute, and not beyond', () => {
    const budget = new FailureBudget();
    charge(budget, 'a', 3, 0);
    expect(budget.hasLeft('a', perMinute, 19_000)).to.be.false;
    expect(budget.hasLeft('a', perMinute, 20_000)).to.be.true;
    charge(budget, 'a', 3, 3_600_000);
    expect(budget.hasLeft('a', perMinute, 3_600_000)).to.be.false;
  });

  it('has to be made up for when more was spent than there was', () => {
    const budget = new FailureBudget();
    charge(budget, 'a', 6, 0);
    expect(budget.hasLeft('a', perMinute, 79_000)).to.be.false;
    expect(budget.hasLeft('a', perMinute, 80_000)).to.be.true;
  });

  it('neither gives nor takes when the clock is set back', () => {
    const budget = new FailureBudget();
    charge(budget, 'a', 2, 60_000);
    expect(budget.hasLeft('a', perMinute, 0)).to.be.true;
    charge(budget, 'a', 1, 0);
    expect(budget.hasLeft('a', perMinute, 0)).to.be.false;
  });

  it('remembers a bounded number of addresses, those of late', () => {
    const budget = new FailureBudget();
    charge(budget, 'first', 3, 0);
    charge(budget, 'kept', 3, 0);
    for (let address = 0; address < rememberedAddresses - 1; address++) {
      charge(budget, String(address), 1, 0);
      if (address % 1000 === 0) charge(budget, 'kept', 1, 0);
    }
    expect(budget.hasLeft('kept', perMinute, 0)).to.be.false;
    expect(budget.hasLeft('first', perMinute, 0)).to.be.true;
  });
});
