import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import type { PlainSource } from '../../../../core/do53/handler.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { Gates } from '../../../../plugins/xot/agent/gates.ts';
import { parseGateText } from '../../../../plugins/xot/agent/gate-text.ts';
import { Requests } from '../../../../plugins/xot/agent/requests.ts';
import { RelayedZones } from '../../../../plugins/xot/agent/zones.ts';
import { parseSource, Sources } from '../../../../core/do53/sources.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import {
  address,
  answer,
  bulk,
  collect,
  edeOf,
  edns,
  request,
  soa,
  zone,
  type RequestFields,
} from '../messages.ts';
import { breaking, refusing, ScriptedGate, serving, unreachable } from './scripted-gate.ts';

const sources = new Sources([parseSource('127.0.0.0/8')]);

describe('requests of the name server beside an xot agent', () => {
  const log = memoryLog();
  let gate: ScriptedGate;
  let limits: { transfers: number; queries: number; 'gate-check': number };
  let requests: Requests;
  let notified: Buffer[];

  beforeEach(() => {
    log.forget();
    gate = new ScriptedGate('gate a.example', serving(7));
    limits = { transfers: 2, queries: 2, 'gate-check': 60_000 };
    notified = [];
    const text = parseGateText('192.0.2.1#a.example');
    const lists = { others: [text], byZone: new Map(), places: [{ path: [0], gate: text }] };
    const gates = new Gates({ lists, open: () => gate, checkMs: 60_000, log, nowMs: Date.now });
    const zones = new RelayedZones(
      () => gates,
      () => new Set([zone.key]),
    );
    requests = new Requests({
      zones: () => zones,
      allowed: () => sources,
      limits: () => limits,
      notify: (octets) => {
        notified.push(octets);
        return Promise.resolve(undefined);
      },
      ...{ log, metrics: new Metrics(), nowMs: Date.now },
    });
  });

  function take(octets: Buffer, from: Partial<PlainSource> = {}): Promise<Message[]> {
    const { isStream = true } = from;
    const source = {
      remote: '127.0.0.1:4711',
      isStream,
      udpOctets: 1232,
      idleTimeMs: isStream ? 9_000 : 0,
      ...from,
    };
    return new Promise((resolve, reject) => {
      requests.take(octets, source, (reply) => {
        collect(reply).then(resolve, reject);
      });
    });
  }

  const byUdp = { isStream: false } as const;
  const ask = (fields: RequestFields, from?: Partial<PlainSource>): Promise<Message[]> =>
    take(request(fields), from);
  const typesOf = ([message]: readonly Message[]): unknown => message?.answers.map(({ type }) => type);

  for (const [transport, isStream] of Object.entries({ TCP: true, UDP: false })) {
    it(`gives the SOA record by ${transport} as the gate has it`, async () => {
      const [reply] = await ask({ type: RrType.SOA, id: 99 }, { isStream });
      expect(reply?.header).to.include({ id: 99, aa: true, rcode: Rcode.NOERROR });
      expect(reply?.answers).to.have.length(1);
    });
  }

  it('gives AXFR and IXFR by TCP [RFC5936-2.2]', async () => {
    for (const fields of [{}, { type: RrType.IXFR, serial: 6 }]) {
      const messages = await ask({ ...fields, id: 5 });
      expect(messages.map(({ header }) => header.id)).to.deep.equal([5, 5]);
      expect(messages.flatMap(({ answers }) => answers.map(({ type }) => type))).to.deep.equal([
        RrType.SOA,
        RrType.A,
        RrType.SOA,
      ]);
    }
    const [line] = log.of('transfer');
    expect(line?.fields).to.include({
      outcome: 'complete',
      serial: 7,
      server: '192.0.2.1#a.example',
      remote: '127.0.0.1:4711',
    });
  });

  it('answers IXFR by UDP with the SOA record alone, so that the client comes by TCP [RFC1995-2]', async () => {
    gate.script = (query) => [answer(query, [soa(7)], {})];
    const messages = await ask({ type: RrType.IXFR, serial: 6, id: 8 }, byUdp);
    expect(messages[0]?.header).to.include({ id: 8, aa: true, tc: false, rcode: Rcode.NOERROR });
    expect(messages[0]?.questions[0]?.type).to.equal(RrType.IXFR);
    expect(typesOf(messages)).to.deep.equal([RrType.SOA]);
  });

  it('has no AXFR by UDP [RFC5936-4.2]', async () => {
    const [reply] = await ask({ edns: edns() }, byUdp);
    expect(reply?.header.rcode).to.equal(Rcode.REFUSED);
    expect(edeOf(reply)?.code).to.equal(EdeCode.NOT_SUPPORTED);
    expect(gate.asked).to.equal(0);
  });

  it('cuts by UDP what does not fit, first all but the SOA record, then that [RFC1035-4.2.1]', async () => {
    gate.script = (query) => [answer(query, [soa(7), bulk(900, zone)])];
    expect(typesOf(await ask({ type: RrType.SOA }, byUdp))).to.deep.equal([RrType.SOA]);
    expect(typesOf(await ask({ type: RrType.SOA, edns: edns() }, byUdp))).to.have.length(2);
    expect(typesOf(await ask({ type: RrType.SOA }))).to.have.length(2);
    const long = {
      ...soa(7),
      rdata: Buffer.concat([...Array.from({ length: 2 }, () => longName()), Buffer.alloc(20)]),
    };
    gate.script = (query) => [answer(query, [long])];
    const [reply] = await ask({ type: RrType.SOA }, { ...byUdp, udpOctets: 100 });
    expect(reply?.header.tc).to.equal(true);
    expect(reply?.answers).to.deep.equal([]);
  });

  it('says nothing of keepalive by UDP, and pads nothing in clear [RFC7828-3.2.1] [RFC7830-6]', async () => {
    const options = [
      { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) },
      { code: EdnsOptionCode.PADDING, data: Buffer.alloc(10) },
    ];
    const codes = async (isStream: boolean): Promise<unknown> => {
      const [reply] = await ask({ type: RrType.SOA, edns: edns(...options) }, { isStream });
      return reply?.edns?.options.map(({ code }) => code);
    };
    expect(await codes(true)).to.deep.equal([EdnsOptionCode.TCP_KEEPALIVE]);
    expect(await codes(false)).to.deep.equal([]);
  });

  const refused: readonly (readonly [title: string, fields: RequestFields, rcode: number, code: number])[] = [
    ['another type', { type: RrType.A }, Rcode.REFUSED, EdeCode.NOT_SUPPORTED],
    ['another class', { class: RrClass.CH }, Rcode.REFUSED, EdeCode.NOT_SUPPORTED],
    ['an update', { header: { opcode: Opcode.UPDATE } }, Rcode.REFUSED, EdeCode.NOT_SUPPORTED],
    ['another zone', { name: Name.parse('example.org') }, Rcode.NOTAUTH, EdeCode.NOT_AUTHORITATIVE],
  ];
  for (const [title, fields, rcode, code] of refused) {
    it(`refuses ${title}`, async () => {
      const [reply] = await ask({ ...fields, edns: edns() });
      expect(reply?.header.rcode).to.equal(rcode);
      expect(edeOf(reply)?.code).to.equal(code);
      expect(gate.asked).to.equal(0);
    });
  }

  it('refuses addresses that may not ask, whatever they ask [RFC5936-5]', async () => {
    for (const fields of [{}, { type: RrType.A }, { name: Name.parse('example.org') }]) {
      const [reply] = await ask({ ...fields, edns: edns() }, { remote: '192.0.2.7:53' });
      expect(reply?.header.rcode).to.equal(Rcode.REFUSED);
      expect(edeOf(reply)?.code).to.equal(EdeCode.PROHIBITED);
    }
    expect(gate.asked).to.equal(0);
    expect(log.of('request refused')[0]?.fields).to.include({
      reason: 'address-not-allowed',
      remote: '192.0.2.7:53',
    });
  });

  it('answers FORMERR to what cannot be read, and hands NOTIFY on', async () => {
    const broken = request({ type: RrType.SOA }).subarray(0, 20);
    const [reply] = await take(broken);
    expect(reply?.header.rcode).to.equal(Rcode.FORMERR);
    await ask({ type: RrType.SOA, header: { opcode: Opcode.NOTIFY, aa: true } }, byUdp);
    expect(notified).to.have.length(1);
  });

  it('answers SERVFAIL with the kind of failure when no gate can be asked [RFC8914-4.23]', async () => {
    gate.script = unreachable;
    for (const fields of [{ type: RrType.SOA }, {}]) {
      const [reply] = await ask({ ...fields, edns: edns() });
      expect(reply?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(edeOf(reply)?.code).to.equal(EdeCode.NO_REACHABLE_AUTHORITY);
    }
    expect(log.of('transfer')[0]?.fields).to.include({
      outcome: 'failed',
      reason: 'the server is not proved',
    });
  });

  it('ends a transfer that breaks with SERVFAIL, so that no part is taken for the whole [RFC5936-2.2]', async () => {
    gate.script = breaking;
    const messages = await ask({});
    expect(messages.map(({ header }) => header.rcode)).to.deep.equal([Rcode.NOERROR, Rcode.SERVFAIL]);
  });

  it('gives the no of the gate on', async () => {
    gate.script = refusing(Rcode.REFUSED);
    expect((await ask({ type: RrType.SOA }))[0]?.header.rcode).to.equal(Rcode.REFUSED);
    expect((await ask({}))[0]?.header.rcode).to.equal(Rcode.REFUSED);
  });

  it('answers SERVFAIL beyond its bounds, and gives places back [RFC9103-6.3.3]', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    gate.script = async (query) => {
      await promise;
      return serving(7)(query);
    };
    const queries = [ask({ type: RrType.SOA }), ask({ type: RrType.SOA })];
    const transfers = [ask({}), ask({})];
    expect((await ask({ type: RrType.SOA }))[0]?.header.rcode).to.equal(Rcode.SERVFAIL);
    expect((await ask({}))[0]?.header.rcode).to.equal(Rcode.SERVFAIL);
    resolve(undefined);
    await Promise.all([...queries, ...transfers]);
    expect((await ask({ type: RrType.SOA }))[0]?.header.rcode).to.equal(Rcode.NOERROR);
    expect((await ask({}))[0]?.header.rcode).to.equal(Rcode.NOERROR);
  });

  it('is silent to a response', async () => {
    const octets = request({ type: RrType.SOA, header: { qr: true } });
    expect(await take(octets)).to.deep.equal([]);
    expect(parseMessage(octets).header.qr).to.equal(true);
    expect(address('a').type).to.equal(RrType.A);
  });
});

function longName(): Buffer {
  return Name.parse(`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example`).wire;
}
