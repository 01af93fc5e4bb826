import { expect } from 'chai';
import { EdeCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeName, encodeTxt } from '../../../../core/dns/rdata.ts';
import { recursiveAuthGate } from '../../../../plugins/recursive-auth/gate/gate.ts';
import { codesOf, AnswerGateBed, textsOf, type Visitor } from '../../../support/answer-gate-bed.ts';
import { until } from '../../../support/gate.ts';
import { unusedPort } from '../../../support/dns-server.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';
import { query } from '../../../core/answer/wire.ts';

const refused = `${String(Rcode.REFUSED)} ${String(EdeCode.PROHIBITED)}`;
const busy = `${String(Rcode.REFUSED)} ${String(EdeCode.NETWORK_ERROR)}`;
const broken = `${String(Rcode.SERVFAIL)} ${String(EdeCode.NETWORK_ERROR)}`;
const failed = `${String(Rcode.SERVFAIL)} ${String(EdeCode.NO_REACHABLE_AUTHORITY)}`;
const txt = { type: RrType.TXT };

const access = `
roles:
  partner: { allow: [{ action: query }] }
  regular: { allow: [{ action: query }] }
anonymous: { allow: [{ action: query }] }
clients:
  "*.partner.example": { roles: [regular, partner] }
  "*.regular.example": { roles: [regular] }
  "*.plain.example": { allow: [{ action: query }] }
  "*.slow.example": { roles: [partner], allow: [{ action: query, rate: 2/s, burst: 2 }] }
  "*.nothing.example": { allow: [{ action: transfer, zones: ["*"] }] }
  "*.denied.example": { allow: [], deny: [{ action: query }] }
`;

describe('the classes of recursive-auth', () => {
  let upstream: HeldUpstream;
  let bed: AnswerGateBed<unknown>;

  beforeEach(async () => {
    upstream = await HeldUpstream.start('served');
    upstream.fields = { aa: true, ra: false };
  });

  afterEach(async () => {
    await (bed as typeof bed | undefined)?.close();
    await upstream.close();
  });

  function open(config: Readonly<Record<string, unknown>>): void {
    bed = new AnswerGateBed(recursiveAuthGate, {
      config: { upstreams: [upstream.at], ...config },
      access,
    });
  }

  async function answered(visitor: Visitor, count: number): Promise<number> {
    let answers = 0;
    for (let index = 0; index < count; index += 1) {
      const codes = codesOf(await visitor.ask('www.example.com', txt));
      expect(codes).to.be.oneOf(['0', refused]);
      if (codes === '0') answers += 1;
    }
    return answers;
  }

  it('say whether the servers could not be reached, broke off, or gave what is no answer [RFC8914-4.23] [RFC8914-4.24] [RFC8914-4.25]', async () => {
    const said = async (config: Readonly<Record<string, unknown>>): Promise<string> => {
      open({ transport: 'tcp', ...config });
      try {
        return codesOf(await bed.connect('a.partner.example').ask('www.example.com', txt));
      } finally {
        await bed.close();
      }
    };
    const away = [`127.0.0.1:${String(await unusedPort())}`];
    expect(await said({ upstreams: away })).to.equal(failed);
    // A header that promises an answer, and nothing behind it.
    upstream.fields = { answers: [], tc: true };
    expect(await said({})).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.INVALID_DATA)}`);
    upstream.isHeld = true;
    const limits = { 'upstream-time': '300ms' };
    expect(await said({ limits })).to.equal(broken);
    // One of two could be reached.
    expect(await said({ upstreams: [...away, upstream.at], limits })).to.equal(broken);
  });

  it('pass an authoritative answer on as it is: AA, no RA, RD as it was asked [RFC1035-4.1.1]', async () => {
    open({});
    const { header, answers } = await bed.connect('a.partner.example').ask('www.example.com', txt);
    expect(header).to.include({ aa: true, ra: false, rcode: 0 });
    expect(answers).to.have.length(1);
    expect(upstream.heard.map((message) => message.header.rd)).to.deep.equal([header.rd]);
  });

  it('are known by the first that is a role of the entry; whoever has none is a stranger', async () => {
    open({ classes: { partner: {}, regular: {} } });
    for (const name of [
      'a.partner.example',
      'a.regular.example',
      'a.plain.example',
      undefined,
      'a.nothing.example',
    ])
      await bed.connect(name).ask('www.example.com', txt);
    const count = (of: string): Promise<number> =>
      bed.metric(`authoritative_replies_total{class="${of}",from="asked",rcode="NOERROR"}`);
    const fromMemory = await bed.metric(
      'authoritative_replies_total{class="strangers",from="memory",rcode="NOERROR"}',
    );
    expect([
      await count('partner'),
      await count('regular'),
      await count('strangers'),
      fromMemory,
    ]).to.deep.equal([1, 1, 1, 2]);
  });

  it('serve nobody whom a deny rule refuses, though strangers are served', async () => {
    open({});
    expect(codesOf(await bed.connect('a.denied.example').ask('www.example.com'))).to.equal(refused);
    expect(codesOf(await bed.connect().ask('www.example.com', txt))).to.equal('0');
  });

  it('show zones to those who may see them, and never by the memory of others', async () => {
    open({ classes: { partner: {}, strangers: { zones: ['example.com'], except: ['corp.example.com'] } } });
    const [partner, stranger] = [bed.connect('a.partner.example'), bed.connect()];
    for (let round = 0; round < 2; round += 1) {
      expect(textsOf(await partner.ask('www.corp.example.com', txt))).to.deep.equal(['served']);
      expect(codesOf(await stranger.ask('www.corp.example.com', txt))).to.equal(refused);
      expect(codesOf(await stranger.ask('WWW.example.COM', txt))).to.equal('0');
      expect(codesOf(await stranger.ask('www.example.org', txt))).to.equal(refused);
    }
  });

  it('show nobody by an alias what he may not ask for', async () => {
    open({ classes: { partner: {}, strangers: { except: ['corp.example.com'] } } });
    const name = Name.parse('www.example.com');
    const hidden = Name.parse('www.corp.example.com');
    upstream.fields = {
      aa: true,
      answers: [
        { name, type: RrType.CNAME, class: 1, ttl: 300, rdata: encodeName(hidden) },
        { name: hidden, type: RrType.TXT, class: 1, ttl: 300, rdata: encodeTxt([Buffer.from('secret')]) },
      ],
    };
    const [partner, stranger] = [bed.connect('a.partner.example'), bed.connect()];
    for (let round = 0; round < 2; round += 1) {
      expect(textsOf(await partner.ask('www.example.com', txt))).to.deep.equal(['secret']);
      const { answers } = await stranger.ask('www.example.com', txt);
      expect(answers.map(({ type }) => type)).to.deep.equal([RrType.CNAME]);
    }
  });

  it('hold each member to its rate, and the members of a network, and all of a class together', async () => {
    open({
      classes: {
        partner: { rate: '3/s', burst: 3 },
        regular: { 'total-rate': '4/s', 'total-burst': 4 },
        strangers: { rate: '2/s', burst: 2 },
      },
    });
    expect(await answered(bed.connect('a.partner.example'), 2)).to.equal(2);
    expect(await answered(bed.connect('a.partner.example'), 5)).to.equal(1);
    expect(await answered(bed.connect('b.partner.example'), 5)).to.equal(3);
    expect(await answered(bed.connect('a.regular.example'), 3)).to.equal(3);
    expect(await answered(bed.connect('b.regular.example'), 3)).to.equal(1);
    // All of one network.
    expect(await answered(bed.connect(), 1)).to.equal(1);
    expect(await answered(bed.connect(), 5)).to.equal(1);
    bed.nowMs += 1000;
    expect(await answered(bed.connect('a.partner.example'), 5)).to.equal(3);
  });

  it('keep the rate of the rule of the access list too', async () => {
    open({ classes: { partner: { rate: '10/s' } } });
    expect(await answered(bed.connect('a.slow.example'), 5)).to.equal(2);
  });

  it('say nothing to those who ask too fast, where they are dropped', async () => {
    open({ classes: { strangers: { rate: '1/s', burst: 1, shed: 'drop' } } });
    const stranger = bed.connect();
    expect(codesOf(await stranger.ask('www.example.com', txt))).to.equal('0');
    expect(await stranger.send(query('www.example.com', { id: 77 }))).to.have.length(1);
    expect(stranger.silences).to.equal(1);
    expect(stranger.isHeld).to.equal(false);
  });

  it('are left and entered on one connection, when the proof is gone and there again', async () => {
    open({ classes: { partner: {}, strangers: { except: ['corp.example.com'] } } });
    const visitor = bed.connect('a.partner.example');
    const codes = async (): Promise<string> => codesOf(await visitor.ask('www.corp.example.com', txt));
    expect(await codes()).to.equal('0');
    visitor.become(undefined);
    expect(await codes()).to.equal(refused);
    expect(codesOf(await visitor.ask('www.example.com', txt))).to.equal('0');
    visitor.become('a.partner.example');
    expect(await codes()).to.equal('0');
  });

  it('are told nothing any more that was asked before the proof was gone', async () => {
    open({ classes: { partner: {}, strangers: { except: ['corp.example.com'] } } });
    const visitor = bed.connect('a.partner.example');
    await visitor.ask('www.example.com', txt);
    upstream.isHeld = true;
    const asked = visitor.ask('www.corp.example.com', txt);
    await until('it is under way', () => upstream.server.heard.length === 2);
    visitor.become(undefined);
    upstream.release();
    expect(codesOf(await asked)).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.NOT_READY)}`);
  });

  it('let a member have so much at once, and the others nothing less', async () => {
    open({ classes: { partner: { 'requests-at-once': 2 } } });
    upstream.isHeld = true;
    const [one, other] = [bed.connect('a.partner.example'), bed.connect('b.partner.example')];
    const asked = [1, 2, 3].map((at) => one.ask(`n${String(at)}.example.com`, txt));
    expect(codesOf(await asked[2]!)).to.equal(refused);
    const others = other.ask('n9.example.com', txt);
    await until('they are under way', () => upstream.server.heard.length >= 3);
    upstream.release();
    expect((await Promise.all([asked[0], asked[1], others])).map((reply) => codesOf(reply!))).to.deep.equal([
      '0',
      '0',
      '0',
    ]);
  });

  it('do not wait for what another class has asked before', async () => {
    open({ classes: { partner: {} } });
    upstream.isHeld = true;
    const asked = [bed.connect(), bed.connect('a.partner.example')].map((from) =>
      from.ask('www.example.com', txt),
    );
    await until('both are asked', () => upstream.server.heard.length >= 2);
    upstream.release();
    await Promise.all(asked);
  });

  it('shed strangers first when the queue is full', async () => {
    open({
      classes: { partner: {} },
      limits: { queue: 2, 'upstream-at-once': 1, 'upstream-at-once-min': 1, 'queue-time': '10s' },
    });
    upstream.isHeld = true;
    const [partner, stranger] = [bed.connect('a.partner.example'), bed.connect()];
    const first = stranger.ask('n0.example.com', txt);
    await until('the server is busy', () => upstream.server.heard.length === 1);
    const [one, two] = [stranger.ask('n1.example.com', txt), stranger.ask('n2.example.com', txt)];
    const known = [partner.ask('n3.example.com', txt), partner.ask('n4.example.com', txt)];
    expect(codesOf(await one)).to.equal(busy);
    expect(codesOf(await two)).to.equal(busy);
    expect(codesOf(await stranger.ask('n5.example.com', txt))).to.equal(busy);
    upstream.release();
    expect(codesOf(await first)).to.equal('0');
    expect((await Promise.all(known)).map(codesOf)).to.deep.equal(['0', '0']);
    expect(await bed.metric('authoritative_shed_total{class="strangers",why="full"}')).to.equal(3);
    expect(bed.log.of('questions are given up')).to.have.length.above(0);
  });

  it('ask for a member by itself, when the one who asked the same before it asks too much', async () => {
    open({
      classes: { partner: {} },
      limits: { queue: 2, 'upstream-at-once': 1, 'upstream-at-once-min': 1, 'queue-time': '10s' },
    });
    const [greedy, modest] = [bed.connect('a.partner.example'), bed.connect('b.partner.example')];
    for (const from of [greedy, modest]) await from.ask('example.com', txt);
    upstream.isHeld = true;
    const before = upstream.server.heard.length;
    const first = greedy.ask('n0.example.com', txt);
    await until('the server is busy', () => upstream.server.heard.length === before + 1);
    const both = [greedy, modest].map((from) => from.ask('www.example.com', txt));
    const more = [1, 2].map((at) => greedy.ask(`n${String(at)}.example.com`, txt));
    expect(codesOf(await both[0]!)).to.equal(busy);
    upstream.release();
    expect(codesOf(await both[1]!)).to.equal('0');
    expect(codesOf(await first)).to.equal('0');
    await Promise.all(more);
  });

  it('are busy, and not without servers, when as many questions as a class may have are under way', async () => {
    open({ limits: { questions: 1 } });
    upstream.isHeld = true;
    const stranger = bed.connect();
    const first = stranger.ask('n0.example.com', txt);
    await until('it is under way', () => upstream.server.heard.length === 1);
    expect(codesOf(await stranger.ask('n1.example.com', txt))).to.equal(busy);
    upstream.release();
    expect(codesOf(await first)).to.equal('0');
  });

  it('say SERVFAIL, with a reason, when the servers do not answer', async () => {
    open({ limits: { 'upstream-time': '200ms', 'upstream-retry': '50ms' } });
    upstream.isHeld = true;
    // After UDP by TCP, if there was time for it.
    expect(codesOf(await bed.connect('a.partner.example').ask('www.example.com', txt))).to.be.oneOf([
      failed,
      broken,
    ]);
    expect(bed.log.of('question failed')).to.have.length(1);
  });

  it('keep answers for a while, not for their TTL; and not at all where nothing is to be kept', async () => {
    open({});
    const partner = bed.connect('a.partner.example');
    await partner.ask('www.example.com', txt);
    upstream.mark = 'changed';
    expect(textsOf(await partner.ask('www.example.com', txt))).to.deep.equal(['served']);
    bed.nowMs += 4900;
    expect(textsOf(await partner.ask('www.example.com', txt))).to.deep.equal(['served']);
    bed.nowMs += 200;
    expect(textsOf(await partner.ask('www.example.com', txt))).to.deep.equal(['changed']);
    bed.reload({ upstreams: [upstream.at], limits: { 'cache-time': '0ms' } });
    upstream.mark = 'again';
    const other = bed.connect('b.partner.example');
    expect(textsOf(await other.ask('www.example.com', txt))).to.deep.equal(['again']);
    upstream.mark = 'at once';
    expect(textsOf(await other.ask('www.example.com', txt))).to.deep.equal(['at once']);
  });

  it('transfer nothing, and answer class IN alone', async () => {
    open({});
    const partner = bed.connect('a.partner.example');
    const notSupported = `${String(Rcode.REFUSED)} ${String(EdeCode.NOT_SUPPORTED)}`;
    expect(codesOf(await partner.ask('example.com', { type: RrType.AXFR }))).to.equal(notSupported);
    expect(codesOf(await partner.ask('example.com', { class: 3 }))).to.equal(notSupported);
  });
});
