import { expect } from 'chai';
import fc from 'fast-check';
import {
  avoidsClear,
  decide,
  mayTry,
  noteActivity,
  noteEstablished,
  noteFailed,
  noteInitiated,
  noteResponse,
  probeStatuses,
  unknownState,
  type ProbeSession,
  type ProbeState,
} from '../../../../../plugins/recursive-auth/agent/opportunistic/probe-state.ts';
import { opportunisticLimits } from '../../../../../plugins/recursive-auth/agent/opportunistic/limits.ts';

const day = 86_400_000;
const times = { persistence: 3 * day, damping: day, timeout: 4000 };
const t0 = Date.UTC(2026, 10, 23);

/** A server that has answered by TLS at t0. */
const successful = noteResponse(noteEstablished(noteInitiated(unknownState, t0 - 200), t0 - 100), t0);

describe('the state of one server', () => {
  it('has the constants of the standard as defaults [RFC9539-4.3]', () => {
    expect(opportunisticLimits['probe-persistence'].default).to.equal(times.persistence);
    expect(opportunisticLimits['probe-damping'].default).to.equal(times.damping);
    expect(opportunisticLimits['probe-time'].default).to.equal(times.timeout);
  });

  it('begins with a question in clear and a try beside it [RFC9539-4.6.3]', () => {
    expect(decide(unknownState, 'none', t0, times)).to.equal('clear-and-probe');
  });

  it('lets questions go in clear during the first handshake, and tries no second one [RFC9539-4.6.3]', () => {
    const begun = noteInitiated(unknownState, t0);
    expect(decide(begun, 'opening', t0 + 1, times)).to.equal('clear');
    expect(decide(begun, 'opening', t0 + 3999, times)).to.equal('clear');
  });

  it('sends nothing in clear while a session is open, whatever was before [RFC9539-4.6.1]', () => {
    for (const status of probeStatuses) {
      expect(decide({ status, completedMs: t0 }, 'open', t0 + 10 * day, times)).to.equal('encrypted');
    }
  });

  it('sends nothing in clear within the persistence after an answer, to the millisecond [RFC9539-4.6.1]', () => {
    for (const session of ['none', 'opening'] as const) {
      expect(decide(successful, session, t0 + 3 * day - 1, times)).to.equal('encrypted');
    }
    expect(decide(successful, 'none', t0 + 3 * day, times)).to.equal('clear-and-probe');
    expect(decide(successful, 'opening', t0 + 3 * day, times)).to.equal('clear');
  });

  it('does not wait for a server that was connected and has never answered [RFC9539-4.6.1]', () => {
    const mute = noteEstablished(noteInitiated(unknownState, t0), t0 + 50);
    expect(decide(mute, 'none', t0 + 60, times)).to.equal('clear-and-probe');
  });

  for (const status of ['fail', 'timeout'] as const) {
    it(`asks in clear at once after a ${status}, and tries again when damping is over [RFC9539-4.6.5]`, () => {
      const failed = noteFailed(successful, t0 + 5, status);
      expect(failed.status).to.equal(status);
      expect(decide(failed, 'none', t0 + 5, times)).to.equal('clear');
      expect(decide(failed, 'none', t0 + 5 + day, times)).to.equal('clear');
      expect(decide(failed, 'none', t0 + 6 + day, times)).to.equal('clear-and-probe');
    });
  }

  it('counts damping from the end of the try, not from its beginning [RFC9539-4.6.3]', () => {
    const failed = noteFailed(noteInitiated(unknownState, t0), t0 + 4000, 'timeout');
    expect(mayTry(failed, t0 + day + 1, times)).to.be.false;
    expect(mayTry(failed, t0 + day + 4001, times)).to.be.true;
  });

  it('may connect again at once after a success, as when the server has closed [RFC9539-4.6.7]', () => {
    expect(mayTry(successful, t0, times)).to.be.true;
    expect(decide(successful, 'none', t0, times)).to.equal('encrypted');
  });

  it('tries again what nobody knows the end of, when its time is over', () => {
    const begun = noteInitiated(unknownState, t0);
    expect(mayTry(begun, t0 + 4000, times)).to.be.false;
    expect(mayTry(begun, t0 + 4001, times)).to.be.true;
  });

  it('keeps a success through a new handshake until that has ended', () => {
    const again = noteInitiated(successful, t0 + 1000);
    expect(again.status).to.equal('success');
    expect(decide(again, 'opening', t0 + 1000, times)).to.equal('encrypted');
  });

  it('does not believe what is noted for long after now, and bears a small step of the clock', () => {
    const hour = 3_600_000;
    expect(decide(successful, 'none', t0 - hour, times)).to.equal('encrypted');
    expect(decide(successful, 'none', t0 - hour - 1, times)).to.equal('clear-and-probe');
    const failed = noteFailed(unknownState, t0, 'fail');
    expect(mayTry(failed, t0 - hour, times)).to.be.false;
    expect(mayTry(failed, t0 - hour - 1, times)).to.be.true;
  });

  it('changes nothing of the rules by mere activity', () => {
    const { lastActivityMs, ...rest } = noteActivity(successful, t0 + day);
    expect(lastActivityMs).to.equal(t0 + day);
    expect(rest).to.deep.equal({
      status: 'success',
      initiatedMs: t0 - 200,
      completedMs: t0 - 100,
      lastResponseMs: t0,
    });
  });

  it('obeys both rules after any history [RFC9539-4.6.1] [RFC9539-4.6.3]', () => {
    const event = fc.constantFrom('initiated', 'established', 'fail', 'timeout', 'response', 'activity');
    const step = fc.record({ event, afterMs: fc.integer({ min: 0, max: 2 * day }) });
    const session = fc.constantFrom<ProbeSession>('none', 'opening', 'open');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), session, fc.nat(5 * day), (steps, now, afterMs) => {
        let state: ProbeState = unknownState;
        let nowMs = t0;
        // The rules in other words: what the last end was, and when.
        let ended: { how: 'success' | 'failed'; atMs: number } | undefined;
        let begunMs: number | undefined;
        let answeredMs: number | undefined;
        for (const { event: what, afterMs: later } of steps) {
          nowMs += later;
          if (what === 'initiated') state = noteInitiated(state, (begunMs = nowMs));
          else if (what === 'established') {
            state = noteEstablished(state, nowMs);
            ended = { how: 'success', atMs: nowMs };
          } else if (what === 'response') state = noteResponse(state, (answeredMs = nowMs));
          else if (what === 'activity') state = noteActivity(state, nowMs);
          else {
            state = noteFailed(state, nowMs, what);
            ended = { how: 'failed', atMs: nowMs };
          }
        }
        nowMs += afterMs;
        const persists =
          ended?.how === 'success' && answeredMs !== undefined && nowMs - answeredMs < times.persistence;
        expect(avoidsClear(state, now, nowMs, times)).to.equal(now === 'open' || persists);
        const may =
          ended === undefined
            ? begunMs === undefined || nowMs - begunMs > times.timeout
            : ended.how === 'success' || nowMs - ended.atMs > times.damping;
        expect(mayTry(state, nowMs, times)).to.equal(may);
        const decision = decide(state, now, nowMs, times);
        if (avoidsClear(state, now, nowMs, times)) expect(decision).to.equal('encrypted');
        else expect(decision).to.equal(may && now === 'none' ? 'clear-and-probe' : 'clear');
      }),
      { numRuns: 2000 },
    );
  });
});
