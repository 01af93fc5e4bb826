/** The agent as the daemon holds it: it starts, answers, takes a new configuration, and stops. */
import { expect } from 'chai';
import type { ServerLink } from '../../../../core/client/server-link.ts';
import { formatEndpoint } from '../../../../core/config/endpoint.ts';
import { EdnsOptionCode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../../../core/dns/edns.ts';
import { frame } from '../../../../core/dns/framing.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
} from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA } from '../../../../core/dns/rdata.ts';
import type { PlainHandler } from '../../../../core/do53/handler.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { PluginInstance } from '../../../../core/plugin/contract.ts';
import { recursiveAgentIn } from '../../../../plugins/recursive-auth/agent/agent.ts';
import {
  recursiveAgentSchema,
  type RecursiveAgentConfig,
} from '../../../../plugins/recursive-auth/agent/config.ts';
import { DnsServer } from '../../../support/dns-server.ts';
import { DotServer, type DotQuery } from '../../../support/dot-server.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { partialHost } from '../../../support/plugin-host.ts';
import { ScriptedLink } from '../../../support/scripted-link.ts';
import { ScriptedResolver } from '../../../support/scripted-resolver.ts';

describe('recursive-auth/agent', () => {
  let addresses: string;
  let handler: PlainHandler;
  let links: Map<string, ScriptedLink>;
  let metrics: Metrics;
  let agent: PluginInstance<RecursiveAgentConfig>;
  let isOpen: boolean;
  let resolver: ScriptedResolver;
  const log = memoryLog();

  beforeEach(() => {
    [addresses, metrics, isOpen] = ['here', new Metrics(), false];
    links = new Map();
    resolver = new ScriptedResolver();
    log.forget();
  });
  afterEach(() => agent.stop(0));

  function setUp(written: object, ports?: { readonly clear: number; readonly encrypted: number }): void {
    const signs = { nowMs: Date.now, monotonicMs: () => performance.now(), addresses: () => addresses };
    const host = partialHost({
      ...{ log, metrics, nowMs: Date.now, resolver },
      absolutePath: (file) => file,
      connect: ({ endpoint, policy }) => {
        const text = `${formatEndpoint(endpoint)}#${policy.name?.toString() ?? ''}`;
        const link = new ScriptedLink(`server ${text}`);
        links.set(text, link);
        return link as unknown as ServerLink;
      },
      listenPlain: ({ addresses: at }, take) => {
        handler = take;
        return {
          open: () => {
            isOpen = true;
            return Promise.resolve(at);
          },
          setLimits: () => undefined,
          close: () => {
            isOpen = false;
            return Promise.resolve();
          },
        };
      },
    });
    agent = recursiveAgentIn({ signs, ...(ports && { ports }) }).setup(host, configOf(written));
  }

  const gate = '192.0.2.1:853#ns1.corp.example';
  const strict = { zone: 'corp.example', gates: ['192.0.2.1#ns1.corp.example'] };
  const configOf = (more: object): RecursiveAgentConfig =>
    recursiveAgentSchema.parse({ zones: [strict], limits: { 'network-check': '100ms' }, ...more });

  function ask(name: string, withEdns = false): Promise<Message> {
    const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] };
    const query = makeQuery({
      ...{ id: 7, name: Name.parse(name), type: RrType.A, rd: false },
      ...(withEdns && { edns }),
    });
    return new Promise((resolve, reject) => {
      const from = { remote: '127.0.0.1:1', isStream: false, udpOctets: 1232, idleTimeMs: 0 };
      handler(encodeMessage(query), from, (octets) => {
        if (!Buffer.isBuffer(octets)) reject(new Error('no message'));
        else resolve(parseMessage(octets));
      });
    });
  }

  const rcodeOf = async (name: string): Promise<number> => (await ask(name)).header.rcode;

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = Date.now() + 5_000;
    while (!(await condition())) {
      if (Date.now() > endMs) throw new Error(`${what} did not happen`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it('is ready when it listens, whether a gate can be reached or not', async () => {
    setUp({});
    expect(agent.ready()).to.deep.equal({ ready: false, waitingFor: ['recursive-auth/agent: listening'] });
    await agent.start();
    expect([agent.ready().ready, isOpen]).to.deep.equal([true, true]);
    links.get(gate)!.behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
    expect(await rcodeOf('www.corp.example')).to.equal(Rcode.SERVFAIL);
    const down = await metrics.text();
    expect(down).to.include('danced_agent_gate_up{gate="192.0.2.1#ns1.corp.example"} 0');
    expect(down).to.include('danced_agent_zone_gates{zone="corp.example"} 0');
    links.get(gate)!.behaviour = { kind: 'answers' };
    links.get(gate)!.state = { kind: 'idle' };
    expect(await rcodeOf('www.corp.example')).to.equal(Rcode.NOERROR);
    const up = await metrics.text();
    expect(up).to.include('danced_agent_gate_up{gate="192.0.2.1#ns1.corp.example"} 1');
    expect(up).to.include('danced_agent_zone_gates{zone="corp.example"} 1');
    expect(up).to.include('danced_agent_zone_answers_total{zone="corp.example",source="gates"} 1');
  });

  it('drops its connections in another network', async () => {
    setUp({});
    await agent.start();
    addresses = 'elsewhere';
    await until('the reset', () => links.get(gate)!.resets.length > 0);
    expect(await metrics.text()).to.include('danced_agent_resets_total 1');
  });

  it('warns where it listens beyond this machine', async () => {
    setUp({ listen: ['127.0.0.1:5354', '192.0.2.7:53'] });
    await agent.start();
    expect(
      log.of('the agent listens beyond this machine').map(({ fields }) => fields['address']),
    ).to.deep.equal(['192.0.2.7']);
  });

  it('does not wait for long for itself: for names on the way to what it looks up, of whatever zone', async () => {
    const other = { zone: 'ns.example', gates: ['192.0.2.2#ns.example'] };
    const limits = { 'agent-time': '2s', 'circle-time': '100ms' };
    setUp({
      zones: [{ zone: 'corp.example', gates: ['192.0.2.1#a.ns.example'] }, other, { zone: 'by.example' }],
      limits,
    });
    await agent.start();
    const [gateOfCorp, gateOfNs] = [...links.values()];
    for (const link of links.values()) link.behaviour = { kind: 'waits' };
    const says = async (name: string): Promise<[string, number]> => {
      const startedMs = performance.now();
      const { edns } = await ask(name, true);
      const option = findOption(edns, EdnsOptionCode.EXTENDED_ERROR);
      return [option === undefined ? '' : parseExtendedError(option).text, performance.now() - startedMs];
    };
    // By its gate nobody knows yet where to find it.
    gateOfCorp!.state = { kind: 'opening' };
    for (const name of ['_853._tcp.a.ns.example', 'a.ns.example', 'ns.example']) {
      const [text, tookMs] = await says(name);
      expect(text, name).to.match(/^ns\.example: the agent looks for these servers itself/);
      expect(tookMs).to.be.lessThan(1_500);
    }
    expect((await says('b.ns.example'))[0]).to.match(/no answer in 2000 ms/);
    // The records of this zone's servers are looked up, by a resolver that asks us.
    const go = resolver.hold();
    const byName = ask('www.by.example');
    expect((await says('by.example'))[0]).to.match(/the agent looks for these servers itself/);
    go();
    expect((await byName).header.rcode).to.equal(Rcode.SERVFAIL);
    gateOfNs!.settle();
  });

  it('takes new zones on reload, and lets questions under way finish', async () => {
    setUp({ limits: { 'agent-time': '500ms' } });
    await agent.start();
    const old = links.get(gate)!;
    old.behaviour = { kind: 'waits' };
    const before = ask('www.corp.example');
    agent.reload(configOf({ zones: [{ zone: 'example.org', gates: ['192.0.2.2#ns.example.org'] }] }));
    expect(await rcodeOf('www.corp.example')).to.equal(Rcode.REFUSED);
    expect(await rcodeOf('www.example.org')).to.equal(Rcode.NOERROR);
    old.behaviour = { kind: 'answers' };
    old.settle();
    expect((await before).header.rcode).to.equal(Rcode.NOERROR);
    await until('the end of the old link', () => old.isClosed);
    expect(links.get('192.0.2.2:853#ns.example.org')!.isClosed).to.equal(false);
  });

  it('keeps what it has where a new configuration cannot be used', async () => {
    setUp({});
    await agent.start();
    expect(() => {
      agent.reload(configOf({ roots: '/nonexistent/roots.pem' }));
    }).to.throw(/no such file/);
    expect(await rcodeOf('www.corp.example')).to.equal(Rcode.NOERROR);
    expect(links.size).to.equal(1);
  });

  it('asks servers of opportunistic zones without ever making a link of ours to them', async () => {
    const server = await DnsServer.start(({ message, over, send }) => {
      const { name } = message.questions[0]!;
      const record = { name, type: RrType.A, class: RrClass.IN, ttl: 300, rdata: encodeA('192.0.2.80') };
      const reply = encodeMessage(makeResponse(message, { answers: [record], aa: true }));
      send(over === 'tcp' ? frame(reply) : reply);
    });
    try {
      const open = { zone: 'example.org', mode: 'opportunistic', servers: ['127.0.0.1'] };
      setUp({ zones: [strict, open] }, { clear: server.port, encrypted: 1 });
      await agent.start();
      const reply = await ask('www.example.org');
      expect([reply.header.rcode, reply.header.aa, reply.answers.length]).to.deep.equal([
        Rcode.NOERROR,
        true,
        1,
      ]);
      expect(links.size).to.equal(1);
      expect(links.get(gate)!.heard).to.have.length(0);
      agent.reload(configOf({}));
      expect(await rcodeOf('www.example.org')).to.equal(Rcode.REFUSED);
      agent.reload(configOf({ zones: [strict, open] }));
      expect(await rcodeOf('www.example.org')).to.equal(Rcode.NOERROR);
      const heard = server.heard.length;
      // In no case does a question of a strict zone go there.
      links.get(gate)!.behaviour = { kind: 'fails', reason: 'server-key-mismatch', nextMs: Infinity };
      for (const link of links.values()) link.behaviour = { kind: 'fails', reason: 'server-key-mismatch' };
      expect(await rcodeOf('www.corp.example')).to.equal(Rcode.SERVFAIL);
      expect(server.heard.length).to.equal(heard);
    } finally {
      await server.close();
    }
  });

  it('makes connections of opportunistic zones anew in another network, also those of before a reload', async () => {
    const replying = ({ message, reply }: DotQuery): void => {
      reply(makeResponse(message, { aa: true }));
    };
    const encrypted = await DotServer.start(replying);
    const clear = await DnsServer.start(({ message, over, send }) => {
      const reply = encodeMessage(makeResponse(message, { aa: true }));
      send(over === 'tcp' ? frame(reply) : reply);
    });
    try {
      const open = { zone: 'example.org', mode: 'opportunistic', servers: ['127.0.0.1'] };
      setUp({ zones: [strict, open] }, { clear: clear.port, encrypted: encrypted.port });
      await agent.start();
      await ask('www.example.org');
      await until('TLS', () => encrypted.sockets.size === 1 && encrypted.heard.length > 0);
      agent.reload(configOf({ zones: [open, strict] }));
      addresses = 'elsewhere';
      await until('the end of the connection', () => encrypted.sockets.size === 0);
    } finally {
      await encrypted.close();
      await clear.close();
    }
  });
});
