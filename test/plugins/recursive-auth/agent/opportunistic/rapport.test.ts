import { expect } from 'chai';
import fc from 'fast-check';
import { inOrder, Rapport } from '../../../../../plugins/recursive-auth/agent/opportunistic/rapport.ts';

interface Server {
  readonly name: string;
  readonly rapport: Rapport;
}

const server = (name: string, answeredInMs?: number): Server => {
  const rapport = new Rapport();
  if (answeredInMs !== undefined) rapport.noteAnswer(answeredInMs, 0);
  return { name, rapport };
};
const names = (servers: readonly Server[]): string => servers.map(({ name }) => name).join('');
/** Chance that makes no choice: those that are equal stay as they are. */
const never = (): number => 0;

describe('the order of servers', () => {
  it('has the quick before the slow', () => {
    const servers = [server('c', 500), server('a', 10), server('b', 200)];
    expect(names(inOrder(servers, 0, never))).to.equal('abc');
  });

  it('leaves it to chance among those that are about as quick', () => {
    const servers = [server('a', 10), server('b', 70), server('c', 71)];
    expect(names(inOrder(servers, 0, never))).to.equal('abc');
    const lots = [0.9, 0.1, 0];
    expect(names(inOrder(servers, 0, () => lots.shift() ?? 0))).to.equal('bac');
  });

  it('gives one that nothing is known of a chance', () => {
    expect(names(inOrder([server('b', 300), server('a')], 0, never))).to.equal('ab');
  });

  it('has those last that cannot be reached, for a while that doubles up to a minute [RFC9520-3.2]', () => {
    const bad = server('b', 1);
    const good = server('a', 400);
    let nowMs = 1;
    for (const restMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      bad.rapport.noteFailure(nowMs);
      expect(names(inOrder([bad, good], nowMs + restMs - 1, never))).to.equal('ab');
      expect(bad.rapport.isResting(nowMs + restMs)).to.be.false;
      nowMs += restMs;
    }
    bad.rapport.noteAnswer(1, nowMs);
    bad.rapport.noteFailure(nowMs);
    expect(bad.rapport.isResting(nowMs + 1_000)).to.be.false;
  });

  it('thinks less of one that is silent, and forgets it after ten minutes', () => {
    const silent = server('b', 10);
    silent.rapport.noteSilence(1_000, 5);
    expect(names(inOrder([silent, server('a', 400)], 6, never))).to.equal('ab');
    expect(silent.rapport.expectedMs(5 + 600_000)).to.equal(1_000);
    expect(silent.rapport.expectedMs(6 + 600_000)).to.equal(0);
  });

  it('follows what is new, but not at once', () => {
    const one = server('a', 100);
    one.rapport.noteAnswer(200, 1);
    expect(one.rapport.expectedMs(1)).to.be.closeTo(130, 1e-6);
  });

  it('forgets all in another network', () => {
    const one = server('a', 100);
    one.rapport.noteFailure(0);
    one.rapport.forget();
    expect(one.rapport.isResting(0)).to.be.false;
    expect(one.rapport.expectedMs(0)).to.equal(0);
  });

  it('has each server once, those that can be reached first, whatever has happened', () => {
    const event = fc.record({
      at: fc.nat(5),
      kind: fc.constantFrom('answer', 'silence', 'failure'),
      ms: fc.nat(5_000),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const servers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => server(name));
        let nowMs = 0;
        for (const { at, kind, ms } of events) {
          nowMs += ms;
          const { rapport } = servers[at]!;
          if (kind === 'answer') rapport.noteAnswer(ms, nowMs);
          else if (kind === 'silence') rapport.noteSilence(ms, nowMs);
          else rapport.noteFailure(nowMs);
        }
        const order = inOrder(servers, nowMs, Math.random);
        expect(order.map(({ name }) => name).sort()).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f']);
        const resting = order.map(({ rapport }) => rapport.isResting(nowMs));
        expect(resting).to.deep.equal(resting.toSorted((a, b) => Number(a) - Number(b)));
      }),
    );
  });
});
