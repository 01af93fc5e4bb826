/**
 * An unsigned zone on its way from its author to its signer, as docs/xot-signer.md has it: the author's server speaks plain DNS on
 * its own loopback, a gate before it and an agent beside the signer carry the zone over TLS, and the signer serves it on, signed.
 */
import { expect } from 'chai';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity } from '../support/identity-files.ts';
import { primaryKinds } from '../support/peers/kinds.ts';
import type { Primary } from '../support/peers/primaries.ts';
import type { Secondary } from '../support/peers/secondaries.ts';
import { startBindSigner, startKnotSigner, type StartSigner } from '../support/peers/signers.ts';
import { freePort, pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';
import { dumpZone, numberedZone } from '../support/peers/zone-text.ts';
import { startXot, type XotProcess } from '../support/xot-process.ts';

const apex = 'example.com';
const gateName = 'author.example';
const signerName = '_xfr.signer.example';

const ways: [author: string, signer: string, startSigner: StartSigner][] = [
  ['BIND', 'Knot DNS', startKnotSigner],
  ['NSD', 'BIND', startBindSigner],
  ['Knot DNS', 'BIND', startBindSigner],
];

for (const [author, signer, startSigner] of ways) {
  describe(`an unsigned zone from ${author} to ${signer}, which signs it`, function () {
    this.timeout(120_000);
    const bed = new TestBed();
    let lab: Lab;
    let primary: Primary;
    let gate: XotProcess;
    let agent: XotProcess;
    let signing: Secondary;

    before(async () => {
      lab = await startLab();
      const [notifyPort, gatePort, agentPort, signerPort] = [
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      primary = await primaryKinds[author]!(bed, numberedZone(apex, 1, 20), { notify: [notifyPort] });
      // Before the gate starts, since that looks ahead for the keys of its clients.
      const identity = await makeIdentity(bed, signerName);
      lab.publishTlsa(signerName, [identity.tlsa]);
      gate = await startXot(bed, {
        lab,
        identity: await makeIdentity(bed, gateName),
        use: 'xot/gate',
        port: gatePort,
        clients: { [signerName]: [apex] },
        plugin: `    primary: 127.0.0.1:${primary.port}
    zones: [${apex}]
    notify:
      listen: ["127.0.0.1:${notifyPort}"]
      to: ["127.0.0.1:${agentPort}"]
`,
      });
      lab.publishTlsa(`_${gatePort}._tcp.${gateName}`, [gate.tlsa]);
      agent = await startXot(bed, {
        lab,
        identity,
        use: 'xot/agent',
        port: agentPort,
        plugin: `    gates: ["127.0.0.1:${gatePort}#${gateName}"]
    dane: required
    zones: [${apex}]
    notify:
      from: ["127.0.0.1"]
      to: ["127.0.0.1:${signerPort}"]
`,
      });
      signing = await startSigner(bed, { apex, primaryPort: agentPort, port: signerPort });
    });

    after(async () => {
      await bed.close();
      await lab.close();
    });

    /** The zone as the signer serves it, once it has these words in it and is signed. */
    /** Signatures come one after the other: whole is the zone when they hold. */
    async function signedZone(words: string): Promise<string[]> {
      let lines: string[] = [];
      let verdict = '';
      await signing.program
        .waitFor(
          `the signed zone with "${words}"`,
          async () => {
            lines = await dumpZone(signing.port, apex).catch(() => []);
            if (!lines.some((line) => line.includes(words))) return false;
            const file = bed.write('signed', `${lines.join('\n')}\n`);
            const { status, stdout, stderr } = await runProgram(pathOf('ldns-verify-zone'), [file]);
            verdict = `${stdout}${stderr}`;
            return status === 0;
          },
          30_000,
        )
        .catch((error: unknown) => {
          throw new Error(`${String(error)}\nldns-verify-zone: ${verdict}`);
        });
      return lines;
    }

    it('arrives whole, and is served on with signatures that hold', async () => {
      const lines = await signedZone(`host-5.${apex}`);
      const own = (await dumpZone(primary.port, apex)).filter((line) => !line.includes(' SOA '));
      expect(own.filter((line) => !lines.includes(line))).to.deep.equal([]);
    });

    it('crossed the network by TLS alone, to a proved name', () => {
      const [fetched] = gate.events('transfer');
      expect(fetched).to.include({ client: signerName, outcome: 'complete' });
      expect(agent.events('listening')).to.have.length(1);
    });

    it('is signed anew after a change of the author, at once', async () => {
      await primary.change(numberedZone(apex, 2, 20, [`new.${apex}. 3600 IN A 192.0.2.99`]));
      expect(await signedZone(`new.${apex}`)).not.to.deep.equal([]);
    });

    it('is still served by the signer when author and gate are away', async () => {
      await primary.kill();
      await gate.kill();
      expect(await signedZone(`new.${apex}`)).not.to.deep.equal([]);
    });
  });
}
