import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { extendedError, type EdnsOption } from '../../../core/dns/edns.ts';
import { frame } from '../../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Message, type ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { TrustAdResolver } from '../../../core/resolver/trust-ad.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../support/dns-server.ts';

const name = Name.parse('_xfr.ns2.example');
const tlsa = Buffer.from('030101'.padEnd(70, 'ab'), 'hex');

describe('TrustAdResolver', () => {
  const servers: DnsServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function serve(answer: (query: HeardQuery) => void): Promise<DnsServer> {
    const server = await DnsServer.start(answer);
    servers.push(server);
    return server;
  }

  /** A server that gives every query this answer. */
  function serveReply(fields: ReplyFields): Promise<DnsServer> {
    return serve(({ message, send }) => {
      send(reply(message, fields));
    });
  }

  /** Looks up the TLSA records when this is the resolver's answer. */
  async function lookupWith(fields: ReplyFields) {
    const resolver = new TrustAdResolver({ servers: [await serveReply(fields)], timeoutMs: 5_000 });
    return resolver.lookup(name, RrType.TLSA);
  }

  const judgements: [title: string, fields: ReplyFields, expected: object][] = [
    [
      'believes records with the AD bit [RFC4035-4.9.3]',
      { ad: true, answers: [record()] },
      { status: 'secure', ttlSeconds: 300 },
    ],
    ['does not believe records without it [RFC4035-4.9.3]', { answers: [record()] }, { status: 'insecure' }],
    [
      'believes a denial with the AD bit',
      { ad: true, rcode: Rcode.NXDOMAIN },
      { status: 'secure', records: [], ttlSeconds: 0 },
    ],
    [
      'believes "no such record" with the AD bit',
      { ad: true },
      { status: 'secure', records: [], ttlSeconds: 0 },
    ],
    ['does not believe a denial without it', { rcode: Rcode.NXDOMAIN }, { status: 'insecure', records: [] }],
    [
      'knows nothing after SERVFAIL without a reason',
      { rcode: Rcode.SERVFAIL },
      { status: 'indeterminate', records: [] },
    ],
    [
      'does not believe SERVFAIL with the AD bit and records',
      { rcode: Rcode.SERVFAIL, ad: true, answers: [record()] },
      { status: 'indeterminate', records: [] },
    ],
    [
      'knows nothing after SERVFAIL because no authority was reached [RFC8914-4.23]',
      { rcode: Rcode.SERVFAIL, options: [extendedError(EdeCode.NO_REACHABLE_AUTHORITY, 'away')] },
      { status: 'indeterminate' },
    ],
    [
      'reads past an Extended DNS Error that is cut off',
      {
        rcode: Rcode.SERVFAIL,
        options: [{ code: EdnsOptionCode.EXTENDED_ERROR, data: Buffer.from([0]) }, extendedError(6)],
      },
      { status: 'bogus' },
    ],
  ];
  for (const [title, fields, expected] of judgements) {
    it(title, async () => {
      expect(await lookupWith(fields)).to.deep.include(expected);
    });
  }

  for (const code of [6, 7, 8, 9, 10, 11, 12]) {
    it(`calls it bogus when SERVFAIL comes with Extended DNS Error ${code} [RFC8914-4.7]`, async () => {
      const { status, detail } = await lookupWith({
        rcode: Rcode.SERVFAIL,
        options: [extendedError(code, 'why')],
      });
      expect({ status, detail }).to.deep.equal({
        status: 'bogus',
        detail: `${where()} answered SERVFAIL with Extended DNS Error ${code}: why`,
      });
    });
  }

  describe('with CNAME records', () => {
    const target = Name.parse('keys.example');

    it('gives the records at the end, for as long as every hop lasts', async () => {
      const answers = [alias(name, target, 20), record({ name: target, ttl: 300 })];
      const { records, ttlSeconds } = await lookupWith({ ad: true, answers });
      expect(records.map((rr) => rr.rdata)).to.deep.equal([tlsa]);
      expect(ttlSeconds).to.equal(20);
    });

    it('finds them in any order', async () => {
      const { records } = await lookupWith({
        ad: true,
        answers: [record({ name: target }), alias(name, target)],
      });
      expect(records).to.have.length(1);
    });

    for (const [hops, found] of [
      [8, 1],
      [9, 0],
    ] as const) {
      it(`${found ? 'follows' : 'does not follow'} ${hops} of them`, async () => {
        const at = (hop: number): Name => (hop === 0 ? name : Name.parse(`h${hop}.example`));
        const aliases = Array.from({ length: hops }, (_, hop) => alias(at(hop), at(hop + 1)));
        const { records } = await lookupWith({ ad: true, answers: [...aliases, record({ name: at(hops) })] });
        expect(records).to.have.length(found);
      });
    }

    it('comes out of a loop with nothing', async () => {
      const { records } = await lookupWith({ ad: true, answers: [alias(name, target), alias(target, name)] });
      expect(records).to.deep.equal([]);
    });
  });

  for (const [title, other] of [
    ['of another name', record({ name: Name.parse('ns3.example') })],
    ['of another class', record({ class: RrClass.CH })],
    ['of another type', record({ type: RrType.TXT, rdata: Buffer.from([0]) })],
  ] as const) {
    it(`leaves out records ${title}`, async () => {
      expect((await lookupWith({ ad: true, answers: [other] })).records).to.deep.equal([]);
      expect((await lookupWith({ ad: true, answers: [other, record()] })).records).to.have.length(1);
    });
  }

  it('asks for validation, and not for what failed it [RFC6840-5.7]', async () => {
    await lookupWith({ ad: true });
    const { header, edns, questions } = servers[0]!.heard[0]!.message;
    expect(header).to.include({ rd: true, ad: true, cd: false });
    expect(edns).to.include({ version: 0, dnssecOk: true });
    expect(questions[0]?.name.equals(name)).to.equal(true);
  });

  it('takes a large answer over TCP [RFC7766-5]', async () => {
    const many = Array.from({ length: 50 }, () => record());
    const server = await serve(({ message, over, send }) => {
      if (over === 'udp') send(reply(message, { tc: true, ad: true, answers: [record()] }));
      else send(frame(reply(message, { ad: true, answers: many })));
    });
    const resolver = new TrustAdResolver({ servers: [server], timeoutMs: 5_000 });
    expect((await resolver.lookup(name, RrType.TLSA)).records).to.have.length(many.length);
  });

  it('is without an answer when nobody answers in time', async () => {
    const server = await serve(() => undefined);
    const result = await new TrustAdResolver({ servers: [server], timeoutMs: 40 }).lookup(name, RrType.TLSA);
    expect(result).to.deep.include({ status: 'indeterminate', records: [] });
    expect(result.detail).to.include('did not answer in time');
  });

  it('asks again when the first query is lost [RFC9520-3.1]', async () => {
    const server = await serve(({ message, send }) => {
      if (server.heard.length > 1) send(reply(message, { ad: true, answers: [record()] }));
    });
    const result = await new TrustAdResolver({ servers: [server], timeoutMs: 200 }).lookup(name, RrType.TLSA);
    expect(result.status).to.equal('secure');
  });

  for (const [title, first] of [
    ['is not there', async () => ({ address: '127.0.0.1', port: await unusedPort() })],
    ['refuses', () => serveReply({ rcode: Rcode.REFUSED })],
    ['cannot do it', () => serveReply({ rcode: Rcode.NOTIMP })],
    ['cannot read it', () => serveReply({ rcode: Rcode.FORMERR, ad: true, answers: [record()] })],
  ] as const) {
    it(`asks the second resolver when the first ${title}`, async () => {
      const second = await serveReply({ ad: true, answers: [record()] });
      const resolver = new TrustAdResolver({ servers: [await first(), second], timeoutMs: 5_000 });
      expect((await resolver.lookup(name, RrType.TLSA)).status).to.equal('secure');
    });
  }

  it('does not ask the second for a better answer than a bogus one', async () => {
    const first = await serveReply({ rcode: Rcode.SERVFAIL, options: [extendedError(EdeCode.DNSSEC_BOGUS)] });
    const second = await serveReply({ ad: true, answers: [record()] });
    const resolver = new TrustAdResolver({ servers: [first, second], timeoutMs: 5_000 });
    expect((await resolver.lookup(name, RrType.TLSA)).status).to.equal('bogus');
    expect(second.heard).to.have.length(0);
  });

  it('says what each resolver did when none helps', async () => {
    const refusing = await serveReply({ rcode: Rcode.REFUSED });
    const away = { address: '127.0.0.1', port: await unusedPort() };
    const resolver = new TrustAdResolver({ servers: [refusing, away], timeoutMs: 5_000 });
    const { status, detail } = await resolver.lookup(name, RrType.TLSA);
    expect(status).to.equal('indeterminate');
    expect(detail).to.include('answered REFUSED').and.include('cannot be reached by UDP');
  });

  describe('asked the same thing several times', () => {
    let held: (() => void)[];
    let server: DnsServer;
    let resolver: TrustAdResolver;

    beforeEach(async () => {
      held = [];
      server = await serve(({ message, send }) => {
        held.push(() => {
          send(reply(message, { ad: true, answers: [record()] }));
        });
      });
      resolver = new TrustAdResolver({ servers: [server], timeoutMs: 5_000 });
    });

    async function heard(count: number): Promise<void> {
      while (held.length < count) await nextTurn();
    }

    it('sends one query while it is under way, whatever the case', async () => {
      const lookups = ['_xfr.ns2.example', '_XFR.ns2.example', '_xfr.NS2.Example'].map((text) =>
        resolver.lookup(Name.parse(text), RrType.TLSA),
      );
      await heard(1);
      held[0]?.();
      for (const { status } of await Promise.all(lookups)) expect(status).to.equal('secure');
      expect(server.heard).to.have.length(1);
    });

    it('sends a query for each name and for each type', async () => {
      const lookups = [
        resolver.lookup(name, RrType.TLSA),
        resolver.lookup(name, RrType.A),
        resolver.lookup(Name.parse('ns3.example'), RrType.TLSA),
      ];
      await heard(3);
      for (const release of held) release();
      await Promise.all(lookups);
    });

    it('asks anew when the first is over: it keeps no answer', async () => {
      for (const round of [1, 2]) {
        const lookup = resolver.lookup(name, RrType.TLSA);
        await heard(round);
        held[round - 1]?.();
        await lookup;
      }
      expect(server.heard).to.have.length(2);
    });
  });

  function where(): string {
    return `resolver 127.0.0.1:${servers[0]!.port}`;
  }
});

interface ReplyFields {
  readonly rcode?: number;
  readonly ad?: boolean;
  readonly tc?: boolean;
  readonly answers?: readonly ResourceRecord[];
  readonly options?: readonly EdnsOption[];
}

function reply(query: Message, { options = [], ...fields }: ReplyFields): Buffer {
  const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options };
  return encodeMessage(makeResponse(query, { ra: true, ...fields, edns }));
}

function record(fields: Partial<ResourceRecord> = {}): ResourceRecord {
  return { name, type: RrType.TLSA, class: RrClass.IN, ttl: 300, rdata: tlsa, ...fields };
}

function alias(from: Name, to: Name, ttl = 300): ResourceRecord {
  return { name: from, type: RrType.CNAME, class: RrClass.IN, ttl, rdata: to.wire };
}
