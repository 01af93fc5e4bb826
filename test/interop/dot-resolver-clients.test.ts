/**
 * Clients of others at the resolver gate. dig and kdig show a certificate and are members by themselves; Stubby and dnsperf
 * cannot, and get what an anonymous client gets. Those behind an agent are in dot-resolver-agent.test.ts.
 */
import { expect } from 'chai';
import { ask } from '../../lab/ask.ts';
import { Name } from '../../core/dns/name.ts';
import { RrType, rrTypeName } from '../../core/dns/constants.ts';
import type { Lab } from '../../lab/lab.ts';
import { startDanced, type DancedProcess } from '../support/danced-process.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { dig, kdig, type Client } from '../support/peers/clients.ts';
import { essenceOf, memberZone, questions, startQuestionsLab } from '../support/peers/recursive-questions.ts';
import { startUnboundOf } from '../support/peers/recursive.ts';
import { dnsperf, startStubby } from '../support/peers/stubs.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import type { Resolver } from '../support/peers/unbound.ts';

const memberName = `laptop.${memberZone}`;
const openZone = 'corp.example';

describe('clients of others at the resolver gate', () => {
  const bed = new TestBed();
  let lab: Lab;
  let upstream: Resolver;
  /** Refuses whoever is not a member. */
  let gate: DancedProcess;
  /** Serves them what is for everybody. */
  let openGate: DancedProcess;
  let member: IdentityFiles;

  before(async () => {
    lab = await startQuestionsLab();
    upstream = await startUnboundOf(bed, lab);
    const options = {
      name: 'gate.example',
      resolver: lab.resolver,
      anchor: lab.rootAnchor(),
      access: `clients:
  "*.${memberZone}": { allow: [{ action: resolve }] }
anonymous: { allow: [{ action: resolve, zones: [${openZone}, "*.${openZone}"] }] }
`,
      use: 'dot-resolver/gate',
      plugin: `    views: { default: { upstreams: ["${upstream.address}:${String(upstream.port)}"] } }\n`,
    };
    gate = await startDanced(bed, options);
    openGate = await startDanced(bed, { ...options, plugin: `${options.plugin}    on-failure: anonymous\n` });
    member = await publishedIdentity(memberName);
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  async function publishedIdentity(name: string): Promise<IdentityFiles> {
    const identity = await makeIdentity(bed, name);
    lab.publishTlsa(name, [identity.tlsa]);
    return identity;
  }

  for (const [program, client] of Object.entries<Client>({ dig, kdig })) {
    describe(program, () => {
      for (const [title, name, type] of questions) {
        it(`gets what the resolver says: ${title}`, async () => {
          const direct = await ask(upstream, { name: Name.parse(name), type, rd: true, dnssecOk: true });
          const { rcode, answers, authorities, errors } = essenceOf(direct);
          const request = { gate, name, type: rrTypeName(type), identity: member, more: ['+dnssec'] };
          const { records, output } = await client(request);
          expect(output).to.contain(`status: ${rcode}`);
          expect(/^;; flags:[^;]* ad[ ;]/im.test(output), output).to.equal(direct.header.ad);
          expect(records.map(ownerAndType)).to.have.members([...answers, ...authorities].map(ownerAndType));
          for (const error of errors) expect(output).to.contain(`EDE: ${error.split(' ')[0]!}`);
        });
      }

      it('gets answers padded to a multiple of 468 octets if it asks for that [RFC8467-4.1]', async () => {
        const more = [program === 'dig' ? '+padding=128' : '+padding'];
        const { output } = await client({ gate, name: `www.${openZone}`, type: 'A', identity: member, more });
        expect(output).to.match(program === 'dig' ? /MSG SIZE {2}rcvd: 468\b/ : /Received 468 B\b/);
      });

      it('asks several questions on one connection', async () => {
        const more = ['+keepopen', `deep.down.${openZone}`, 'A', 'www.other.example', 'A'];
        const request = { gate, name: `www.${openZone}`, type: 'A', identity: member };
        const { records } = await client({ ...request, more });
        const addresses = records.map((record) => record.split(' ').at(-1));
        expect(addresses).to.have.members(['192.0.2.80', '192.0.2.81', '192.0.2.82']);
      });

      it('gets nothing without a certificate, with one of a stranger, or with another key of a member', async () => {
        const stranger = await publishedIdentity('laptop.stranger.example');
        const impostor = await makeIdentity(bed, memberName);
        for (const identity of [undefined, stranger, impostor]) {
          const request = { gate, name: `www.${openZone}`, type: 'A', ...(identity && { identity }) };
          const { records, output } = await client(request);
          expect(records, output).to.deep.equal([]);
          expect(output).not.to.contain('status:');
        }
        for (const reason of ['no-certificate', 'not-admitted', 'key-mismatch']) {
          expect(gate.program.log).to.contain(`reason=${reason}`);
        }
      });
    });
  }

  it('says its idle time to dig, which asks for it [RFC7828-3.3.2]', async () => {
    const request = { gate, name: `www.${openZone}`, type: 'A', identity: member, more: ['+keepalive'] };
    expect((await dig(request)).output).to.match(/TCP KEEPALIVE: +\d+\.\d secs/);
  });

  describe('Stubby', () => {
    it('gets what is for everybody over TLS, from a gate that it knows by its key, and no more', async () => {
      const pin = openGate.tlsa.subarray(3).toString('base64');
      const stubby = await startStubby(bed, { ...openGate, pin });
      const look = (name: string) => ask(stubby, { name: Name.parse(name), type: RrType.A, rd: true });
      const allowed = essenceOf(await look(`alias.${openZone}`));
      expect(allowed.rcode).to.equal('NOERROR');
      expect(allowed.answers).to.have.length(3);
      expect(essenceOf(await look('www.other.example'))).to.deep.include({ rcode: 'REFUSED', answers: [] });
    });

    it('gets nothing from a gate that serves members alone', async () => {
      const stubby = await startStubby(bed, { ...gate, pin: gate.tlsa.subarray(3).toString('base64') });
      const inquiry = { name: Name.parse(`www.${openZone}`), type: RrType.A, rd: true, timeoutMs: 20_000 };
      const { rcode, answers } = essenceOf(await ask(stubby, inquiry));
      expect([rcode, answers]).to.deep.equal(['SERVFAIL', []]);
    });
  });

  describe('dnsperf', () => {
    it('loses no answer over TLS, and gets the right ones', async () => {
      const rounds = 500;
      const names = [`www.${openZone}`, `nope.${openZone}`, `deep.down.${openZone}`, 'www.other.example'];
      const { sent, completed, rcodes, output } = await dnsperf(
        bed,
        openGate,
        'dot',
        names.map((name) => `${name} A`),
        rounds,
      );
      expect([sent, completed], output).to.deep.equal([4 * rounds, 4 * rounds]);
      expect(rcodes).to.deep.equal({ NOERROR: 2 * rounds, NXDOMAIN: rounds, REFUSED: rounds });
    });
  });
});

/** A record as printed, but for its TTL and its RDATA, which programs print in ways of their own. */
function ownerAndType(record: string): string {
  const [owner, , , type] = record.split(' ');
  return `${owner!.toLowerCase()} ${type!}`;
}
