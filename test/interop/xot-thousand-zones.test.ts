/**
 * A thousand small zones from one BIND through one gate to NSD by XoT, and on through one agent to Knot DNS: all of them arrive,
 * all of them exact, in bounded time and with bounded files and sockets; and then the hundred that change.
 */
import { expect } from 'chai';
import { startBindPrimary } from '../support/peers/primaries.ts';
import { Looker } from '../support/peers/looker.ts';
import type { Secondary } from '../support/peers/secondaries.ts';
import { ZoneSeries } from '../support/peers/zone-series.ts';
import { XotBed } from '../support/xot-bed.ts';

const zones = 1000;
const changing = 100;
const kinds = { atGate: ['NSD'], atAgent: ['Knot DNS'] } as const;
const arrivalTimeMs = 120_000;
/** Of gate and agent together with what Node has open; a socket a zone would be a thousand. */
const mostOpenFiles = 200;

describe('a thousand zones through one gate and one agent', function () {
  this.timeout(2 * arrivalTimeMs);
  const series = Array.from(
    { length: zones },
    (_, number) => new ZoneSeries({ apex: `zone-${number}.example.com`, records: 10, changes: 2 }),
  );
  let xot: XotBed;
  let mostOpen = 0;
  let watch: NodeJS.Timeout;

  before(async () => {
    xot = await XotBed.start({
      startPrimary: startBindPrimary,
      zones: series.map((each) => each.next()),
      ...kinds,
      level: 'info',
    });
    watch = setInterval(() => {
      mostOpen = Math.max(mostOpen, xot.gate.openFiles(), xot.agent.openFiles());
    }, 50);
  });
  after(async () => {
    clearInterval(watch);
    await xot.close();
  });

  async function expectAll(looked: readonly ZoneSeries[]): Promise<void> {
    for (const [title, secondary] of xot.secondaries) {
      const looker = new Looker(secondary.port);
      await waitForAll(secondary, looker, looked);
      const wrong = [];
      for (const each of looked) {
        const seen = await looker.digest(each.apex);
        if (seen?.serial !== each.serial || !each.has(seen)) wrong.push([each.apex, seen]);
      }
      looker.close();
      expect(wrong, title).to.deep.equal([]);
    }
  }

  it('arrive, all of them, exactly', async () => {
    await expectAll(series);
  });

  it('follow where a hundred of them change, exactly', async () => {
    const some = series.filter((_, number) => number % (zones / changing) === 3);
    await xot.primary.change(some.map((each) => each.next()));
    await expectAll(some);
    const rest = series.filter((each) => each.serial === 1).slice(0, changing);
    await expectAll(rest);
  });

  it('hold no file or socket a zone', () => {
    expect(mostOpen).to.be.within(10, mostOpenFiles);
  });
});

/** Waits until a secondary serves the present version of each. */
async function waitForAll(
  { program }: Secondary,
  looker: Looker,
  looked: readonly ZoneSeries[],
): Promise<void> {
  let missing = looked;
  await program.waitFor(
    `all of ${looked.length} zones`,
    async () => {
      const late = [];
      for (const each of missing) if ((await looker.serial(each.apex)) !== each.serial) late.push(each);
      missing = late;
      return missing.length === 0;
    },
    arrivalTimeMs,
  );
}
