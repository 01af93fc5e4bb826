/**
 * Stub resolvers and forwarders of others in front of the agent, which takes their questions to the gate over TLS with the
 * identity that they cannot show: systemd-resolved, Stubby, Unbound, dig and dnsperf.
 */
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { ask } from '../../lab/ask.ts';
import type { Lab } from '../../lab/lab.ts';
import { startDanced, startQuickAgent, type DancedProcess } from '../support/danced-process.ts';
import { makeIdentity } from '../support/identity-files.ts';
import {
  bits,
  essenceOf,
  memberZone,
  questions,
  startQuestionsLab,
} from '../support/peers/recursive-questions.ts';
import { startUnboundOf } from '../support/peers/recursive.ts';
import {
  dnsperf,
  startBindForwarder,
  startStubby,
  startUnboundForwarder,
  type PlainServer,
} from '../support/peers/stubs.ts';
import { resolvedSettings, startResolved } from '../support/peers/systemd-resolved.ts';
import { pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';
import type { Resolver } from '../support/peers/unbound.ts';

const gateName = 'gate.example';
const timeoutMs = 8_000;

describe('stub resolvers of others in front of the agent', () => {
  const bed = new TestBed();
  let lab: Lab;
  let upstream: Resolver;
  let gate: DancedProcess;
  let agent: DancedProcess;

  before(async () => {
    lab = await startQuestionsLab();
    upstream = await startUnboundOf(bed, lab);
    const dns = { resolver: lab.resolver, anchor: lab.rootAnchor() };
    gate = await startDanced(bed, {
      ...dns,
      name: gateName,
      access: `clients:\n  "*.${memberZone}": { allow: [{ action: resolve }] }\n`,
      use: 'dot-resolver/gate',
      plugin: `    views: { default: { upstreams: ["${upstream.address}:${String(upstream.port)}"] } }\n`,
    });
    lab.publishTlsa(`_${String(gate.port)}._tcp.${gateName}`, [gate.tlsa]);
    agent = await startDanced(bed, {
      ...dns,
      name: `laptop.${memberZone}`,
      use: 'dot-resolver/agent',
      plugin: `    servers: ["${gate.address}:${String(gate.port)}#${gateName}"]\n    dane: required\n`,
    });
    lab.publishTlsa(agent.name, [agent.tlsa]);
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  for (const [title, name, type] of questions) {
    it(`passes on what the resolver says: ${title}`, async () => {
      for (const [asked, flags] of bits) {
        const inquiry = { name: Name.parse(name), type, rd: true, timeoutMs, ...flags };
        const direct = essenceOf(await ask(upstream, inquiry));
        for (const time of ['first', 'second']) {
          expect(essenceOf(await ask(agent, inquiry)), `${asked}, the ${time} time`).to.deep.equal(direct);
        }
      }
    });
  }

  const fronts: readonly (readonly [title: string, start: () => Promise<PlainServer>])[] = [
    ['systemd-resolved', () => startResolved(bed, resolvedSettings(agent))],
    ['Stubby over TCP', () => startStubby(bed, agent, 'TCP')],
    ['Stubby over UDP', () => startStubby(bed, agent, 'UDP')],
    ['Unbound, which validates,', () => startUnboundForwarder(bed, agent, lab.rootAnchor())],
    ['BIND, which validates,', () => startBindForwarder(bed, agent, lab.rootAnchor())],
  ];
  for (const [title, start] of fronts) {
    it(`has ${title} give the resolver's answers to a program that asks it`, async () => {
      const front = await start();
      for (const [what, name, type] of questions) {
        // Stubby hands a truncated answer on as it is, also to a program that asks it over TCP.
        if (title === 'Stubby over UDP' && type === RrType.TXT) continue;
        const inquiry = { name: Name.parse(name), type, rd: true, timeoutMs };
        const { rcode, answers } = essenceOf(await ask(upstream, inquiry));
        expect(essenceOf(await ask(front, inquiry)), what).to.deep.include({ rcode, answers });
      }
    });
  }

  for (const [program, startForwarder] of Object.entries({
    Unbound: startUnboundForwarder,
    BIND: startBindForwarder,
  })) {
    it(`lets ${program} validate: what is signed is secure there too, what is bogus is not answered`, async () => {
      const forwarder = await startForwarder(bed, agent, lab.rootAnchor());
      const look = async (name: string) => {
        const inquiry = { name: Name.parse(name), type: RrType.A, rd: true, dnssecOk: true, timeoutMs };
        const { rcode, flags } = essenceOf(await ask(forwarder, inquiry));
        return `${rcode} ${flags}`;
      };
      expect(await look('alias.corp.example')).to.equal('NOERROR ra ad');
      expect(await look('nope.corp.example')).to.equal('NXDOMAIN ra ad');
      expect(await look('www.unsigned.example')).to.equal('NOERROR ra');
      expect(await look('www.broken.example')).to.equal('SERVFAIL ra');
    });
  }

  it('serves without a configuration: danced agent --to NAME@ADDRESS:PORT --identity DIRECTORY', async () => {
    const phone = await makeIdentity(bed, `phone.${memberZone}`);
    lab.publishTlsa(phone.name, [phone.tlsa]);
    const to = `${gateName}@${gate.address}:${String(gate.port)}`;
    const resolver = `${lab.resolver.address}:${String(lab.resolver.port)}`;
    const anchor = bed.write('anchor', `${lab.rootAnchor()}\n`);
    const words = ['--to', to, '--identity', phone.directory, '--resolver', resolver, '--anchor', anchor];
    const quick = await startQuickAgent(bed, words);
    const inquiry = { name: Name.parse('alias.corp.example'), type: RrType.A, rd: true, timeoutMs };
    const { rcode, answers } = essenceOf(await ask(quick, inquiry));
    expect(rcode).to.equal('NOERROR');
    expect(answers).to.have.length(3);
  });

  it('tells dig over UDP to come by TCP for what is long [RFC2181-9]', async () => {
    const at = ['@127.0.0.1', '-p', String(agent.port), '+time=8', '+tries=1'];
    const { stdout } = await runProgram(pathOf('dig'), [...at, '+bufsize=1232', 'long.corp.example', 'TXT']);
    expect(stdout).to.contain('Truncated, retrying in TCP mode').and.contain('ANSWER: 12,');
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`loses no question of dnsperf over ${transport}`, async () => {
      const rounds = 500;
      const names = ['www.corp.example A', 'nope.corp.example A', 'alias.corp.example A'];
      const { sent, completed, rcodes, output } = await dnsperf(bed, agent, transport, names, rounds);
      expect([sent, completed], output).to.deep.equal([3 * rounds, 3 * rounds]);
      expect(rcodes).to.deep.equal({ NOERROR: 2 * rounds, NXDOMAIN: rounds });
    });
  }
});
