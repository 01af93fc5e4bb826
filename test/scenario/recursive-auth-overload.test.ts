/**
 * Known resolvers while strangers ask for more than there is: of the servers behind the gate, or of the gate's own processor. All
 * that takes time is a process of its own: the gate, those who are known, the strangers.
 *
 * Limitations: whoever runs the tests may be short of processors, so no time is judged, and parts only grossly; the figures are
 * printed, and bench/recursive is for them.
 */
import { expect } from 'chai';
import { CappedServer } from '../support/capped-server.ts';
import { OverloadBed, type OverloadOptions, type OverloadReport } from '../support/overload-bed.ts';
import { describeLoad } from '../support/resolver-load.ts';

const durationMs = 6_000;

describe('recursive-auth, asked for more than there is', function () {
  this.timeout(180_000);
  this.retries(3);
  let bed: OverloadBed | undefined;
  let capped: CappedServer | undefined;

  afterEach(async () => {
    await bed?.close();
    capped?.close();
    bed = capped = undefined;
  });

  async function measure(options: Omit<OverloadOptions, 'durationMs'>): Promise<OverloadReport> {
    bed = await OverloadBed.start({ ...options, durationMs });
    return bed.measure((what, report) => {
      process.stdout.write(`      ${what}: ${describeLoad(report)}\n`);
    });
  }

  /** Where nobody goes first the known ones get as little as the strangers: a tenth, or less. */
  function judge({ alone, beside, after }: OverloadReport): void {
    expect(beside.closed).to.equal(0);
    const usual = alone.answered / alone.asked;
    expect(beside.answered / beside.asked, 'part that was answered').to.be.at.least(0.8 * usual);
    expect(after.answered / after.asked, 'part that is answered afterwards').to.be.at.least(0.95 * usual);
  }

  it('answers known resolvers while strangers ask ten times what the servers can answer', async () => {
    const perSecond = 500;
    capped = await CappedServer.start(perSecond);
    const report = await measure({
      upstream: capped.port,
      strangers: { connections: 32, names: 2 ** 30, perSecond: 10 * perSecond, perWrite: 1 },
      knownPerSecond: 0.75 * perSecond,
    });
    judge(report);
  });

  for (const [what, perWrite, names] of [
    ['for names that all differ, many at a time', 100, 2 ** 30],
    ['for names that are in memory, each by a write of its own', 1, 100],
  ] as const) {
    it(`answers known resolvers while strangers ask all that its processor can do, ${what}`, async () => {
      const report = await measure({
        upstream: 'nsd',
        strangers: { connections: 64, names, perSecond: 0, perWrite },
        knownPerSecond: 600,
      });
      judge(report);
    });
  }
});
