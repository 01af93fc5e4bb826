import { expect } from 'chai';
import { ServerHealth } from '../../../../core/resolver/upstream/health.ts';

const limits = { 'failure-min': 1_000, 'failure-max': 300_000 };

describe('ServerHealth', () => {
  it('forgives one failure', () => {
    const health = new ServerHealth(limits);
    expect(health.noteFailure(0)).to.be.false;
    expect([health.isDown, health.lastUntilMs]).to.deep.equal([false, 0]);
    expect(health.noteAnswer()).to.be.false;
    expect(health.noteFailure(0)).to.be.false;
  });

  it('is down from the second in a row, and says so once', () => {
    const health = new ServerHealth(limits);
    const news = [health.noteFailure(0), health.noteFailure(0), health.noteFailure(0)];
    expect(news).to.deep.equal([false, true, false]);
    expect(health.noteAnswer()).to.be.true;
    expect(health.isDown).to.be.false;
  });

  it('waits a second, then twice as long each time, five minutes at most [RFC9520-3.2]', () => {
    const health = new ServerHealth(limits);
    const waits = Array.from({ length: 60 }, () => {
      health.noteFailure(0);
      return health.lastUntilMs / 1000;
    });
    expect(waits.slice(0, 11)).to.deep.equal([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    expect(waits.slice(11).every((wait) => wait === 300)).to.be.true;
  });

  it('goes on taking one for stripping that merely answers', () => {
    const health = new ServerHealth(limits);
    expect([health.noteStripping(0), health.noteStripping(0)]).to.deep.equal([true, false]);
    expect(health.noteAnswer()).to.be.false;
    expect([health.isDown, health.lastUntilMs]).to.deep.equal([true, 300_000]);
    expect([health.noteSecureAnswer(), health.noteSecureAnswer()]).to.deep.equal([true, false]);
    expect([health.isDown, health.lastUntilMs]).to.deep.equal([false, 0]);
  });
});
