import { expect } from 'chai';
import fc from 'fast-check';
import { parseRate, perSecond, presentRate, usualBurst, type RateUnit } from '../../../core/acl/rate.ts';

describe('a rate', () => {
  for (const [text, count] of [
    ['50/s', 50],
    ['600/m', 10],
    ['1800/h', 0.5],
    ['1000000000/s', 1e9],
  ] as const) {
    it(`of ${text} is ${count} a second`, () => {
      expect(perSecond(parseRate(text))).to.equal(count);
    });
  }

  const notRate = 'is not a rate, a number for each s, m or h';
  const notInRange = 'is not from 1 to 1000000000';
  for (const [text, says] of [
    ['', notRate],
    ['50', notRate],
    ['/s', notRate],
    ['50/', notRate],
    ['50/d', notRate],
    ['50/S', notRate],
    ['50 /s', notRate],
    ['50/s ', notRate],
    ['50/s\n', notRate],
    ['-1/s', notRate],
    ['1.5/s', notRate],
    ['1e3/s', notRate],
    ['٥/s', notRate],
    ['50/constructor', notRate],
    ['0/s', notInRange],
    ['1000000001/s', notInRange],
    ['9999999999/h', notInRange],
    ['99999999999/h', notRate],
  ] as const) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(() => parseRate(text)).to.throw(RangeError, says);
    });
  }

  it('has a usual burst of what it gives in a second, and of 1 at least', () => {
    expect([0.001, 0.5, 1, 1.5, 50].map(usualBurst)).to.deep.equal([1, 1, 1, 2, 50]);
  });

  it('is shown in the shortest unit in which it is whole', () => {
    for (const [text, shown] of [
      ['3600/h', '1/s'],
      ['60/m', '1/s'],
      ['90/m', '90/m'],
      ['120/h', '2/m'],
      ['1/h', '1/h'],
      ['59/h', '59/h'],
      ['7/m', '7/m'],
      ['999999999/h', '999999999/h'],
    ]) {
      expect(presentRate(perSecond(parseRate(text!)))).to.equal(shown);
    }
  });

  it('is the same again after it was shown', () => {
    const unit = fc.constantFrom<RateUnit>('s', 'm', 'h');
    const count = fc.oneof(fc.integer({ min: 1, max: 1_000_000_000 }), fc.integer({ min: 1, max: 10_000 }));
    fc.assert(
      fc.property(count, unit, (many, per) => {
        const rate = perSecond(parseRate(`${many}/${per}`));
        expect(perSecond(parseRate(presentRate(rate)))).to.equal(rate);
      }),
      { numRuns: 2000 },
    );
  });
});
