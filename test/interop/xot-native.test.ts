/**
 * BIND and NSD as secondaries that speak XoT (RFC 9103) themselves, of a gate before BIND, NSD and Knot DNS: each version
 * by AXFR or IXFR out of the gate's cache or through its relay, as soon as a NOTIFY says so, and equal to what the primary's
 * operator wrote, record by record.
 *
 * Limitations: Knot DNS is no secondary here. Debian 12 has version 3.2, which has no XoT (3.4 has); it is one behind the
 * agent in xot-local-servers.test.ts.
 */
import { expect } from 'chai';
import { digestAt, incrementalTransfers, primaryKinds } from '../support/peers/kinds.ts';
import { sendNotify } from '../support/peers/notify.ts';
import { servedDigest, ZoneSeries } from '../support/peers/zone-series.ts';
import { clientOf, XotBed } from '../support/xot-bed.ts';

const apex = 'example.com';
const kinds = ['BIND', 'NSD'] as const;
const records = 5_000;
/** Machines that do much else at the same time are slow. */
const patienceMs = 60_000;
const cases = Object.entries(primaryKinds).flatMap(([name, startPrimary]) =>
  (['cached', 'relayed'] as const).map((serve) => ({ name, startPrimary, serve })),
);
for (const { name, startPrimary, serve } of cases) {
  // One relay is like another: the primary differs, and test/interop/transfer.test.ts has the others.
  if (serve === 'relayed' && name !== 'BIND') continue;
  describe(`secondaries that speak XoT, of a gate (${serve}) before ${name}`, function () {
    this.timeout(2 * patienceMs);
    const series = new ZoneSeries({ apex, records });
    let xot: XotBed;

    before(async () => {
      xot = await XotBed.start({
        startPrimary,
        zones: [series.next()],
        ...(serve === 'relayed' && { serve }),
        atGate: kinds,
      });
    });
    after(() => xot.close());

    /** Everybody has the version, to the last record. */
    async function expectAt(serial: number): Promise<void> {
      for (const [title, secondary] of xot.secondaries) {
        // A relay knows of no versions, so that there is nothing it could notify of.
        if (serve === 'relayed') await sendNotify(secondary.port, apex);
        await secondary.waitForSerial(serial, patienceMs);
        expect(await digestAt(secondary, apex), title).to.deep.equal(series.digest(serial));
      }
    }

    /** How often each secondary has got differences, by its own log. */
    function incremental(): number[] {
      return kinds.map((kind) => incrementalTransfers(kind, xot.secondaries.get(`${kind} at the gate`)!));
    }

    it('have the zone by AXFR, exactly [RFC5936-2.2]', async () => {
      await expectAt(1);
      expect(await servedDigest(xot.primary.port, apex)).to.deep.equal(series.digest());
      const whole = xot.gate.events('transfer').filter(({ form }) => form === 'whole');
      expect(new Set(whole.map(({ client }) => client))).to.deep.equal(new Set(kinds.map(clientOf)));
    });

    it('have the next version at once by NOTIFY and IXFR, exactly [RFC1996-3.7] [RFC1995-4]', async () => {
      const before = incremental();
      await xot.primary.change(series.next('some'));
      await expectAt(2);
      expect(incremental()).to.deep.equal(before.map((count) => count + 1));
      const lines = xot.gate.events('transfer').filter(({ form }) => form === 'incremental');
      expect(new Set(lines.map(({ client }) => client))).to.deep.equal(new Set(kinds.map(clientOf)));
      for (const line of lines) expect(line).to.include({ outcome: 'complete', clientSerial: 1, serial: 2 });
    });

    it('have a version in which every record is another, exactly', async () => {
      await xot.primary.change(series.next('all'));
      await expectAt(3);
    });

    it('have two changes at once where they slept through the first [RFC1995-4]', async () => {
      const before = incremental();
      const asleep = [...xot.secondaries.values()].map(({ program }) => program);
      for (const program of asleep) program.signalAll('SIGSTOP');
      await xot.primary.change(series.next('some'));
      if (serve === 'cached') await xot.gate.program.waitFor('serial 4', () => has(xot, 4));
      await xot.primary.change(series.next('some'));
      if (serve === 'cached') await xot.gate.program.waitFor('serial 5', () => has(xot, 5));
      for (const program of asleep) program.signalAll('SIGCONT');
      await expectAt(5);
      expect(incremental()).to.deep.equal(before.map((count) => count + 1));
    });

    if (serve === 'cached') {
      it('cost the primary one transfer a version, however many they are', async () => {
        const before = xot.primary.transfers();
        await xot.primary.change(series.next('some'));
        await expectAt(6);
        expect(xot.primary.transfers()).to.equal(before + 1);
      });
    }
  });
}

/** Whether the gate's log speaks of a version. */
function has({ gate }: XotBed, serial: number): boolean {
  return gate.program.log.includes(`"serial":${serial}`);
}
