import dgram from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { NoAnswerError } from '../../../../core/client/reasons.ts';
import type { ServerLink } from '../../../../core/client/server-link.ts';
import { Opcode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import type { PlainHandler } from '../../../../core/do53/handler.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { PluginInstance, RequestHandler } from '../../../../core/plugin/contract.ts';
import { xotAgent } from '../../../../plugins/xot/agent/agent.ts';
import { xotAgentSchema, type XotAgentConfig } from '../../../../plugins/xot/agent/config.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { partialHost } from '../../../support/plugin-host.ts';
import { ScriptedResolver } from '../../../support/scripted-resolver.ts';
import { answer, collect, request, soa } from '../messages.ts';
import { judgedBy, provedRequests } from '../proved-requests.ts';

/** A link to a server that answers with this serial, or not at all. */
class Link {
  isClosed = false;
  serial: number | undefined;
  readonly who: string;

  constructor(who: string, serial: number | undefined) {
    this.who = who;
    this.serial = serial;
  }

  ask(message: Buffer): Promise<Buffer> {
    if (this.serial === undefined)
      return Promise.reject(new NoAnswerError(this.who, 'server-key-mismatch', 'the record is old'));
    return Promise.resolve(answer(parseMessage(message), [soa(this.serial)]));
  }

  close(): void {
    this.isClosed = true;
  }
}

describe('the xot agent', () => {
  const log = memoryLog();
  let links: Link[];
  let serials: Record<string, number | undefined>;
  let handler: PlainHandler;
  let tlsHandler: RequestHandler | undefined;
  const access = judgedBy(
    'version: 1\nclients:\n  gate.example: { allow: [{ action: notify, zones: [example.com] }] }\n',
  );
  let metrics: Metrics;
  let agent: PluginInstance<XotAgentConfig>;

  const configOf = (more: object = {}): XotAgentConfig =>
    xotAgentSchema.parse({
      gates: ['192.0.2.1#a.example', '192.0.2.2#b.example'],
      zones: ['example.com'],
      serve: 'relayed',
      ...more,
    });

  function setUp(config: XotAgentConfig): void {
    log.forget();
    links = [];
    metrics = new Metrics();
    const host = partialHost({
      ...{ log, metrics, nowMs: Date.now, resolver: new ScriptedResolver(), absolutePath: (file) => file },
      connect: ({ endpoint: { address }, policy, alpn }) => {
        const link = new Link(`server ${address}#${String(policy.name)} ${alpn}`, serials[address]);
        links.push(link);
        return link as unknown as ServerLink;
      },
      access,
      listen: ({ addresses }, take) => {
        tlsHandler = take;
        return {
          open: () => Promise.resolve(addresses),
          ...{ setLimits: () => undefined, setTls: () => undefined, close: () => Promise.resolve() },
        };
      },
      listenPlain: ({ addresses }, take) => {
        handler = take;
        return {
          open: () => Promise.resolve(addresses),
          setLimits: () => undefined,
          close: () => Promise.resolve(),
        };
      },
    });
    agent = xotAgent.setup(host, config);
  }

  function ask(type: number = RrType.SOA): Promise<Message[]> {
    const from = { remote: '127.0.0.1:1', isStream: true, udpOctets: 65_535, idleTimeMs: 1 };
    return new Promise((resolve, reject) => {
      handler(request({ type }), from, (reply) => {
        collect(reply).then(resolve, reject);
      });
    });
  }

  const serialOf = ([message]: readonly Message[]): number | undefined => {
    const rdata = message?.answers[0]?.rdata;
    return rdata?.readUInt32BE(rdata.length - 20);
  };

  async function isReady(wanted: boolean): Promise<void> {
    while (agent.ready().ready !== wanted) await sleep(5);
  }

  beforeEach(() => {
    serials = { '192.0.2.1': 1, '192.0.2.2': 2 };
  });
  afterEach(async () => {
    await agent.stop(0);
  });

  it('is ready when a gate of each zone has answered, and names gates that cannot be asked, with the reason', async () => {
    serials['192.0.2.1'] = undefined;
    setUp(configOf());
    expect(agent.ready()).to.deep.equal({ ready: false, waitingFor: ['xot/agent: listening'] });
    await agent.start();
    await isReady(true);
    const { waitingFor } = agent.ready();
    expect(waitingFor).to.have.length(1);
    expect(waitingFor[0]).to.include(
      'gate 192.0.2.1#a.example: server 192.0.2.1#a.example dot: the key of the server',
    );
    expect(waitingFor[0]).to.include('(the record is old)');
    expect(await metrics.text()).to.include('danced_xot_agent_gate_up{server="192.0.2.1#a.example"} 0');
    expect(await metrics.text()).to.include('danced_xot_agent_gate_up{server="192.0.2.2#b.example"} 1');
  });

  it('is not ready while no gate of a zone can be asked, and becomes it when one answers', async () => {
    serials = {};
    setUp(configOf({ limits: { 'gate-check': '1s' } }));
    await agent.start();
    await sleep(20);
    expect(agent.ready().ready).to.equal(false);
    expect(agent.ready().waitingFor).to.have.length(2);
    for (const link of links) link.serial = 3;
    await isReady(true);
    expect(agent.ready().waitingFor).to.deep.equal([]);
  });

  it('says which zones are missing where they are kept', async () => {
    serials = {};
    setUp(configOf({ serve: 'cached' }));
    await agent.start();
    await sleep(50);
    const { ready, waitingFor } = agent.ready();
    expect(ready).to.equal(false);
    expect(waitingFor.some((words) => words.startsWith('xot/agent: zone example.com: '))).to.equal(true);
  });

  it('answers by the gates of a new configuration, and lets go those of the old', async () => {
    setUp(configOf());
    await agent.start();
    expect(serialOf(await ask())).to.equal(1);
    const old = [...links];
    agent.reload(configOf({ gates: ['192.0.2.2#b.example'] }));
    expect(serialOf(await ask())).to.equal(2);
    expect(old.every(({ isClosed }) => isClosed)).to.equal(true);
    agent.reload(configOf({ zones: ['example.net'] }));
    expect((await ask())[0]?.header.rcode).to.equal(9);
  });

  it('takes NOTIFY over TLS from who may send it, and tells the server beside it [RFC1996-3.7]', async () => {
    const server = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const heard = once(server, 'message');
    setUp(
      configOf({ notify: { listen: ['192.0.2.9'], to: [`127.0.0.1:${String(server.address().port)}`] } }),
    );
    await agent.start();
    const requestOf = await provedRequests('gate.example', 'other.example');
    const notify = request({ type: RrType.SOA, header: { opcode: Opcode.NOTIFY, aa: true } });
    const rcodeFor = async (client: string): Promise<number | undefined> =>
      (await collect(await tlsHandler?.(requestOf(client, notify))))[0]?.header.rcode;
    expect(await rcodeFor('other.example')).to.equal(Rcode.REFUSED);
    expect(await rcodeFor('gate.example')).to.equal(Rcode.NOERROR);
    const [octets] = (await heard) as [Buffer];
    const told = parseMessage(octets);
    expect(told.header.opcode).to.equal(Opcode.NOTIFY);
    expect(serialOf([told])).to.equal(1);
    server.close();
  });

  it('warns of listening beyond this machine', async () => {
    setUp(configOf({ listen: ['192.0.2.99'] }));
    await agent.start();
    expect(log.of('the agent listens beyond this machine')).to.have.length(1);
  });
});
