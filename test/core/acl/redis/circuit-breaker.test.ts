import { expect } from 'chai';
import { CircuitBreaker, breakerLimits } from '../../../../core/acl/redis/circuit-breaker.ts';

/** Lets it fail until it opens. */
function opened(atMs: number): CircuitBreaker {
  const breaker = new CircuitBreaker();
  for (let at = 1; at <= breakerLimits.failures; at += 1) {
    expect(breaker.ask(atMs)).to.equal('pass');
    expect(breaker.noteFailure(atMs, false)).to.equal(at === breakerLimits.failures);
  }
  return breaker;
}

describe('core/acl/redis/circuit-breaker', () => {
  it('opens after five failures in a row', () => {
    const breaker = opened(0);
    expect(breaker.isOpen).to.equal(true);
    expect(breaker.ask(999)).to.equal('wait');
  });

  it('counts failures in a row alone', () => {
    const breaker = new CircuitBreaker();
    for (let at = 0; at < 20; at += 1) {
      breaker.noteFailure(at, false);
      if (at % 4 === 3) expect(breaker.noteAnswer(false)).to.equal(false);
    }
    expect(breaker.isOpen).to.equal(false);
  });

  it('lets one probe through after a second, and closes with its answer', () => {
    const breaker = opened(0);
    expect(breaker.ask(1000)).to.equal('probe');
    expect(breaker.ask(1000)).to.equal('wait');
    expect(breaker.ask(5000)).to.equal('wait');
    expect(breaker.noteAnswer(true)).to.equal(true);
    expect(breaker.isOpen).to.equal(false);
    expect(breaker.ask(5000)).to.equal('pass');
  });

  it('stays open twice as long after each failed probe, up to ten seconds', () => {
    const breaker = opened(0);
    let nowMs = 0;
    for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      expect(breaker.ask(nowMs + waitMs - 1)).to.equal('wait');
      nowMs += waitMs;
      expect(breaker.ask(nowMs)).to.equal('probe');
      expect(breaker.noteFailure(nowMs, true)).to.equal(false);
      expect(breaker.openUntilMs).to.be.greaterThan(nowMs);
    }
  });

  it('begins with one second again after it was closed', () => {
    const breaker = opened(0);
    breaker.ask(1000);
    breaker.noteFailure(1000, true);
    breaker.ask(3000);
    breaker.noteAnswer(true);
    for (let at = 0; at < breakerLimits.failures; at += 1) breaker.noteFailure(10_000, false);
    expect(breaker.ask(10_999)).to.equal('wait');
    expect(breaker.ask(11_000)).to.equal('probe');
  });

  it('hears nothing from questions of before it opened', () => {
    const breaker = opened(0);
    expect(breaker.noteAnswer(false)).to.equal(false);
    expect(breaker.noteFailure(1, false)).to.equal(false);
    expect(breaker.isOpen).to.equal(true);
    expect(breaker.ask(1000)).to.equal('probe');
    breaker.noteFailure(1000, false);
    expect(breaker.ask(1001), 'the probe is still under way').to.equal('wait');
  });

  it('is closed by a new connection', () => {
    const breaker = opened(0);
    breaker.reset();
    expect(breaker.isOpen).to.equal(false);
    expect(breaker.ask(1)).to.equal('pass');
  });
});
