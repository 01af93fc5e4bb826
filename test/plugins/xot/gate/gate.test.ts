import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Grants } from '../../../../core/acl/grants.ts';
import { proveClient } from '../../../../core/dane/prove.ts';
import type { ClientIdentity } from '../../../../core/dane/identity.ts';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { GateReply, RequestHandler } from '../../../../core/plugin/contract.ts';
import type { XotGateConfig } from '../../../../plugins/xot/gate/config.ts';
import { xotGate } from '../../../../plugins/xot/gate/gate.ts';
import { accessFrom } from '../../../support/access.ts';
import { DnsServer, type HeardQuery } from '../../../support/dns-server.ts';
import { clientName, GateBed } from '../../../support/gate-bed.ts';
import { memoryLog, type MemoryLog } from '../../../support/memory-log.ts';
import { asksOnly, partialHost } from '../../../support/plugin-host.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../../support/test-identity.ts';
import { address, answer, collect, edeOf, edns, request, soa, type RequestFields } from '../messages.ts';
import { relayedConfig } from './gate-config.ts';

const access = accessFrom(`version: 1
clients:
  ${clientName}: { allow: [ { action: transfer, zones: [example.com, unserved.example] } ] }
  ns3.example: { allow: [ { action: transfer, zones: ['*'] } ] }
  ns4.example: { allow: [] }
`);

/** Instead of a client's name: no identity. */
const nobody = '';

describe('xot/gate', () => {
  let primary: DnsServer;
  let onQuery: (query: HeardQuery) => void;
  let identities: Map<string, ClientIdentity>;
  let handler: RequestHandler;
  let plugin: ReturnType<typeof xotGate.setup>;
  let log: MemoryLog;
  let metrics: Metrics;

  before(async () => {
    const issued = await issueTestIdentity(clientName);
    const secure = { status: 'secure', records: [tlsaOf(issued)], ttlSeconds: 300, detail: '' } as const;
    identities = new Map(
      [clientName, 'ns3.example', 'ns4.example', 'ns5.example'].map((name) => {
        const { identity } = proveClient(Name.parse(name), secure, credentialsOf(issued), {
          nowMs: 0,
          longestMs: 300_000,
          roots: [],
        });
        return [name, identity!];
      }),
    );
  });

  beforeEach(async () => {
    onQuery = ({ message, send }) => {
      send(frame(answer(message, [soa(7), address('www'), soa(7)])));
    };
    primary = await DnsServer.start((query) => {
      onQuery(query);
    });
    setup();
  });

  afterEach(async () => {
    await plugin.stop(0);
    await primary.close();
  });

  function configOf(limits: Partial<XotGateConfig['limits']> = {}): XotGateConfig {
    return relayedConfig(primary, limits);
  }

  /** A gate whose requests the test brings by hand. */
  function setup(limits: Partial<XotGateConfig['limits']> = {}, list = access): void {
    log = memoryLog();
    metrics = new Metrics();
    const grants = new Grants({ take: () => true });
    plugin = xotGate.setup(
      partialHost({
        access: asksOnly(({ client }, asked) => grants.ask(list, client, asked)),
        log,
        metrics,
        nowMs: () => 0,
        listen: (_, handle) => {
          handler = handle;
          return {
            open: () => Promise.resolve([]),
            setLimits: () => undefined,
            setTls: () => undefined,
            close: () => Promise.resolve(),
          };
        },
      }),
      configOf(limits),
    );
  }

  function ask(
    octets: Buffer,
    client = clientName,
    signal = new AbortController().signal,
  ): Promise<GateReply> {
    const connection = { id: 1, remote: '127.0.0.1:1' };
    const identity = client === nobody ? undefined : identities.get(client)!;
    return handler({ octets, client: identity, connection, idleTimeMs: 30_000, signal });
  }

  /** Every message that the client gets. */
  async function answers(octets: Buffer, client?: string): Promise<Message[]> {
    return collect(await ask(octets, client));
  }

  describe('asks for permission before all else', () => {
    const prohibited = [Rcode.REFUSED, EdeCode.PROHIBITED];
    const notAuthoritative = [Rcode.NOTAUTH, EdeCode.NOT_AUTHORITATIVE];
    const cases: [title: string, client: string, name: string, expected: number[]][] = [
      ['a zone that the client may not have', clientName, 'example.org', prohibited],
      ['a zone that it may not have and that is not here', clientName, 'elsewhere.example', prohibited],
      ['a zone below one that it may have', clientName, 'www.example.com', prohibited],
      ['a zone that it may have and that is not here', clientName, 'unserved.example', notAuthoritative],
      [
        'a zone that is not here, for one who may have all',
        'ns3.example',
        'elsewhere.example',
        notAuthoritative,
      ],
      ['a zone, for one who may have none', 'ns4.example', 'example.com', prohibited],
      ['a zone, for one whom the list has lost', 'ns5.example', 'example.com', prohibited],
    ];
    for (const [title, client, name, expected] of cases) {
      for (const type of ['AXFR', 'IXFR', 'SOA'] as const) {
        it(`and refuses ${type} of ${title} [RFC9103-7.8]`, async () => {
          const fields = {
            type: RrType[type],
            name: Name.parse(name),
            ...(type === 'IXFR' && { serial: 1 }),
          };
          const [message, ...more] = await answers(request({ ...fields, edns: edns() }), client);
          expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal(expected);
          expect(more).to.deep.equal([]);
          expect(primary.heard).to.deep.equal([]);
          expect(log.of('request refused')[0]?.fields).to.include({ client, kind: type, zone: name });
        });
      }
    }
  });

  for (const [title, fields, rcode, infoCode] of [
    ['a query for A', { type: RrType.A, edns: edns() }, Rcode.REFUSED, EdeCode.NOT_SUPPORTED],
    [
      'NOTIFY from a client that may not',
      { type: RrType.SOA, header: { opcode: 4 }, edns: edns() },
      Rcode.REFUSED,
      EdeCode.PROHIBITED,
    ],
    ['EDNS version 1', { edns: { ...edns(), version: 1 } }, Rcode.BADVERS, undefined],
    ['IXFR without SOA', { type: RrType.IXFR, edns: edns() }, Rcode.FORMERR, undefined],
  ] satisfies [string, RequestFields, number, number | undefined][]) {
    it(`answers ${title} by itself`, async () => {
      const [message] = await answers(request(fields));
      expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal([rcode, infoCode]);
      expect(primary.heard).to.deep.equal([]);
    });
  }

  it('answers octets that are no request by FORMERR, and a response by silence', async () => {
    const [message] = await answers(Buffer.concat([request(), Buffer.from([0])]));
    expect(message?.header).to.include({ id: 0x1234, rcode: Rcode.FORMERR });
    expect(await ask(request({ header: { qr: true } }))).to.equal(undefined);
  });

  it('relays what is allowed, and logs who got what by which proof', async () => {
    const [message] = await answers(request({ edns: edns() }));
    expect(message?.answers).to.have.length(3);
    expect(log.of('transfer')[0]).to.deep.include({ level: 'info' });
    expect(log.of('transfer')[0]?.fields).to.include({
      client: clientName,
      proof: 'DANE-EE SPKI SHA2-256',
      entry: clientName,
      kind: 'AXFR',
      zone: 'example.com',
      outcome: 'complete',
      form: 'whole',
      serial: 7,
      records: 3,
    });
  });

  it('knows its zones in any case [RFC4343-3]', async () => {
    const [message] = await answers(request({ name: Name.parse('Example.COM') }));
    expect(message?.header.rcode).to.equal(Rcode.NOERROR);
  });

  it('counts requests and transfers', async () => {
    await answers(request());
    await answers(request({ name: Name.parse('example.org') }));
    const text = await metrics.text();
    expect(text).to.include('danced_xot_requests_total{kind="AXFR",rcode="NOERROR"} 1');
    expect(text).to.include('danced_xot_requests_total{kind="AXFR",rcode="REFUSED"} 1');
    expect(text).to.include('danced_xot_transfers_total{form="whole",outcome="complete"} 1');
  });

  describe('before an anonymous client', () => {
    const open = accessFrom(`version: 1
anonymous: { allow: [ { action: transfer, zones: [example.com, unserved.example] } ] }
clients: {}
`);

    it('refuses everything if the list does not speak of such clients [RFC8914-4.19]', async () => {
      const [message] = await answers(request({ edns: edns() }), nobody);
      expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal([
        Rcode.REFUSED,
        EdeCode.PROHIBITED,
      ]);
      expect(primary.heard).to.deep.equal([]);
      const line = log.of('request refused')[0]?.fields;
      expect(line).to.include({ reason: 'no-entry', zone: 'example.com' });
      expect(line?.['client']).to.equal(undefined);
    });

    it('serves what the list gives to all, and says so in the log', async () => {
      setup({}, open);
      const [message] = await answers(request(), nobody);
      expect(message?.header.rcode).to.equal(Rcode.NOERROR);
      const line = log.of('transfer')[0]?.fields;
      expect(line).to.include({ outcome: 'complete', entry: '(anonymous)' });
      expect([line?.['client'], line?.['proof']]).to.deep.equal([undefined, undefined]);
    });

    it('refuses the rest', async () => {
      setup({}, open);
      const [message] = await answers(request({ name: Name.parse('example.org'), edns: edns() }), nobody);
      expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal([
        Rcode.REFUSED,
        EdeCode.PROHIBITED,
      ]);
    });

    it('takes all of them for one client where places are counted [RFC9103-6.3.3]', async () => {
      onQuery = () => undefined;
      setup({ 'transfers-per-client': 1 }, open);
      const abort = new AbortController();
      const first = await ask(request(), nobody, abort.signal);
      const waiting = collect(first).catch(() => undefined);
      const [message] = await answers(request(), nobody);
      expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
      abort.abort();
      await waiting;
    });
  });

  describe('bounds what is under way', () => {
    beforeEach(() => {
      onQuery = () => undefined;
    });

    /** Asks, and comes back when the primary has the question; gives the way to end it. */
    async function hold(octets: Buffer, client = clientName): Promise<() => Promise<unknown>> {
      const abort = new AbortController();
      const before = primary.heard.length;
      const state = { isOver: false };
      const reply = ask(octets, client, abort.signal)
        .then(collect)
        .finally(() => (state.isOver = true));
      while (primary.heard.length === before && !state.isOver) await nextTurn();
      return () => {
        abort.abort();
        return reply;
      };
    }

    const soaQuery = request({ type: RrType.SOA, edns: edns() });
    const transfer = request({ edns: edns() });
    const cases: [
      limit: 'transfers' | 'transfers-per-client' | 'queries' | 'queries-per-client',
      octets: Buffer,
      sameClient: boolean,
      otherKind: Buffer,
    ][] = [
      ['transfers', transfer, false, soaQuery],
      ['transfers-per-client', transfer, true, soaQuery],
      ['queries', soaQuery, false, transfer],
      ['queries-per-client', soaQuery, true, transfer],
    ];
    for (const [limit, octets, sameClient, otherKind] of cases) {
      it(`by ${limit}, and says SERVFAIL beyond [RFC9103-6.3.3]`, async () => {
        setup({ [limit]: 1 });
        const end = await hold(octets);
        const second = await ask(octets, sameClient ? clientName : 'ns3.example');
        expect(Buffer.isBuffer(second) && parseMessage(second).header.rcode).to.equal(Rcode.SERVFAIL);
        const other = await hold(otherKind);
        const another = sameClient ? await hold(octets, 'ns3.example') : undefined;
        await Promise.all([end(), other(), another?.()]);
        const again = await hold(octets);
        await again();
        expect(log.of('request refused').map(({ fields }) => fields['reason'])).to.deep.equal([
          'too-many-at-once',
        ]);
      });
    }

    it('and gives the place back however a transfer ends', async () => {
      setup({ transfers: 1 });
      const ends: ((query: HeardQuery) => void)[] = [
        ({ close }) => close(),
        ({ send }) => send(Buffer.from([0, 1, 0])),
        ({ message, send }) => send(frame(answer(message, [], { rcode: Rcode.REFUSED }))),
        ({ message, send }) => send(frame(answer(message, [soa(7), soa(7)]))),
      ];
      for (const end of ends) {
        onQuery = end;
        await answers(transfer);
      }
      expect(log.of('request refused')).to.deep.equal([]);
      expect(log.of('transfer').map(({ fields }) => fields['outcome'])).to.deep.equal([
        'failed',
        'failed',
        'refused-by-primary',
        'complete',
      ]);
    });
  });

  it('takes another primary, other zones and other limits while it runs', async () => {
    const second = await DnsServer.start(({ message, send }) => {
      send(frame(answer(message, [soa(8), soa(8)])));
    });
    await answers(request());
    plugin.reload(relayedConfig(second));
    expect((await answers(request()))[0]?.answers).to.have.length(2);
    plugin.reload({ ...configOf(), zones: [] });
    expect((await answers(request()))[0]?.header.rcode).to.equal(Rcode.NOTAUTH);
    await second.close();
  });

  it('is ready when it listens', async () => {
    expect(plugin.ready()).to.deep.equal({ ready: false, waitingFor: ['xot/gate: listening'] });
    await plugin.start();
    expect(plugin.ready()).to.deep.equal({ ready: true, waitingFor: [] });
  });

  describe('on one connection', () => {
    it('intermingles transfers, each with its ID [RFC9103-6.2]', async () => {
      const held: HeardQuery[] = [];
      onQuery = (query) => held.push(query);
      const bed = await GateBed.start({ handler, access });
      const client = await bed.connect();
      client.send(request({ id: 1, edns: edns() }));
      client.send(request({ id: 2, edns: edns() }));
      while (held.length < 2) await new Promise(setImmediate);
      const rounds = [[soa(7), address('a')], [address('b')], [soa(7)]];
      let count = 0;
      for (const records of rounds) {
        for (const { message, send } of held) {
          send(frame(answer(message, records)));
          await client.received(++count);
        }
      }
      const messages = client.messages.map(parseMessage);
      const ids = messages.map(({ header }) => header.id);
      expect(ids.slice(2)).to.deep.equal([...ids.slice(0, 2), ...ids.slice(0, 2)]);
      expect([...ids.slice(0, 2)].sort()).to.deep.equal([1, 2]);
      expect(messages.every(({ edns: opt }) => opt !== undefined)).to.equal(true);
      await bed.close();
    });

    it('answers a query for SOA while a transfer is under way [RFC7766-7]', async () => {
      onQuery = ({ message, send }) => {
        if (message.questions[0]?.type === RrType.SOA) send(frame(answer(message, [soa(7)])));
      };
      const bed = await GateBed.start({ handler, access });
      const client = await bed.connect();
      client.send(request({ id: 1 }));
      client.send(
        request({
          id: 2,
          type: RrType.SOA,
          edns: edns({ code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) }),
        }),
      );
      const [message] = await client.received(1);
      expect(message).to.have.length(468);
      expect(parseMessage(message!).header.id).to.equal(2);
      await bed.close();
    });
  });
});
