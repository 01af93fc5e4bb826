import { expect } from 'chai';
import fc from 'fast-check';
import { giveTogether, type Meeting } from '../../support/budgets.ts';

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** What all gates can give before the ledger has told each of the others: of that much they may miss their number. */
function slack({ allowance, settleMs, travelMs, demands }: Meeting): number {
  const blindSeconds = (settleMs + 2 * travelMs) / 1000;
  return demands.length * (allowance.burst + allowance.perSecond * blindSeconds) + demands.length;
}

const meetings: fc.Arbitrary<Meeting> = fc
  .record({
    perSecond: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 20, max: 2000 })),
    burst: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 10, max: 1000 })),
    settleMs: fc.integer({ min: 20, max: 200 }),
    travelMs: fc.integer({ min: 0, max: 50 }),
    // Each alone asks for more than there is.
    greed: fc.array(fc.integer({ min: 12, max: 40 }), { minLength: 1, maxLength: 5 }),
  })
  .map(({ perSecond, burst, settleMs, travelMs, greed }) => ({
    allowance: { perSecond, burst },
    settleMs,
    travelMs,
    demands: greed.map((tenths) => (perSecond * tenths) / 10),
  }));

describe('gates with one ledger', () => {
  it('give together what one would, whatever the allowance, and however slow the ledger [property]', async function () {
    this.timeout(60_000);
    const seconds = 10;
    await fc.assert(
      fc.asyncProperty(meetings, async (meeting) => {
        const { together, byOne } = await giveTogether(meeting, seconds);
        const { perSecond, burst } = meeting.allowance;
        expect(sum(together)).to.be.at.most(burst + perSecond * seconds + slack(meeting));
        // Requests that come in step with a bucket of one are not always there when it is full.
        expect(sum(together)).to.be.at.least(0.9 * Math.min(perSecond * seconds, sum(byOne)));
      }),
      { numRuns: 60 },
    );
  });

  const usual = { allowance: { perSecond: 100, burst: 100 }, settleMs: 100, travelMs: 2 };

  for (const demands of [
    [300, 300],
    [300, 10],
    [60, 60],
    [200, 200, 200, 200, 200],
  ]) {
    it(`give 100 a second where ${demands.join(', ')} are asked for, within 10 %`, async () => {
      const { together } = await giveTogether({ ...usual, demands }, 22);
      expect(sum(together.slice(2)) / 20).to.be.within(90, 110);
    });
  }

  it('leave nothing unused where one has all the clients', async () => {
    const { together } = await giveTogether({ ...usual, demands: [300, 0, 0] }, 11);
    expect(sum(together.slice(1))).to.be.within(995, 1005);
  });

  it('make up for what they gave while the ledger was away for a moment', async () => {
    const { together } = await giveTogether({ ...usual, demands: [300, 300], away: [5000, 5500] }, 20);
    expect(sum(together)).to.be.within(2050, 2150);
  });

  it('give each for itself while it is away for long, and together as before soon after', async () => {
    const { together } = await giveTogether({ ...usual, demands: [300, 300], away: [5000, 15_000] }, 30);
    expect(sum(together.slice(6, 15)) / 9).to.be.within(190, 210);
    expect(sum(together.slice(19)) / 11).to.be.within(90, 110);
  });
});
