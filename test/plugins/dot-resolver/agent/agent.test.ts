/** The agent as the daemon holds it: it starts, watches its network, takes a new configuration, and stops. */
import { expect } from 'chai';
import { formatEndpoint } from '../../../../core/config/endpoint.ts';
import { Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA } from '../../../../core/dns/rdata.ts';
import type { PlainHandler } from '../../../../core/do53/handler.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { PluginInstance } from '../../../../core/plugin/contract.ts';
import type { ServerLink } from '../../../../core/client/server-link.ts';
import { dotAgentWith } from '../../../../plugins/dot-resolver/agent/agent.ts';
import { agentSchema, type AgentConfig } from '../../../../plugins/dot-resolver/agent/config.ts';
import { DnsServer } from '../../../support/dns-server.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { partialHost } from '../../../support/plugin-host.ts';
import { ScriptedResolver } from '../../../support/scripted-resolver.ts';
import { ScriptedLink } from '../../../support/scripted-link.ts';

describe('dot-resolver/agent', () => {
  let addresses: string;
  let handler: PlainHandler;
  let links: ScriptedLink[];
  let metrics: Metrics;
  let agent: PluginInstance<AgentConfig>;
  let isOpen: boolean;
  const log = memoryLog();

  beforeEach(() => {
    [addresses, links, metrics, isOpen] = ['here', [], new Metrics(), false];
    log.forget();
  });
  afterEach(() => agent.stop(0));

  function setUp(written: object): void {
    const signs = { nowMs: Date.now, monotonicMs: () => performance.now(), addresses: () => addresses };
    const host = partialHost({
      ...{ log, metrics, nowMs: Date.now, resolver: new ScriptedResolver() },
      absolutePath: (file) => file,
      connect: ({ endpoint }) => {
        const link = new ScriptedLink(`server ${formatEndpoint(endpoint)}`);
        links.push(link);
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
    agent = dotAgentWith(signs).setup(host, configOf(written));
  }

  const configOf = (more: object): AgentConfig =>
    agentSchema.parse({ servers: ['192.0.2.1#gate.example'], limits: { 'network-check': '100ms' }, ...more });

  function ask(name: string) {
    const query = makeQuery({ id: 7, name: Name.parse(name), type: RrType.A, rd: true });
    return new Promise<ReturnType<typeof parseMessage>>((resolve, reject) => {
      const from = { remote: '127.0.0.1:1', isStream: false, udpOctets: 1232, idleTimeMs: 0 };
      handler(encodeMessage(query), from, (octets) => {
        if (!Buffer.isBuffer(octets)) reject(new Error('no message'));
        else resolve(parseMessage(octets));
      });
    });
  }

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = Date.now() + 5_000;
    while (!(await condition())) {
      if (Date.now() > endMs) throw new Error(`${what} did not happen`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it('is ready when it listens, whether a gate can be reached or not', async () => {
    setUp({});
    expect(agent.ready()).to.deep.equal({ ready: false, waitingFor: ['dot-resolver/agent: listening'] });
    await agent.start();
    links[0]!.behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
    expect((await ask('www.example')).header.rcode).to.equal(Rcode.SERVFAIL);
    expect([agent.ready().ready, isOpen]).to.deep.equal([true, true]);
    const text = await metrics.text();
    expect(text).to.include('danced_agent_gate_up{gate="192.0.2.1#gate.example"} 0');
    expect(text).to.include('danced_agent_answers_total{source="failed"} 1');
  });

  it('drops its connections in another network, with one line in the log', async () => {
    setUp({});
    await agent.start();
    expect((await ask('www.example')).header.rcode).to.equal(Rcode.NOERROR);
    addresses = 'elsewhere';
    await until('the reset', () => links[0]!.resets.length > 0);
    expect(log.of('connections are made anew').map(({ fields }) => fields)).to.deep.equal([
      { why: 'the addresses of this machine have changed' },
    ]);
    expect(await metrics.text()).to.include('danced_agent_resets_total 1');
  });

  it('warns where it listens beyond this machine', async () => {
    setUp({ listen: ['127.0.0.1:5353', '192.0.2.7:53'] });
    await agent.start();
    expect(log.of('the agent listens beyond this machine')[0]?.fields).to.include({ address: '192.0.2.7' });
  });

  it('takes new gates on reload, and lets the old ones finish', async () => {
    setUp({ limits: { 'agent-time': '500ms' } });
    await agent.start();
    links[0]!.behaviour = { kind: 'waits' };
    const before = ask('old.example');
    agent.reload(configOf({ servers: ['192.0.2.2#other.example'] }));
    expect((await ask('new.example')).header.rcode).to.equal(Rcode.NOERROR);
    expect(links.map(({ heard }) => heard.length)).to.deep.equal([1, 1]);
    links[0]!.behaviour = { kind: 'answers' };
    links[0]!.settle();
    expect((await before).header.rcode).to.equal(Rcode.NOERROR);
    await until('the end of the old link', () => links[0]!.isClosed);
    expect(links[1]!.isClosed).to.equal(false);
    const gates = (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('danced_agent_gate_up'));
    expect(gates).to.include('danced_agent_gate_up{gate="192.0.2.2#other.example"} 1');
  });

  it('keeps what it has where a new configuration cannot be used', async () => {
    setUp({});
    await agent.start();
    expect(() => {
      agent.reload(configOf({ roots: '/nonexistent/roots.pem' }));
    }).to.throw(/no such file/);
    expect((await ask('www.example')).header.rcode).to.equal(Rcode.NOERROR);
    expect(links).to.have.length(1);
  });

  it('asks the network’s resolvers in clear for a name of the list, and for that alone', async () => {
    const network = await DnsServer.start(({ message, over, send }) => {
      const { name } = message.questions[0]!;
      const record = { name, type: RrType.A, class: RrClass.IN, ttl: 3600, rdata: encodeA('10.0.0.1') };
      const reply = encodeMessage(makeResponse(message, { answers: [record], ra: true }));
      send(over === 'tcp' ? frame(reply) : reply);
    });
    try {
      setUp({
        captive: { resolvers: [`127.0.0.1:${String(network.port)}`], names: ['well-known'] },
        limits: { 'agent-time': '2s', 'captive-time': '1s' },
      });
      await agent.start();
      links[0]!.behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
      const found = await ask('captive.apple.com');
      expect([found.header.rcode, found.answers[0]?.ttl]).to.deep.equal([Rcode.NOERROR, 10]);
      expect((await ask('www.apple.com')).header.rcode).to.equal(Rcode.SERVFAIL);
      expect(network.heard.map(({ message }) => message.questions[0]?.name.toString())).to.deep.equal([
        'captive.apple.com',
      ]);
    } finally {
      await network.close();
    }
  });
});
