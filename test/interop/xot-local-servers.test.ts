/**
 * BIND, NSD, Knot DNS, PowerDNS and an auth-zone of Unbound as secondaries of the agent beside them, over plain DNS on loopback,
 * as their operators have them already: AXFR, then each change, exactly. None of them knows TLS or keys.
 *
 * Limitations: Knot DNS 3.2 of Debian 12 has no XoT, PowerDNS 4.7 and Unbound 1.17 have none either; that is why they are
 * here and not in xot-native.test.ts.
 */
import { expect } from 'chai';
import { digestAt, incrementalTransfers, plainKinds } from '../support/peers/kinds.ts';
import { sendNotify } from '../support/peers/notify.ts';
import type { Secondary } from '../support/peers/secondaries.ts';
import { startNsdPrimary } from '../support/peers/primaries.ts';
import { ZoneSeries } from '../support/peers/zone-series.ts';
import { XotBed } from '../support/xot-bed.ts';

const apex = 'example.com';
const records = 5_000;
/** Machines that do much else at the same time are slow. */
const patienceMs = 60_000;

for (const serve of ['cached', 'relayed'] as const) {
  describe(`servers of others behind the agent (${serve})`, function () {
    this.timeout(2 * patienceMs);
    const series = new ZoneSeries({ apex, records });
    const kinds = Object.keys(plainKinds);
    let xot: XotBed;

    before(async () => {
      xot = await XotBed.start({
        startPrimary: startNsdPrimary,
        zones: [series.next()],
        ...(serve === 'relayed' && { serve }),
        atAgent: kinds,
      });
    });
    after(() => xot.close());

    for (const kind of kinds) {
      const at = (): Secondary => xot.secondaries.get(`${kind} behind the agent`)!;

      it(`gives ${kind} the zone by AXFR, exactly [RFC5936-2.2]`, async () => {
        await at().waitForSerial(1, patienceMs);
        await at().program.waitFor(
          'the zone',
          async () => (await digestAt(at(), apex))?.serial === 1,
          patienceMs,
        );
        expect(await digestAt(at(), apex)).to.deep.equal(series.digest(1));
      });
    }

    for (const [serial, changed] of [
      [2, 'some'],
      [3, 'all'],
      [4, 'some'],
    ] as const) {
      it(`gives all of them version ${serial}, in which ${changed} is new, exactly`, async () => {
        await xot.primary.change(series.next(changed));
        for (const [title, secondary] of xot.secondaries) {
          if (serve === 'relayed') await sendNotify(secondary.port, apex);
          await secondary.waitForSerial(serial, patienceMs);
          await secondary.program.waitFor(
            'the zone',
            async () => (await digestAt(secondary, apex))?.serial === serial,
          );
          expect(await digestAt(secondary, apex), title).to.deep.equal(series.digest(serial));
        }
      });
    }

    for (const kind of kinds) {
      it(`gives ${kind} differences where little has changed [RFC1995-4]`, () => {
        // Versions 2 and 4; NSD has differences to version 3 as well, and a relay hands them on.
        expect(incrementalTransfers(kind, xot.secondaries.get(`${kind} behind the agent`)!)).to.be.at.least(
          2,
        );
      });
    }
  });
}
