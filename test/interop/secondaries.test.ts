/**
 * BIND and NSD as secondaries that get nothing, or half of it: a wrong identity, and a primary that dies in the middle
 * of a transfer. A secondary must never serve a part of a zone.
 */
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startGate, type GateProcess } from '../support/gate-process.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { sendNotify } from '../support/peers/notify.ts';
import {
  startBindSecondary,
  startNsdSecondary,
  type Secondary,
  type StartSecondary,
} from '../support/peers/secondaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { dumpZone } from '../support/peers/zone-text.ts';

const apex = 'example.com';
const allowed = '_xfr.ns2.example';
const unlisted = '_xfr.stranger.example';
const unsigned = '_xfr.unsigned.example';
const records = 20_000;

for (const [program, startSecondary] of Object.entries<StartSecondary>({
  BIND: startBindSecondary,
  NSD: startNsdSecondary,
})) {
  describe(`${program} as the secondary of a gate`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let lab: Lab;
    let gate: GateProcess;

    before(async () => {
      lab = await startLab({ transferZone: { name: apex, records } });
      gate = await startGate(bed, {
        resolver: lab.resolver,
        anchor: lab.rootAnchor(),
        primary: { address: lab.primary.address, port: lab.primary.port },
        zones: [apex],
        clients: { [allowed]: [apex], [unsigned]: [apex] },
      });
    });

    after(async () => {
      await bed.close();
      await lab.close();
    });

    async function publishedIdentity(name: string): Promise<IdentityFiles> {
      const made = await makeIdentity(bed, name);
      lab.publishTlsa(name, [made.tlsa]);
      return made;
    }

    const wrong: [title: string, reason: string, make: () => Promise<IdentityFiles | undefined>][] = [
      ['without a certificate', 'no-certificate', () => Promise.resolve(undefined)],
      ['with another key under the right name', 'key-mismatch', () => makeIdentity(bed, allowed)],
      ['under a name that is not in the access list', 'not-admitted', () => publishedIdentity(unlisted)],
      ['when its TLSA record is in an unsigned zone', 'insecure', () => publishedIdentity(unsigned)],
    ];
    for (const [title, reason, make] of wrong) {
      it(`gets nothing ${title}`, async () => {
        lab.publishTlsa(allowed, [(await makeIdentity(bed, allowed)).tlsa]);
        const identity = await make();
        const seen = gate.events('connection refused').length;
        const secondary = await startSecondary(bed, { apex, gate, ...(identity && { identity }) });
        await gate.waitForEvent('connection refused', () =>
          gate
            .events('connection refused')
            .slice(seen)
            .some((line) => line['reason'] === reason),
        );
        await secondary.program.waitFor('a failure in its log', () => secondary.failures() > 0);
        expect(await secondary.serial()).to.equal(undefined);
        await secondary.program.stop();
        expect(gate.events('transfer')).to.deep.equal([]);
      });
    }

    describe('whose primary dies in the middle of a transfer', () => {
      let secondary: Secondary;

      before(async () => {
        lab.primary.dieAfterMessages(2);
        const identity = await publishedIdentity(allowed);
        await gate.forget();
        secondary = await startSecondary(bed, { apex, gate, identity });
      });

      it('serves nothing rather than the half of a new zone', async () => {
        const line = await gate.waitForEvent('transfer', ({ outcome }) => outcome === 'failed');
        expect(line).to.include({ kind: 'AXFR', client: allowed });
        expect(line['records']).to.be.within(1, records - 1);
        await secondary.program.waitFor('a failure in its log', () => secondary.failures() > 0);
        expect(await secondary.serial()).to.equal(undefined);
      });

      it('has the whole zone when the primary is back', async () => {
        lab.primary.recover();
        const { serial } = lab.primary.zone;
        await secondary.program.waitFor('the zone', async () => {
          if ((await secondary.serial()) === serial) return true;
          // Either would try again by itself, but only after some ten seconds.
          await sendNotify(secondary.port, apex);
          return false;
        });
        expect(await dumpZone(secondary.port, apex)).to.deep.equal(await dumpZone(lab.primary.port, apex));
      });

      it('keeps the whole old zone when the transfer of the new one breaks', async () => {
        const old = await dumpZone(secondary.port, apex);
        const { serial } = lab.primary.zone;
        const failures = gate.events('transfer').filter(({ outcome }) => outcome === 'failed').length;
        lab.primary.change({
          add: [{ name: Name.parse(`new.${apex}`), type: RrType.A, ttl: 60, rdata: encodeA('192.0.2.1') }],
        });
        lab.primary.forgetDifferences();
        lab.primary.dieAfterMessages(2);
        await sendNotify(secondary.port, apex);
        await gate.waitForEvent(
          'transfer',
          () => gate.events('transfer').filter(({ outcome }) => outcome === 'failed').length > failures,
        );
        expect(await secondary.serial()).to.equal(serial);
        expect(await dumpZone(secondary.port, apex)).to.deep.equal(old);
      });
    });
  });
}
