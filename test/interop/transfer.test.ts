/**
 * Whole zones through the gate, from real primaries to real secondaries that hold nothing but a key: AXFR of 100,000
 * records, then IXFR after a change on the primary.
 */
import { expect } from 'chai';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startGate, type GateProcess } from '../support/gate-process.ts';
import { makeIdentity } from '../support/identity-files.ts';
import { sendNotify } from '../support/peers/notify.ts';
import {
  startKnotPrimary,
  startNsdPrimary,
  type Primary,
  type StartPrimary,
} from '../support/peers/primaries.ts';
import {
  startBindSecondary,
  startNsdSecondary,
  type Secondary,
  type StartSecondary,
} from '../support/peers/secondaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { dumpZone, numberedZone } from '../support/peers/zone-text.ts';

const apex = 'example.com';
const client = '_xfr.ns2.example';
const records = 100_000;

const primaries: Readonly<Record<string, StartPrimary>> = {
  NSD: startNsdPrimary,
  'Knot DNS': startKnotPrimary,
};
const secondaries: Readonly<Record<string, StartSecondary>> = {
  BIND: startBindSecondary,
  NSD: startNsdSecondary,
};

/** How each secondary says that it got differences: BIND in words, NSD by the few octets of them. */
const incrementalInLog: Readonly<Record<string, RegExp>> = {
  BIND: /got incremental response/,
  NSD: /received update to serial 2 at \S+ from \S+ of \d{2,3} bytes/,
};

for (const [primaryName, startPrimary] of Object.entries(primaries)) {
  for (const [secondaryName, startSecondary] of Object.entries(secondaries)) {
    describe(`a zone of 100,000 records from ${primaryName} to ${secondaryName}`, function () {
      this.timeout(60_000);
      const bed = new TestBed();
      let lab: Lab;
      let primary: Primary;
      let gate: GateProcess;
      let secondary: Secondary;

      before(async () => {
        lab = await startLab();
        primary = await startPrimary(bed, numberedZone(apex, 1, records));
        gate = await startGate(bed, {
          resolver: lab.resolver,
          anchor: lab.rootAnchor(),
          primary,
          zones: [apex],
          clients: { [client]: [apex] },
        });
        const identity = await makeIdentity(bed, client);
        lab.publishTlsa(client, [identity.tlsa]);
        secondary = await startSecondary(bed, { apex, gate, identity });
      });

      after(async () => {
        await bed.close();
        await lab.close();
      });

      it('arrives by AXFR, equal to what the primary has [RFC5936-2.2]', async () => {
        await secondary.waitForSerial(1);
        const transfer = await gate.waitForEvent('transfer', (line) => line['outcome'] === 'complete');
        expect(transfer).to.include({ client, kind: 'AXFR', form: 'whole', zone: apex, serial: 1 });
        const [here, there] = await Promise.all([
          dumpZone(secondary.port, apex),
          dumpZone(primary.port, apex),
        ]);
        expect(there).to.have.length(records);
        expect(here.join('\n')).to.equal(there.join('\n'));
      });

      it('follows a change by IXFR, equal again [RFC1995-4]', async () => {
        await primary.change(numberedZone(apex, 2, records, [`new.${apex}. 60 IN TXT "changed"`]));
        await sendNotify(secondary.port, apex);
        await secondary.waitForSerial(2);
        const transfer = await gate.waitForEvent('transfer', (line) => line['kind'] === 'IXFR');
        expect(transfer).to.include({ outcome: 'complete', form: 'incremental', clientSerial: 1, serial: 2 });
        expect(transfer['records']).to.be.lessThan(10);
        expect(secondary.program.log).to.match(incrementalInLog[secondaryName]!);
        expect(
          await gate.metric('danced_xot_transfers_total{form="incremental",outcome="complete"}'),
        ).to.equal(1);
        const [here, there] = await Promise.all([
          dumpZone(secondary.port, apex),
          dumpZone(primary.port, apex),
        ]);
        expect(there).to.have.length(records + 1);
        expect(here.join('\n')).to.equal(there.join('\n'));
      });
    });
  }
}
