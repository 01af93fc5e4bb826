/** What holds of TurnQueue whatever strangers, clocks and loads do. */
import { expect } from 'chai';
import fc from 'fast-check';
import { TurnQueue } from '../../../core/fair/turn-queue.ts';
import { readTurnsLimits } from '../../../core/fair/read-turns-limits.ts';
import { limitsOf } from '../../support/limits.ts';
import { Stranger } from './turn-simulation.ts';

const who = fc.nat(7);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('request' as const), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('round' as const), ms: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('tick' as const),
      ms: fc.integer({ min: -5, max: 200 }),
      busy: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look' as const), ms: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), who }) },
);

describe('TurnQueue, whatever happens', () => {
  it('holds nobody for more than a round for each who waits before him, and nobody for ever', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 5 }), (steps, requests) => {
        const queue = new TurnQueue(() => limitsOf(readTurnsLimits, { 'turn-requests': requests }), 0);
        const strangers = Array.from({ length: 8 }, () => new Stranger());
        const roundsHeld = strangers.map(() => 0);
        const turns = strangers.map(() => 0);
        let nowMs = 0;
        for (const event of steps) {
          if (event.kind === 'request') {
            const stranger = strangers[event.who]!;
            if (stranger.isHeld) continue;
            turns[event.who]! += 1;
            const { holds } = stranger;
            queue.noteRequest(stranger);
            if (stranger.holds > holds) {
              expect(queue.isShort).to.equal(true);
              turns[event.who] = 0;
            } else if (queue.isShort) {
              expect(turns[event.who], 'requests in one turn').to.be.below(requests);
            }
          } else if (event.kind === 'round') {
            queue.round((nowMs += event.ms));
          } else if (event.kind === 'tick') {
            queue.tick((nowMs += event.ms), event.busy);
          } else if (event.kind === 'look') {
            queue.look((nowMs += event.ms));
          } else {
            queue.forget(strangers[event.who]!);
            turns[event.who] = 0;
          }
          for (const [index, { isHeld }] of strangers.entries()) {
            if (!isHeld) roundsHeld[index] = 0;
            else if (event.kind === 'round') roundsHeld[index]! += 1;
            expect(roundsHeld[index], 'rounds that one was held').to.be.below(8);
          }
          if (!queue.isShort) turns.fill(0);
          expect(queue.waiting).to.equal(strangers.filter(({ isHeld }) => isHeld).length);
          if (queue.waiting > 0) expect(queue.isTurning).to.equal(true);
        }
        // Nobody asks any more: it ends.
        for (let round = 0; round < 20 && queue.isTurning; round += 1) queue.round((nowMs += 1));
        expect(queue.isTurning).to.equal(false);
        expect(strangers.some(({ isHeld }) => isHeld)).to.equal(false);
        for (let tick = 0; tick < 40; tick += 1) queue.tick((nowMs += 10), 0);
        expect(queue.isShort).to.equal(false);
      }),
      { numRuns: 500 },
    );
  });
});
