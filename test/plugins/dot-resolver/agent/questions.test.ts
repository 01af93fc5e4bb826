/** What a program gets for its requests: answers of the gate, of memory, of the network, or the reason why there is none. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import {
  extendedError,
  findOption,
  keepalive,
  parseExtendedError,
  type Edns,
} from '../../../../core/dns/edns.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
} from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA, encodeTxt } from '../../../../core/dns/rdata.ts';
import { GatePool } from '../../../../core/gates/gate-pool.ts';
import { parseGateText } from '../../../../core/gates/gate-text.ts';
import { Gates } from '../../../../core/gates/gates.ts';
import { gateLimits } from '../../../../core/gates/limits.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { CaptiveNetwork } from '../../../../plugins/dot-resolver/agent/captive.ts';
import type { CaptiveResolver } from '../../../../plugins/dot-resolver/agent/config.ts';
import { agentLimits, type AgentLimits } from '../../../../plugins/dot-resolver/agent/limits.ts';
import { agentMetrics } from '../../../../plugins/dot-resolver/agent/metrics.ts';
import { Questions } from '../../../../plugins/dot-resolver/agent/questions.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { ScriptedResolver } from '../../../support/scripted-resolver.ts';
import { ScriptedLink } from '../../../support/scripted-link.ts';

const www = Name.parse('www.example');
const login = Name.parse('captive.example');

function edns(options: Edns['options'] = [], more: Partial<Edns> = {}): Edns {
  return { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options, ...more };
}

function address(name: Name, ttl: number, text = '192.0.2.80') {
  return { name, type: RrType.A, class: RrClass.IN, ttl, rdata: encodeA(text) };
}

function errorsOf({ edns: said }: Message): { code: number; text: string }[] {
  const errors = said?.options.filter(({ code }) => code === EdnsOptionCode.EXTENDED_ERROR) ?? [];
  return errors.map(parseExtendedError);
}

describe('the requests of an agent', () => {
  let nowMs: number;
  let link: ScriptedLink;
  let gates: Gates;
  let questions: Questions;
  let metrics: Metrics;
  /** What the network's resolvers were asked, and what they say; undefined: nothing. */
  let inClear: Message[];
  let network: ((query: Message) => Message) | undefined;
  const log = memoryLog();

  function open(
    limits: Partial<AgentLimits> = {},
    resolvers: readonly CaptiveResolver[] = [],
    own = '127.0.0.1',
  ): void {
    nowMs = 1_000_000_000_000;
    link = new ScriptedLink('server 192.0.2.1:853#gate.example');
    metrics = new Metrics();
    inClear = [];
    network = (query) =>
      makeResponse(query, { answers: [address(login, 300, '10.0.0.1')], ad: true, ra: true });
    const all = limitsOf(
      { ...agentLimits, ...gateLimits },
      { 'agent-time': 500, 'captive-time': 100, ...limits },
    );
    const pool = new GatePool({
      policyFor: ({ name }) => ({ name, dane: 'required' }),
      limits: all,
      host: { resolver: new ScriptedResolver(), log, nowMs: () => nowMs, connect: () => link },
    });
    gates = new Gates({ servers: [parseGateText('192.0.2.1#gate.example')], pool });
    const captive = new CaptiveNetwork({
      names: new Map([[login.key, login]]),
      resolvers: resolvers.length > 0 ? resolvers : [{ at: { address: '198.51.100.53', port: 53 } }],
      own: [{ address: own, port: 53 }],
      askerOf: () => ({
        ask: (query, end) => {
          const message = parseMessage(query);
          inClear.push(message);
          if (network === undefined) end({ failure: 'silence', isTimeout: true, kind: 'unreachable' });
          else end(encodeMessage(network(message)));
        },
        close: () => undefined,
      }),
    });
    questions = new Questions({
      means: () => ({ pool, gates, limits: all, captive }),
      metrics: agentMetrics(metrics),
      log,
      nowMs: () => nowMs,
      seed: 7,
    });
  }

  beforeEach(() => {
    log.forget();
    open();
  });
  afterEach(() => {
    questions.close();
    gates.close();
  });

  function askOctets(octets: Buffer, isStream = false): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      questions.take(
        octets,
        {
          remote: '127.0.0.1:1',
          isStream,
          udpOctets: isStream ? 65_535 : 1232,
          idleTimeMs: isStream ? 10_000 : 0,
        },
        (reply) => {
          if (reply === undefined || Buffer.isBuffer(reply)) resolve(reply);
          else reject(new Error('a stream'));
        },
      );
    });
  }

  async function ask(query: Message, isStream = false): Promise<Message> {
    const octets = await askOctets(encodeMessage(query), isStream);
    if (octets === undefined) throw new Error('no reply');
    return parseMessage(octets);
  }

  const query = (more: Partial<Parameters<typeof makeQuery>[0]> = {}) =>
    makeQuery({ id: 4711, name: www, type: RrType.A, rd: true, edns: edns(), ...more });

  async function source(of: string): Promise<number> {
    const line = (await metrics.text())
      .split('\n')
      .find((one) => one.includes(`answers_total{source="${of}"}`));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  it('gives what the gate says, with the ID and the question as they came', async () => {
    link.behaviour = {
      kind: 'answers',
      with: (asked) => makeResponse(asked, { answers: [address(www, 300)], ra: true }),
    };
    const reply = await ask(query({ name: Name.parse('WwW.example') }));
    expect(reply.header).to.include({ id: 4711, qr: true, ra: true, rd: true, rcode: Rcode.NOERROR });
    expect(reply.questions[0]?.name.toString()).to.equal('WwW.example');
    expect(reply.answers).to.have.length(1);
    expect(await source('gate')).to.equal(1);
  });

  it('asks once for all who ask the same at once, and then from memory, with the TTL of that time', async () => {
    link.behaviour = { kind: 'waits' };
    const asked = [1, 2, 3].map((id) => ask(query({ id })));
    link.behaviour = { kind: 'answers', with: (one) => makeResponse(one, { answers: [address(www, 300)] }) };
    link.settle();
    expect((await Promise.all(asked)).map(({ header }) => header.id)).to.deep.equal([1, 2, 3]);
    nowMs += 100_000;
    expect((await ask(query())).answers[0]?.ttl).to.equal(200);
    expect(link.heard).to.have.length(1);
    expect(await source('cache')).to.equal(1);
  });

  it('keeps apart what was asked with DO and CD and without', async () => {
    link.behaviour = { kind: 'answers', with: (one) => makeResponse(one, { answers: [address(www, 300)] }) };
    await ask(query());
    await ask(query({ edns: edns([], { dnssecOk: true }) }));
    await ask(query({ cd: true }));
    expect(link.heard).to.have.length(3);
  });

  it('hands on no keepalive and no padding of the gate, but its errors [RFC7828-3.2.2]', async () => {
    const options = [
      extendedError(EdeCode.PROHIBITED, 'not for you'),
      keepalive(30_000),
      { code: EdnsOptionCode.PADDING, data: Buffer.alloc(200) },
    ];
    link.behaviour = {
      kind: 'answers',
      with: (one) => makeResponse(one, { rcode: Rcode.REFUSED, edns: edns(options) }),
    };
    const reply = await ask(query());
    expect(reply.header.rcode).to.equal(Rcode.REFUSED);
    expect(reply.edns?.options.map(({ code }) => code)).to.deep.equal([EdnsOptionCode.EXTENDED_ERROR]);
    expect(errorsOf(reply)).to.deep.equal([{ code: EdeCode.PROHIBITED, text: 'not for you' }]);
    // By TCP a program that asks for it hears how long our own connection may stay.
    const own = await ask(
      query({ edns: edns([{ code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) }]) }),
      true,
    );
    expect(findOption(own.edns, EdnsOptionCode.TCP_KEEPALIVE)?.data.readUInt16BE(0)).to.equal(100);
  });

  it('cuts what is too long for a datagram, and not for a stream [RFC2181-9]', async () => {
    const rdata = encodeTxt(Array.from({ length: 8 }, () => Buffer.alloc(200, 0x61)));
    const long = { name: www, type: RrType.TXT, class: RrClass.IN, ttl: 300, rdata };
    link.behaviour = { kind: 'answers', with: (one) => makeResponse(one, { answers: [long] }) };
    const cut = await ask(query({ type: RrType.TXT }));
    expect([cut.header.tc, cut.answers.length]).to.deep.equal([true, 0]);
    const whole = await ask(query({ type: RrType.TXT }), true);
    expect([whole.header.tc, whole.answers.length]).to.deep.equal([false, 1]);
    expect(link.heard).to.have.length(1);
  });

  const odd: readonly (readonly [title: string, octets: Buffer, rcode: number])[] = [
    ['another opcode', opcode(encodeMessage(query()), Opcode.UPDATE), Rcode.NOTIMP],
    ['two questions', twice(encodeMessage(query())), Rcode.FORMERR],
    ['octets after its end', Buffer.concat([encodeMessage(query()), Buffer.alloc(3)]), Rcode.FORMERR],
    [
      'another version of EDNS [RFC6891-6.1.3]',
      encodeMessage(query({ edns: edns([], { version: 1 }) })),
      Rcode.BADVERS,
    ],
    ['no RD', encodeMessage(query({ rd: false })), Rcode.REFUSED],
    ['a transfer', encodeMessage(query({ type: RrType.AXFR })), Rcode.REFUSED],
    ['class CH', encodeMessage(query({ class: RrClass.CH })), Rcode.REFUSED],
  ];
  for (const [title, octets, rcode] of odd) {
    it(`asks no gate for a request with ${title}`, async () => {
      const reply = await askOctets(octets);
      expect(reply && parseMessage(reply).header).to.include({ id: 4711, qr: true, rcode });
      expect(link.heard).to.deep.equal([]);
    });
  }

  it('is silent to responses', async () => {
    expect(await askOctets(encodeMessage(makeResponse(query(), {})))).to.equal(undefined);
  });

  it('says SERVFAIL and why when no gate can be reached [RFC8914-4.23]', async () => {
    link.behaviour = { kind: 'fails', reason: 'server-key-mismatch', nextMs: Infinity };
    const reply = await ask(query());
    expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
    const [error] = errorsOf(reply);
    expect(error?.code).to.equal(EdeCode.NO_REACHABLE_AUTHORITY);
    expect(error?.text).to.match(/^no gate can be reached: server 192\.0\.2\.1:853#gate\.example: the key/);
    expect(await source('failed')).to.equal(1);
  });

  it('says so when a gate could be reached and the connection broke, or gave nothing of use [RFC8914-4.24]', async () => {
    for (const reason of ['connection-lost', 'no-answer', 'not-dns'] as const) {
      link.behaviour = { kind: 'fails', reason, nextMs: Infinity };
      const [error] = errorsOf(await ask(query()));
      expect(error?.code, reason).to.equal(EdeCode.NETWORK_ERROR);
      expect(error?.text).to.match(/^no gate answers: server 192/);
    }
  });

  it('ends within its time when the gate is silent', async () => {
    open({ 'agent-time': 500 });
    link.behaviour = { kind: 'waits' };
    expect((await ask(query())).header.rcode).to.equal(Rcode.SERVFAIL);
  });

  it('gives an answer that has grown old while no gate answers, as long as it may [RFC8767-5]', async () => {
    link.behaviour = { kind: 'answers', with: (one) => makeResponse(one, { answers: [address(www, 300)] }) };
    await ask(query());
    link.behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
    nowMs += 3_600_000;
    const old = await ask(query());
    expect([old.header.rcode, old.answers[0]?.ttl]).to.deep.equal([Rcode.NOERROR, 30]);
    expect(errorsOf(old)[0]?.code).to.equal(EdeCode.STALE_ANSWER);
    expect(await source('stale')).to.equal(1);
    nowMs += 86_400_000;
    expect((await ask(query())).header.rcode).to.equal(Rcode.SERVFAIL);
  });

  it('does not take a truncated answer, or one without its question, for an answer', async () => {
    link.behaviour = { kind: 'answers', with: (one) => makeResponse(one, { tc: true }) };
    expect((await ask(query())).header.rcode).to.equal(Rcode.SERVFAIL);
    link.behaviour = { kind: 'answers', with: (one) => ({ ...makeResponse(one, {}), questions: [] }) };
    expect((await ask(query({ type: RrType.AAAA }))).header.rcode).to.equal(Rcode.SERVFAIL);
  });

  it('does not wait for a resolver that asks it for its own gate', async () => {
    link.behaviour = { kind: 'waits' };
    const asked = ask(query());
    link.state = { kind: 'opening' };
    const about = query({ name: Name.parse('_853._tcp.gate.example'), type: RrType.TLSA });
    const reply = await ask(about);
    expect([reply.header.rcode, errorsOf(reply)[0]?.text]).to.deep.equal([
      Rcode.SERVFAIL,
      'the agent looks for this gate itself: its resolver (resolver.servers) must not ask the agent',
    ]);
    expect(log.of('the agent is asked for its own gate')).to.have.length(1);
    link.settle();
    await asked;
  });

  describe('in a network that lets nobody out before a login', () => {
    const probe = (more: Partial<Parameters<typeof makeQuery>[0]> = {}) => query({ name: login, ...more });
    const noGate = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity } as const;

    it('asks the network for a name of the list, believes it for seconds, and keeps nothing', async () => {
      link.behaviour = noGate;
      const reply = await ask(probe({ edns: edns([], { dnssecOk: true }) }));
      expect(reply.answers[0]?.ttl).to.equal(10);
      expect(reply.header).to.include({ rcode: Rcode.NOERROR, ad: false });
      await ask(probe({ edns: edns([], { dnssecOk: true }) }));
      expect(inClear).to.have.length(2);
      expect([await source('captive'), questions.answers.entries]).to.deep.equal([2, 0]);
      link.behaviour = { kind: 'answers' };
      await ask(probe());
      expect(inClear).to.have.length(2);
    });

    it('asks it for nothing while a gate answers', async () => {
      await ask(probe());
      expect(inClear).to.deep.equal([]);
    });

    const others: readonly (readonly [title: string, query: Message])[] = [
      ['another name', query()],
      ['a name below it', query({ name: Name.parse('www.captive.example') })],
      ['a name above it', query({ name: Name.parse('example') })],
      ['another type', query({ name: login, type: RrType.TXT })],
      ['another type, ANY', query({ name: login, type: RrType.ANY })],
    ];
    for (const [title, other] of others) {
      it(`asks it for nothing else: ${title}`, async () => {
        link.behaviour = noGate;
        expect((await ask(other)).header.rcode).to.equal(Rcode.SERVFAIL);
        expect(inClear).to.deep.equal([]);
      });
    }

    it('has a reason where the network is silent, or talks nonsense', async () => {
      link.behaviour = noGate;
      network = undefined;
      expect(errorsOf(await ask(probe()))[0]?.text).to.match(/^no gate can be reached/);
      network = (asked) => ({ ...makeResponse(asked, {}), questions: [] });
      expect((await ask(probe())).header.rcode).to.equal(Rcode.SERVFAIL);
    });

    it('never asks itself, though the network’s file says so, nor anybody where there is no file', async () => {
      open({}, [{ at: { address: '127.0.0.1', port: 53 } }, { file: '/nonexistent/resolv.conf' }]);
      link.behaviour = noGate;
      expect((await ask(probe())).header.rcode).to.equal(Rcode.SERVFAIL);
      expect(inClear).to.deep.equal([]);
      await sleep(0);
    });
  });
});

function opcode(octets: Buffer, code: number): Buffer {
  octets.writeUInt8((octets.readUInt8(2) & 0x87) | (code << 3), 2);
  return octets;
}

function twice(octets: Buffer): Buffer {
  octets.writeUInt16BE(2, 4);
  return octets;
}
