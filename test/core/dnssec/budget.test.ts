import { expect } from 'chai';
import { defaultValidationLimits, validationLimits, WorkBudget } from '../../../core/dnssec/budget.ts';
import type { ValidationLimitName, ValidationLimits } from '../../../core/dnssec/budget.ts';

function budgetWith(limits: Partial<Record<ValidationLimitName, number>>): WorkBudget {
  const all: ValidationLimits = { ...defaultValidationLimits, ...limits };
  return new WorkBudget(all);
}

describe('the limits of validation', () => {
  for (const [name, row] of Object.entries(validationLimits)) {
    it(`has a default between minimum and maximum, and a reason: ${name} [RFC4035-5.4]`, () => {
      expect(name).to.match(/^[a-z0-9-]+$/);
      expect(row.default).to.be.within(row.min, row.max);
      expect(row.reason).to.match(/^\S.{20,}/);
      expect(defaultValidationLimits[name as ValidationLimitName]).to.equal(row.default);
    });
  }

  it('do not compute more NSEC3 iterations than RFC 9276 thinks is wise [RFC9276-3.2]', () => {
    expect(validationLimits['nsec3-iterations'].default).to.be.at.most(100);
  });
});

describe('WorkBudget', () => {
  it('allows as many public-key operations as its limit, weighted', () => {
    const budget = budgetWith({ signatures: 6 });
    expect(budget.trySignature(4)).to.be.true;
    expect(budget.trySignature(4)).to.be.false;
    expect(budget.trySignature()).to.be.true;
    expect(budget.trySignature()).to.be.true;
    expect(budget.trySignature()).to.be.false;
    expect(budget.exhausted).to.equal('signatures');
    expect(budget.signatures).to.equal(6);
  });

  it('allows none after as many failures as its limit, however few there were', () => {
    const budget = budgetWith({ 'failed-signatures': 2 });
    for (let failures = 0; failures < 2; failures += 1) {
      expect(budget.trySignature()).to.be.true;
      budget.noteFailedSignature();
    }
    expect(budget.trySignature()).to.be.false;
    expect(budget.exhausted).to.equal('failed-signatures');
  });

  const counted: [limit: ValidationLimitName, one: (budget: WorkBudget) => boolean][] = [
    ['questions', (budget) => budget.tryQuestion()],
    ['aliases', (budget) => budget.tryAlias()],
    ['nsec3-hash-rounds', (budget) => budget.tryHashRounds(1)],
    ['signed-octets', (budget) => budget.trySignedOctets(1)],
    ['records', (budget) => budget.tryRecords(1)],
  ];
  for (const [limit, one] of counted) {
    it(`counts ${limit} up to the limit`, () => {
      const budget = budgetWith({ [limit]: 3 });
      expect([one(budget), one(budget), one(budget)]).to.deep.equal([true, true, true]);
      expect(budget.exhausted).to.equal(undefined);
      expect(one(budget)).to.be.false;
      expect(budget.exhausted).to.equal(limit);
    });
  }

  it('does not take a part of what is asked for: all rounds of a hash or none', () => {
    const budget = budgetWith({ 'nsec3-hash-rounds': 100 });
    expect(budget.tryHashRounds(51)).to.be.true;
    expect(budget.tryHashRounds(51)).to.be.false;
    expect(budget.hashRounds).to.equal(51);
  });

  it('names the limit that was reached first', () => {
    const budget = budgetWith({ questions: 0, aliases: 0 });
    budget.tryAlias();
    budget.tryQuestion();
    expect(budget.exhausted).to.equal('aliases');
    expect(budget.refuse('ds-records')).to.be.false;
    expect(budget.exhausted).to.equal('aliases');
  });
});
