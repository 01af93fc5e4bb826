import { expect } from 'chai';
import { Backoff } from '../../../core/client/backoff.ts';

const limits = { 'retry-min': 500, 'retry-max': 4000 };

describe('the wait after a failure', () => {
  it('doubles with each failure in a row, up to its end', () => {
    const backoff = new Backoff(limits, () => 0);
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      backoff.noteFailure(10_000);
      return backoff.nextMs - 10_000;
    });
    expect(waits).to.deep.equal([500, 1000, 2000, 4000, 4000, 4000]);
    for (let more = 0; more < 2000; more += 1) backoff.noteFailure(0);
    expect(backoff.nextMs).to.equal(4000);
  });

  it('is half random', () => {
    const backoff = new Backoff(limits, () => 0.999);
    backoff.noteFailure(0);
    expect(backoff.nextMs).to.be.within(250, 251);
  });

  it('is over with the first success', () => {
    const backoff = new Backoff(limits, () => 0);
    backoff.noteFailure(0);
    backoff.noteFailure(0);
    backoff.noteSuccess();
    expect([backoff.failures, backoff.nextMs]).to.deep.equal([0, -Infinity]);
    backoff.noteFailure(0);
    expect(backoff.nextMs).to.equal(500);
  });
});
