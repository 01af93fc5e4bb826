/**
 * Unbound as the gate's resolver, with the root key of the lab as the only trust anchor of both: what is secure lets a
 * client in, and nothing else does, whether the gate validates by itself or believes Unbound's AD bit.
 */
import { expect } from 'chai';
import { presentTlsa } from '../../core/dns/present.ts';
import { encodeDs } from '../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startGate, type GateProcess } from '../support/gate-process.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { dig } from '../support/peers/clients.ts';
import { startKnotPrimary, startNsdPrimary, type Primary } from '../support/peers/primaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { startUnbound, type Resolver } from '../support/peers/unbound.ts';
import { dumpZone, numberedZone, signWithLdns } from '../support/peers/zone-text.ts';

const apex = 'example.com';
/** A zone of a client's own, signed by ldns-signzone and served by NSD. */
const clientZone = 'clients.example';
const ofClientZone = `_xfr.ns3.${clientZone}`;
const ofLab = '_xfr.ns2.example';
const unsigned = '_xfr.unsigned.example';

for (const validation of ['validation: local', 'validation: trust-ad'] as const) {
  describe(`a gate with ${validation}, and Unbound as its resolver`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let lab: Lab;
    let primary: Primary;
    let resolver: Resolver;
    let gate: GateProcess;
    let published: IdentityFiles;

    before(async () => {
      lab = await startLab();
      published = await makeIdentity(bed, ofClientZone);
      const server = await startClientZone(published);
      const zones = lab.zoneNames().map((name) => ({ name: name.toString(), ...portOf(lab.authoritative) }));
      resolver = await startUnbound(bed, {
        anchor: lab.rootAnchor(),
        zones: [...zones, { name: clientZone, ...portOf(server) }],
      });
      primary = await startKnotPrimary(bed, numberedZone(apex, 1, 1000));
      const clients = Object.fromEntries([ofClientZone, ofLab, unsigned].map((name) => [name, [apex]]));
      const anchor = validation === 'validation: local' ? { anchor: lab.rootAnchor() } : {};
      gate = await startGate(bed, { resolver, ...anchor, primary, zones: [apex], clients });
    });

    after(async () => {
      await bed.close();
      await lab.close();
    });

    /** Signs the client's zone, serves it, and hangs it into the lab's tree by its DS record. */
    async function startClientZone({ name, tlsa }: IdentityFiles): Promise<Primary> {
      const record = `${name}. 60 IN TLSA ${presentTlsa(tlsa)}`;
      const signed = await signWithLdns(bed, numberedZone(clientZone, 1, 10, [record]));
      const server = await startNsdPrimary(bed, signed);
      const [keyTag, algorithm, digestType, digest = ''] = signed.ds.split(/\s+/);
      const fields = { keyTag: Number(keyTag), algorithm: Number(algorithm), digestType: Number(digestType) };
      lab.delegate(clientZone, [encodeDs({ ...fields, digest: Buffer.from(digest, 'hex') })], server);
      return server;
    }

    async function transfer(
      identity: IdentityFiles,
    ): Promise<{ records: readonly string[]; refusal: unknown }> {
      const before = gate.events('connection refused').length;
      const { records } = await dig({ gate, name: apex, type: 'AXFR', identity });
      if (records.length > 0) return { records, refusal: undefined };
      await gate.waitForEvent('connection refused', () => gate.events('connection refused').length > before);
      return { records, refusal: gate.events('connection refused').at(-1)?.['reason'] };
    }

    it('serves a client whose zone ldns-signzone has signed [RFC4035-5]', async () => {
      const { records } = await transfer(published);
      expect(records).to.have.length(1000);
      expect(records).to.deep.equal(await dumpZone(primary.port, apex));
    });

    it('serves a client of a zone that the lab has signed', async () => {
      const identity = await makeIdentity(bed, ofLab);
      lab.publishTlsa(ofLab, [identity.tlsa]);
      expect((await transfer(identity)).records).to.have.length(1000);
    });

    it('serves nobody without a record, by a signed denial [RFC4035-5.4]', async () => {
      lab.withdrawTlsa(ofLab);
      await gate.forget();
      expect((await transfer(await makeIdentity(bed, ofLab))).refusal).to.equal('no-tlsa');
    });

    it('serves nobody from an unsigned zone', async () => {
      const identity = await makeIdentity(bed, unsigned);
      lab.publishTlsa(unsigned, [identity.tlsa]);
      expect((await transfer(identity)).refusal).to.equal('insecure');
    });

    for (const state of ['broken', 'expired'] as const) {
      it(`serves nobody from a zone whose signatures are ${state}`, async () => {
        const identity = await makeIdentity(bed, ofLab);
        lab.publishTlsa(ofLab, [identity.tlsa]);
        lab.setZoneState('ns2.example', state);
        await gate.forget();
        expect((await transfer(identity)).refusal).to.equal('bogus');
      });
    }

    it('serves nobody when the resolver is gone', async () => {
      await resolver.program.stop();
      expect((await transfer(published)).refusal).to.equal('lookup-failed');
    });
  });
}

function portOf({ address, port }: { address: string; port: number }): { address: string; port: number } {
  return { address, port };
}
