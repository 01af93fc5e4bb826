/**
 * The agent of recursive-auth between recursive resolvers and authoritative servers of others: Unbound, BIND, PowerDNS Recursor
 * and Knot Resolver ask it for some zones, and it asks NSD and Knot DNS behind gates, which know it by name.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA, encodeTxt } from '../../core/dns/rdata.ts';
import { ask, type Inquiry } from '../../lab/ask.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startDanced, type DancedProcess } from '../support/danced-process.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { startKnotPrimary, startNsdPrimary, type Primary } from '../support/peers/primaries.ts';
import { recursiveServers, startBind, startUnboundOf } from '../support/peers/recursive.ts';
import { essenceOf } from '../support/peers/recursive-questions.ts';
import { freePort, pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';
import type { ZoneText } from '../support/peers/zone-text.ts';

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const timeoutMs = 8_000;
const publicZone = 'public.example';
/** Delegated by it, and served by the lab to everybody. */
const childZone = 'child.public.example';
const groupZone = 'group.example';
const memberZone = 'member.example';
const names = { nsd: 'gate1.keys.example', knot: 'gate2.keys.example' };

interface At {
  readonly address: string;
  readonly port: number;
}

describe('recursive resolvers, the agent, gates, authoritative servers', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let gates: Record<'nsd' | 'knot', DancedProcess>;
  let agent: DancedProcess;
  let nsd: Primary;
  let known: IdentityFiles;
  let asked = 0;

  before(async () => {
    lab = await startLab({ zones: [publicZone, childZone, groupZone, memberZone, 'keys.example'] });
    lab.publish(`www.${childZone}`, RrType.A, [encodeA('192.0.2.81')]);
    const zones = [publicZone, groupZone].map(fill);
    // Gates look up whom their lists name as soon as they start.
    known = await publishIdentity('resolver');
    nsd = await startNsdPrimary(bed, zones);
    gates = {
      nsd: await startGate(names.nsd, nsd),
      knot: await startGate(names.knot, await startKnotPrimary(bed, zones)),
    };
    agent = await startAgent(known, both());
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  /** What only the servers behind the gates have: the lab forgets it again. */
  function fill(apex: string): ZoneText {
    const records: readonly (readonly [name: string, type: number, rdatas: readonly Buffer[]])[] = [
      [`www.${apex}`, RrType.A, [encodeA('192.0.2.80')]],
      [
        `long.${apex}`,
        RrType.TXT,
        Array.from({ length: 12 }, (_, n) => encodeTxt([Buffer.from(String(n).padEnd(240, '-'))])),
      ],
    ];
    for (const [name, type, rdatas] of records) lab.publish(name, type, rdatas);
    const text = lab.zoneFile(apex);
    for (const [name, type] of records) lab.publish(name, type, []);
    return { apex, serial: 0, text };
  }

  async function startGate(name: string, server: Primary, where?: At): Promise<DancedProcess> {
    const gate = await startDanced(bed, {
      ...{ resolver: lab.resolver, anchor: lab.rootAnchor(), name },
      ...(where && { at: where }),
      access: `roles:
  group: { allow: [{ action: query }] }
anonymous: { allow: [{ action: query }] }
clients:
  resolver.${memberZone}: { roles: [group] }
`,
      use: 'recursive-auth/gate',
      plugin: `    upstreams: ["127.0.0.1:${String(server.port)}"]
    classes: { group: { weight: 10 }, strangers: { zones: [${publicZone}] } }
`,
    });
    lab.publishTlsa(`_${String(gate.port)}._tcp.${name}`, [gate.tlsa]);
    return gate;
  }

  const at = ({ port }: At, name: string): string => `127.0.0.1:${String(port)}#${name}`;
  const both = (): string[] => [at(gates.nsd, names.nsd), at(gates.knot, names.knot)];

  async function publishIdentity(label: string): Promise<IdentityFiles> {
    const identity = await makeIdentity(bed, `${label}.${memberZone}`);
    lab.publishTlsa(identity.name, [identity.tlsa]);
    return identity;
  }

  function startAgent(
    identity: IdentityFiles,
    servers: readonly string[],
    where?: At,
  ): Promise<DancedProcess> {
    const list = JSON.stringify(servers);
    return startDanced(bed, {
      ...{ resolver: lab.resolver, anchor: lab.rootAnchor(), name: identity.name, identity },
      ...(where && { at: where }),
      use: 'recursive-auth/agent',
      plugin: `    zones: [{ zone: ${publicZone}, gates: ${list} }, { zone: ${groupZone}, gates: ${list} }]
    limits: { gate-retry-max: 500ms }
`,
    });
  }

  const inquiry = (name: string, type: number = RrType.A, more: Partial<Inquiry> = {}): Inquiry => ({
    ...{ name: Name.parse(name), type, rd: true, dnssecOk: true, timeoutMs },
    ...more,
  });

  /** Another name each time, so that no memory answers. */
  function askAnew(server: At): Promise<Message> {
    asked += 1;
    return ask(server, inquiry(`q${String(asked)}.${publicZone}`, RrType.A, { rd: false }));
  }

  function errorOf({ edns }: Message): { code: number; text: string } | undefined {
    const option = findOption(edns, EdnsOptionCode.EXTENDED_ERROR);
    return option && parseExtendedError(option);
  }

  /** Sum of the counter's series. */
  async function counted(of: DancedProcess, counter: string): Promise<number> {
    const lines = (await of.metrics()).split('\n').filter((line) => line.startsWith(`danced_${counter}`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Questions that reached it over TLS. */
  const heardBy = (gate: DancedProcess): Promise<number> => counted(gate, 'authoritative_replies_total');

  for (const [title, start] of Object.entries(recursiveServers)) {
    const validates = title !== 'Knot Resolver';

    describe(`${title}${validates ? ', which validates,' : ', which does not validate what it asks as a stub,'}`, () => {
      let recursive: At;

      before(async () => {
        const elsewhere = [publicZone, groupZone].map((name) => ({
          name,
          address: agent.address,
          port: agent.port,
        }));
        recursive = await start(bed, lab, elsewhere);
      });

      const look = async (name: string, type: number = RrType.A) => {
        const { rcode, flags, answers } = essenceOf(await ask(recursive, inquiry(name, type)));
        const count = answers.filter((line) => !line.includes('RRSIG')).length;
        return `${rcode}${flags.includes('ad') ? ' ad' : ''} ${String(count)}`;
      };
      const ad = validates ? ' ad' : '';

      it('answers from a zone behind gates', async () => {
        expect(await look(`www.${publicZone}`)).to.equal(`NOERROR${ad} 1`);
        expect(await look(`nope.${publicZone}`)).to.equal(`NXDOMAIN${ad} 0`);
        expect(await look(`www.${publicZone}`, RrType.AAAA)).to.equal(`NOERROR${ad} 0`);
      });

      it('answers from a zone that the servers keep for resolvers they know', async () => {
        expect(await look(`www.${groupZone}`)).to.equal(`NOERROR${ad} 1`);
      });

      it('comes by TCP for what fits no datagram [RFC2181-9]', async () => {
        expect(await look(`long.${publicZone}`, RrType.TXT)).to.equal(`NOERROR${ad} 12`);
      });

      if (validates) {
        it('asks the zone above, and not the agent, for DS records [RFC4035-3.1.4.1]', async () => {
          expect(await look(publicZone, RrType.DS)).to.equal('NOERROR ad 1');
        });
      }
    });
  }

  describe('BIND, which validates, and has the zones as static-stub', () => {
    let bind: At;

    before(async () => {
      // BIND asks all servers at one port, which on this address is the agent's.
      const where = { address: '127.0.0.2', port: lab.authoritative.port };
      await startAgent(known, both(), where);
      bind = await startBind(bed, lab, [{ name: publicZone, ...where, isStub: true }]);
    });

    it('follows a delegation to servers that it asks itself', async () => {
      for (const zone of [publicZone, childZone]) {
        const { rcode, flags, answers } = essenceOf(await ask(bind, inquiry(`www.${zone}`)));
        expect([rcode, flags, answers.length], zone).to.deep.equal(['NOERROR', 'ra ad', 2]);
      }
    });
  });

  it('hands on the answer of the authoritative server: with AA, without RA, RD as it was asked', async () => {
    for (const rd of [false, true]) {
      const { header } = await ask(agent, inquiry(`www.${publicZone}`, RrType.A, { rd }));
      expect(header).to.include({ aa: true, ra: false, rd, rcode: Rcode.NOERROR });
    }
  });

  it('answers dig over UDP', async () => {
    const to = ['@127.0.0.1', '-p', String(agent.port), '+norec', '+time=8', '+tries=1'];
    const { stdout } = await runProgram(pathOf('dig'), [...to, `www.${publicZone}`]);
    expect(stdout)
      .to.match(/flags: qr aa;/)
      .and.contain('192.0.2.80');
  });

  it('hands on that the servers refuse a resolver they do not know, with the reason', async () => {
    const stranger = await startAgent(await publishIdentity('stranger'), both());
    const reply = await ask(stranger, inquiry(`www.${groupZone}`));
    expect([reply.header.rcode, errorOf(reply)?.code]).to.deep.equal([Rcode.REFUSED, EdeCode.PROHIBITED]);
    expect((await ask(stranger, inquiry(`www.${publicZone}`))).header.rcode).to.equal(Rcode.NOERROR);
  });

  it('asks nothing of a server with another key than the one published, and says so [RFC8310-5]', async () => {
    const other = await makeIdentity(bed, 'else.example');
    const wrong = 'wrong.keys.example';
    lab.publishTlsa(`_${String(gates.nsd.port)}._tcp.${wrong}`, [other.tlsa]);
    const strict = await startAgent(known, [at(gates.nsd, wrong)]);
    const before = await heardBy(gates.nsd);
    const reply = await askAnew(strict);
    expect([reply.header.rcode, errorOf(reply)?.code]).to.deep.equal([
      Rcode.SERVFAIL,
      EdeCode.NO_REACHABLE_AUTHORITY,
    ]);
    expect(errorOf(reply)?.text).to.match(/^public\.example: .*the key of the server is not the one/);
    expect(await heardBy(gates.nsd)).to.equal(before);
    expect(strict.program.log).to.match(/server-key-mismatch/);
  });

  it('knows a question of its own resolver, which waits for the agent, and says what is wrong', async () => {
    const inside = `ns1.${publicZone}`;
    const port = await freePort();
    const unbound = await startUnboundOf(bed, lab, [{ name: publicZone, address: '127.0.0.1', port }]);
    const circle = await startDanced(bed, {
      ...{ resolver: unbound, anchor: lab.rootAnchor(), name: `circle.${memberZone}` },
      at: { address: '127.0.0.1', port },
      use: 'recursive-auth/agent',
      plugin: `    zones: [{ zone: ${publicZone}, gates: ["${at(gates.nsd, inside)}"] }]
    limits: { circle-time: 500ms }
`,
    });
    const replies = await Promise.all([askAnew(circle), askAnew(circle)]);
    expect(replies.map(({ header }) => header.rcode)).to.deep.equal([Rcode.SERVFAIL, Rcode.SERVFAIL]);
    await circle.program.waitFor('a line about the circle', () =>
      circle.program.log.includes('the agent seems to be asked for its own servers'),
    );
  });

  describe('with gates that the NS records of the zone name', () => {
    /** Of all zones of the lab. Gates by NS records have the port of DNS over TLS. */
    const nameServer = 'ns.example';
    const where = { address: '127.0.0.9', port: 853 };
    let byName: DancedProcess;

    before(async function () {
      if (!(await mayListen(where))) {
        this.skip();
        return;
      }
      lab.publish(nameServer, RrType.A, [encodeA(where.address)]);
      await startGate(nameServer, nsd, where);
      byName = await startDanced(bed, {
        ...{ resolver: lab.resolver, anchor: lab.rootAnchor(), name: known.name, identity: known },
        use: 'recursive-auth/agent',
        plugin: `    zones: [{ zone: ${publicZone} }, { zone: ${groupZone} }, { zone: unsigned.example }]\n`,
      });
    });

    it('asks these where the records are secure, over one connection for all zones', async () => {
      for (const zone of [publicZone, groupZone]) {
        const reply = await ask(byName, inquiry(`www.${zone}`));
        expect([reply.header.rcode, reply.answers.length]).to.deep.equal([Rcode.NOERROR, 2]);
      }
      expect(byName.program.log.match(/server connected/g)).to.have.length(1);
    });

    it('asks nobody where they are not', async () => {
      const reply = await ask(byName, inquiry('www.unsigned.example'));
      expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(errorOf(reply)?.text).to.match(/its NS records are not protected by DNSSEC/);
    });

    it('is found right by danced check', async () => {
      await byName.program.stop();
      const config = `${byName.folder}/danced.yaml`;
      const { stdout } = await runProgram(process.execPath, [main, 'check', '-c', config]);
      expect(stdout).to.match(/ok: plugins\[0\]\.zones\[0\]\.zone: ns\.example is proved by DANE-EE/);
      expect(stdout).to.match(/zones\[2\]\.zone: the servers of unsigned\.example are not known/);
    });
  });

  describe('when gates are killed', () => {
    it('asks the second gate when the first is killed, and loses no question', async () => {
      const before = await heardBy(gates.knot);
      const rcodes = Array.from({ length: 20 }, async () => (await askAnew(agent)).header.rcode);
      gates.nsd.program.kill();
      expect(new Set(await Promise.all(rcodes))).to.deep.equal(new Set([Rcode.NXDOMAIN]));
      for (let time = 0; time < 20; time += 1)
        expect((await askAnew(agent)).header.rcode).to.equal(Rcode.NXDOMAIN);
      expect(await heardBy(gates.knot)).to.be.greaterThan(before);
      expect(await agent.metrics()).to.match(
        /danced_agent_gate_up\{gate="127\.0\.0\.1:\d+#gate1\.keys\.example"\} 0/,
      );
    });

    it('is found right by danced check, gate by gate', async () => {
      await agent.program.stop();
      const { stdout } = await runProgram(process.execPath, [
        main,
        'check',
        '-c',
        `${agent.folder}/danced.yaml`,
      ]);
      expect(stdout).to.match(
        /plugins\[0\]\.zones\[0\]\.gates\[0\]: server 127\.0\.0\.1:\d+#gate1\.keys\.example: the server cannot be reached by TCP/,
      );
      expect(stdout).to.match(
        /ok: plugins\[0\]\.zones\[0\]\.gates\[1\]: .*#gate2\.keys\.example is proved by DANE-EE.*takes us and has public\.example/,
      );
    });

    it('says why when no gate is left, and asks nobody in clear', async () => {
      gates.knot.program.kill();
      const left = await startAgent(known, both());
      const reply = await askAnew(left);
      expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(errorOf(reply)?.text).to.match(/cannot be reached by TCP.*cannot be reached by TCP/);
      expect(await counted(left, 'agent_zone_answers_total{zone="public.example",source="failed"}')).to.equal(
        1,
      );
    });
  });
});

/** The port is for those who may have it: not for everybody on every machine. */
async function mayListen({ address, port }: At): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
