/** What the recursive resolver gets for its questions, and what goes on to the servers of the zone. */
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
import { parseSource, Sources } from '../../../../core/do53/sources.ts';
import { gateLimits as coreGateLimits } from '../../../../core/gates/limits.ts';
import { GatesError } from '../../../../core/gates/race.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { agentLimits, type AgentLimits } from '../../../../plugins/recursive-auth/agent/limits.ts';
import { agentMetrics } from '../../../../plugins/recursive-auth/agent/metrics.ts';
import { Questions } from '../../../../plugins/recursive-auth/agent/questions.ts';
import { ZoneTable } from '../../../../plugins/recursive-auth/agent/zone-table.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { ScriptedWay } from './ways.ts';

const www = Name.parse('www.corp.example');

function edns(options: Edns['options'] = [], more: Partial<Edns> = {}): Edns {
  return { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options, ...more };
}

function errorOf({ edns: said }: Message): { code: number; text: string } | undefined {
  const option = findOption(said, EdnsOptionCode.EXTENDED_ERROR);
  return option && parseExtendedError(option);
}

describe('the questions of a recursive resolver', () => {
  let corp: ScriptedWay;
  let open: ScriptedWay;
  let questions: Questions;
  let metrics: Metrics;
  let generation: number;
  let isUp: boolean;
  let lookedFor: string | undefined;
  const log = memoryLog();

  function start(limits: Partial<AgentLimits> = {}): void {
    [corp, open, metrics] = [new ScriptedWay(), new ScriptedWay(), new Metrics()];
    [generation, isUp, lookedFor] = [1, true, undefined];
    const all = limitsOf({ ...agentLimits, ...coreGateLimits }, limits);
    const table = new ZoneTable([
      { zone: Name.parse('corp.example'), text: 'corp.example', mode: 'strict', way: corp, isUp: () => isUp },
      {
        zone: Name.parse('example.org'),
        text: 'example.org',
        mode: 'opportunistic',
        way: open,
        isUp: () => true,
      },
    ]);
    const allowed = new Sources([parseSource('127.0.0.0/8')]);
    const isLookedFor = (key: string): boolean =>
      lookedFor !== undefined && Name.parse(lookedFor).key.endsWith(key);
    questions = new Questions({
      means: () => ({ table, allowed, limits: all, generation, isLookedFor }),
      metrics: agentMetrics(metrics),
      log,
      nowMs: () => 1_000_000,
      seed: 7,
    });
  }

  beforeEach(() => {
    log.forget();
    start();
  });
  afterEach(() => {
    questions.close();
  });

  function askOctets(octets: Buffer, isStream = false, remote = '127.0.0.1:1'): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      const from = {
        remote,
        isStream,
        udpOctets: isStream ? 65_535 : 1232,
        idleTimeMs: isStream ? 10_000 : 0,
      };
      questions.take(octets, from, (reply) => {
        if (reply === undefined || Buffer.isBuffer(reply)) resolve(reply);
        else reject(new Error('a stream'));
      });
    });
  }

  async function ask(query: Message, isStream = false, remote?: string): Promise<Message> {
    const octets = await askOctets(encodeMessage(query), isStream, remote);
    if (octets === undefined) throw new Error('no reply');
    return parseMessage(octets);
  }

  const query = (more: Partial<Parameters<typeof makeQuery>[0]> = {}) =>
    makeQuery({ id: 4711, name: www, type: RrType.A, rd: false, edns: edns(), ...more });
  const record = (name = www) => ({
    ...{ name, type: RrType.A, class: RrClass.IN, ttl: 300 },
    rdata: encodeA('192.0.2.80'),
  });

  it('get the answer of the zone’s servers as these gave it: with AA, without RA', async () => {
    corp.answer = (one) => makeResponse(one, { answers: [record()], aa: true });
    const reply = await ask(query());
    expect(reply.header).to.include({ id: 4711, qr: true, aa: true, ra: false, rd: false, ad: false });
    expect(reply.answers).to.have.length(1);
    expect(open.heard).to.have.length(0);
  });

  it('get RA, and no AA, where the server says so', async () => {
    corp.answer = (one) => makeResponse(one, { answers: [record()], ra: true });
    expect((await ask(query({ rd: true }))).header).to.include({ aa: false, ra: true, rd: true });
  });

  for (const [what, more] of [
    ['RD', { rd: true }],
    ['CD', { cd: true }],
    ['no flag', {}],
    ['no DO', { edns: edns([], { dnssecOk: false }) }],
  ] as const) {
    it(`go on as they came: with ${what}`, async () => {
      const asked = query(more);
      const reply = await ask(asked);
      const { rd, cd } = asked.header;
      expect(corp.heard[0]?.message.header).to.include({ id: 0, rd, cd });
      expect(corp.heard[0]?.message.edns?.dnssecOk).to.equal(asked.edns?.dnssecOk);
      expect(reply.header).to.include({ rd, cd });
    });
  }

  it('go on without what tells of who asks, and with their own EDNS [RFC7871-11.1] [RFC6891-6.2.6]', async () => {
    const options = [
      { code: EdnsOptionCode.CLIENT_SUBNET, data: Buffer.from('00011800c00002', 'hex') },
      { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(8, 7) },
    ];
    await ask(query({ edns: edns(options) }));
    expect(corp.heard[0]?.message.edns?.options).to.deep.equal([]);
    const reply = await ask(makeQuery({ id: 1, name: www, type: RrType.A }));
    expect(reply.edns).to.equal(undefined);
    expect(corp.heard[1]?.message.edns).to.not.equal(undefined);
  });

  it('get the errors of the server, but not the options of its hop [RFC7828-3.2.2]', async () => {
    const options = [extendedError(EdeCode.PROHIBITED, 'not for you'), keepalive(30_000)];
    corp.answer = (one) => makeResponse(one, { rcode: Rcode.REFUSED, edns: edns(options) });
    const reply = await ask(query());
    expect(reply.header.rcode).to.equal(Rcode.REFUSED);
    expect(reply.edns?.options.map(({ code }) => code)).to.deep.equal([EdnsOptionCode.EXTENDED_ERROR]);
  });

  it('are asked once if they are the same, whatever the case of the name, and not kept', async () => {
    let go = (): void => undefined;
    corp.hold = new Promise((resolve) => (go = resolve));
    corp.answer = (one) => makeResponse(one, { answers: [record()], aa: true });
    const asked = ['www.corp.example', 'WWW.corp.example', 'www.CORP.example'].map((name) =>
      ask(query({ name: Name.parse(name) })),
    );
    expect(questions.underWay).to.equal(1);
    go();
    expect((await Promise.all(asked)).map((reply) => reply.questions[0]?.name.toString())).to.deep.equal([
      'www.corp.example',
      'WWW.corp.example',
      'www.CORP.example',
    ]);
    expect(corp.heard).to.have.length(1);
    await ask(query());
    expect(corp.heard).to.have.length(2);
  });

  it('are asked apart with and without RD, CD and DO, and after a reload', async () => {
    let go = (): void => undefined;
    corp.hold = new Promise((resolve) => (go = resolve));
    const asked = [
      query(),
      query({ rd: true }),
      query({ cd: true }),
      query({ edns: edns([], { dnssecOk: false }) }),
    ].map((one) => ask(one));
    generation += 1;
    asked.push(ask(query()));
    expect(questions.underWay).to.equal(5);
    go();
    await Promise.all(asked);
  });

  it('are cut to fit a datagram, and whole by TCP [RFC2181-9] [RFC6891-6.2.3]', async () => {
    const rdata = encodeTxt([Buffer.alloc(200, 'a')]);
    corp.answer = (one) =>
      makeResponse(one, {
        answers: Array.from({ length: 5 }, () => ({ ...record(), type: RrType.TXT, rdata })),
        aa: true,
      });
    const asked = query({ type: RrType.TXT, edns: edns([], { udpPayloadSize: 700 }) });
    const short = await ask(asked);
    expect([short.header.tc, short.header.aa, short.answers.length]).to.deep.equal([true, true, 0]);
    const long = await ask(asked, true);
    expect([long.header.tc, long.answers.length]).to.deep.equal([false, 5]);
  });

  describe('that go nowhere', () => {
    const cases: readonly (readonly [
      title: string,
      query: Message,
      rcode: number,
      ede: number,
      says: RegExp,
    ])[] = [
      [
        'a name in no zone of the configuration [RFC8914-4.21]',
        query({ name: Name.parse('www.example.net') }),
        ...([Rcode.REFUSED, EdeCode.NOT_AUTHORITATIVE, /no zone that has this name/] as const),
      ],
      [
        'the zone above',
        query({ name: Name.parse('example') }),
        ...([Rcode.REFUSED, EdeCode.NOT_AUTHORITATIVE, /no zone/] as const),
      ],
      [
        'the DS record of a zone, which is its parent’s [RFC4035-3.1.4.1]',
        query({ name: Name.parse('corp.example'), type: RrType.DS }),
        ...([Rcode.REFUSED, EdeCode.NOT_AUTHORITATIVE, /in the zone above it.*ask its servers/] as const),
      ],
      [
        'AXFR',
        query({ type: RrType.AXFR }),
        Rcode.REFUSED,
        EdeCode.NOT_SUPPORTED,
        /no zones are transferred/,
      ],
      [
        'IXFR',
        query({ type: RrType.IXFR }),
        Rcode.REFUSED,
        EdeCode.NOT_SUPPORTED,
        /no zones are transferred/,
      ],
      ['class CH', query({ class: 3 }), Rcode.REFUSED, EdeCode.NOT_SUPPORTED, /only class IN/],
    ];
    for (const [title, asked, rcode, code, says] of cases) {
      it(`say why: ${title}`, async () => {
        const reply = await ask(asked, true);
        expect(reply.header).to.include({ rcode, aa: false, ra: false });
        expect(errorOf(reply)?.code).to.equal(code);
        expect(errorOf(reply)?.text).to.match(says);
        expect([corp.heard.length, open.heard.length]).to.deep.equal([0, 0]);
      });
    }

    it('are NOTIFY and updates', async () => {
      const octets = encodeMessage(query());
      octets[2] = Opcode.NOTIFY << 3;
      const reply = await askOctets(octets);
      expect(parseMessage(reply!).header.rcode).to.equal(Rcode.NOTIMP);
    });

    it('are of addresses that may not ask', async () => {
      const reply = await ask(query(), false, '192.0.2.7:4000');
      expect([reply.header.rcode, errorOf(reply)?.code]).to.deep.equal([Rcode.REFUSED, EdeCode.PROHIBITED]);
      expect(corp.heard).to.have.length(0);
      expect(log.of('refused')[0]?.fields).to.include({ reason: 'address-not-allowed' });
    });

    it('are of a connection that is gone already', async () => {
      expect((await ask(query(), true, 'unknown:0')).header.rcode).to.equal(Rcode.REFUSED);
      expect((await ask(query(), true, '[::1]:53')).header.rcode).to.equal(Rcode.REFUSED);
      expect((await ask(query(), true, '[::ffff:127.0.0.1]:53')).header.rcode).to.equal(Rcode.NOERROR);
    });

    it('are garbage, and get FORMERR or silence', async () => {
      expect(parseMessage((await askOctets(encodeMessage(query()).subarray(0, 14)))!).header.rcode).to.equal(
        Rcode.FORMERR,
      );
      const response = encodeMessage(query());
      response[2] = 0x80;
      expect(await askOctets(response)).to.equal(undefined);
    });
  });

  it('get SERVFAIL with the reason when no server of a strict zone can be had [RFC8914-4.23] [RFC8914-4.24]', async () => {
    corp.answer = () => new GatesError('192.0.2.1:853: the key is not the one', false, 'unreachable');
    const reply = await ask(query());
    expect([reply.header.rcode, errorOf(reply)?.code]).to.deep.equal([
      Rcode.SERVFAIL,
      EdeCode.NO_REACHABLE_AUTHORITY,
    ]);
    expect(errorOf(reply)?.text).to.equal('corp.example: 192.0.2.1:853: the key is not the one');
    corp.answer = () => new GatesError('no answer in 5000 ms', true, 'broken');
    expect(errorOf(await ask(query()))?.code).to.equal(EdeCode.NETWORK_ERROR);
    const text = await metrics.text();
    expect(text).to.include('danced_agent_zone_answers_total{zone="corp.example",source="failed"} 2');
  });

  it('get SERVFAIL for an answer that is no DNS message', async () => {
    corp.answer = (one) => encodeMessage(makeResponse(one, { answers: [record()] })).subarray(0, -2);
    const reply = await ask(query());
    expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
    expect(errorOf(reply)?.text).to.match(/malformed/);
  });

  it('are bounded: one too many gets SERVFAIL at once', async () => {
    start({ questions: 2 });
    corp.hold = new Promise(() => undefined);
    void ask(query({ name: Name.parse('a.corp.example') }));
    void ask(query({ name: Name.parse('b.corp.example') }));
    const reply = await ask(query({ name: Name.parse('c.corp.example') }));
    expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
    expect(errorOf(reply)?.text).to.match(/too many questions/);
  });

  it('of a zone whose servers are silent leave room for those of the others', async () => {
    start({ questions: 8 });
    let letGo = (): void => undefined;
    corp.hold = new Promise((resolve) => (letGo = resolve));
    const asked = Array.from({ length: 20 }, (_, at) =>
      ask(query({ name: Name.parse(`n${String(at)}.corp.example`) })),
    );
    const others = Array.from({ length: 4 }, (_, at) =>
      ask(query({ name: Name.parse(`n${String(at)}.example.org`) })),
    );
    const codes = (replies: readonly Message[]): number[] => replies.map(({ header }) => header.rcode);
    expect(codes(await Promise.all(others)).filter((code) => code === Rcode.NOERROR)).to.have.length(2);
    letGo();
    expect(codes(await Promise.all(asked)).filter((code) => code === Rcode.NOERROR)).to.have.length(4);
    expect((await ask(query())).header.rcode).to.equal(Rcode.NOERROR);
    expect(corp.heard).to.have.length(5);
  });

  describe('that our own resolver may have asked', () => {
    it('wait for a shorter time, and say what is wrong', async () => {
      [isUp, lookedFor] = [false, '_853._tcp.ns1.corp.example'];
      corp.answer = () => new GatesError('no answer in 2000 ms', true, 'unreachable');
      for (const name of ['ns1.corp.example', '_853._tcp.NS1.corp.example', 'corp.example']) {
        const reply = await ask(query({ name: Name.parse(name) }));
        expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
        expect(errorOf(reply)?.text).to.match(/the agent looks for these servers itself/);
      }
      expect(corp.heard.map(({ timeMs }) => timeMs)).to.deep.equal([2000, 2000, 2000]);
      expect(log.of('the agent seems to be asked for its own servers')).to.have.length(1);
    });

    it('are answered like all others where somebody else has asked', async () => {
      [isUp, lookedFor] = [false, '_853._tcp.ns1.corp.example'];
      const reply = await ask(query({ name: Name.parse('ns1.corp.example') }));
      expect(reply.header.rcode).to.equal(Rcode.NOERROR);
    });

    it('are those about names on the way alone, and only while no server is connected', async () => {
      [isUp, lookedFor] = [false, '_853._tcp.ns1.corp.example'];
      await ask(query());
      isUp = true;
      await ask(query({ name: Name.parse('ns1.corp.example') }));
      expect(corp.heard.map(({ timeMs }) => timeMs)).to.deep.equal([5000, 5000]);
    });
  });

  it('are counted by zone and by who answered', async () => {
    await ask(query());
    await ask(query({ name: Name.parse('example.org') }));
    await ask(query({ name: Name.parse('nowhere.example') }));
    const text = await metrics.text();
    expect(text).to.include('danced_agent_zone_answers_total{zone="corp.example",source="gates"} 1');
    expect(text).to.include('danced_agent_zone_answers_total{zone="example.org",source="opportunistic"} 1');
    expect(text).to.include('danced_agent_zone_answers_total{zone="",source="refused"} 1');
  });
});
