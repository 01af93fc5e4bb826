/**
 * dig and kdig against the gate: a zone for the right key under the right name, and nothing for everybody else.
 */
import { expect } from 'chai';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startGate, type GateProcess } from '../support/gate-process.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { dig, kdig, type Client } from '../support/peers/clients.ts';
import { startNsdPrimary, type Primary } from '../support/peers/primaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { dumpZone, numberedZone } from '../support/peers/zone-text.ts';

const apex = 'example.com';
const allowed = '_xfr.ns2.example';
const otherZone = '_xfr.stranger.example';
const unlisted = 'unlisted.stranger.example';
const unsigned = '_xfr.unsigned.example';
const records = 5_000;

for (const [program, client] of Object.entries<Client>({ dig, kdig })) {
  describe(`${program} as the client of a gate`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let lab: Lab;
    let primary: Primary;
    let gate: GateProcess;
    let identity: IdentityFiles;

    before(async () => {
      lab = await startLab();
      primary = await startNsdPrimary(bed, numberedZone(apex, 7, records));
      gate = await startGate(bed, {
        resolver: lab.resolver,
        anchor: lab.rootAnchor(),
        primary,
        zones: [apex],
        clients: { [allowed]: [apex], [otherZone]: ['example.net'], [unsigned]: [apex] },
      });
      identity = await publishedIdentity(allowed);
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

    /** Transfers in the name of an identity, and says what the gate wrote of the connection's refusal. */
    async function refusal(who?: IdentityFiles): Promise<unknown> {
      const before = gate.events('connection refused').length;
      const result = await client({ gate, name: apex, type: 'AXFR', ...(who && { identity: who }) });
      expect(result.records).to.deep.equal([]);
      await gate.waitForEvent('connection refused', () => gate.events('connection refused').length > before);
      return gate.events('connection refused').at(-1)?.['reason'];
    }

    it('transfers the zone with the published key, equal to what the primary has [RFC9103-7.1]', async () => {
      const result = await client({ gate, name: apex, type: 'AXFR', identity });
      expect(result.records, result.output.slice(-500)).to.have.length(records);
      expect(result.records.join('\n')).to.equal((await dumpZone(primary.port, apex)).join('\n'));
    });

    it('gets the SOA record with the published key', async () => {
      const result = await client({ gate, name: apex, type: 'SOA', identity });
      const soas = result.records.filter((record) => record.includes(' SOA '));
      expect(soas).to.have.length(1);
      expect(soas[0]).to.contain(' 7 3600 600 86400 300');
    });

    it('gets one SOA record for an IXFR from the present serial [RFC1995-2]', async () => {
      const result = await client({ gate, name: apex, type: 'IXFR=7', identity });
      expect(result.records).to.have.length(1);
    });

    it('gets nothing without a certificate', async () => {
      expect(await refusal()).to.equal('no-certificate');
    });

    it('gets nothing with another key under the same name', async () => {
      expect(await refusal(await makeIdentity(bed, allowed))).to.equal('key-mismatch');
    });

    it('gets nothing under a name that is not in the access list, and nobody asks the DNS about it', async () => {
      const stranger = await publishedIdentity(unlisted);
      const before = lab.resolver.queries.length;
      expect(await refusal(stranger)).to.equal('not-admitted');
      expect(lab.resolver.queries.slice(before)).to.deep.equal([]);
    });

    it('gets nothing when the TLSA record is in an unsigned zone', async () => {
      expect(await refusal(await publishedIdentity(unsigned))).to.equal('insecure');
    });

    it('gets REFUSED with the error Prohibited for a zone that is not its own [RFC8914-4.19]', async () => {
      const other = await publishedIdentity(otherZone);
      const result = await client({ gate, name: apex, type: 'AXFR', identity: other });
      expect(result.records).to.deep.equal([]);
      expect(result.output).to.match(/REFUSED|Transfer failed/);
      if (program === 'dig') {
        const { output } = await client({ gate, name: apex, type: 'SOA', identity: other });
        expect(output).to.contain('EDE: 18 (Prohibited)');
      }
      const line = await gate.waitForEvent(
        'request refused',
        ({ client: who, kind }) => who === otherZone && kind === 'AXFR',
      );
      expect(line).to.include({ reason: 'no-rule', zone: apex });
    });

    it('gets REFUSED with the error Not Supported for anything but transfers [RFC9103-7.8]', async () => {
      const result = await client({ gate, name: `host-9.${apex}`, type: 'A', identity });
      expect(result.records).to.deep.equal([]);
      expect(result.output).to.contain('REFUSED');
      if (program === 'dig') expect(result.output).to.contain('EDE: 21 (Not Supported)');
    });

    it('is refused again when the TLSA record is withdrawn and its time has passed', async () => {
      lab.withdrawTlsa(allowed);
      await gate.forget();
      expect(await refusal(identity)).to.equal('no-tlsa');
    });
  });
}
