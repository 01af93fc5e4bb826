import { expect } from 'chai';
import { ConfigError } from '../../../../core/config/errors.ts';
import { EdeCode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { extendedError } from '../../../../core/dns/edns.ts';
import { encodeMessage, makeResponse, parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA, encodeTxt } from '../../../../core/dns/rdata.ts';
import { parseRecords } from '../../../../core/dns/record-text.ts';
import { issueIdentity } from '../../../../core/pki/issue.ts';
import type { ViewOutcome } from '../../../../plugins/dot-resolver/view/query.ts';
import { answersOf, authoritiesOf, messageOf, openView, queryFor, type ViewBed } from './view-bed.ts';

const soa = '$TTL 300\n@ SOA ns host 1 3600 600 86400 60\n';
const denial = 'corp.example. 60 IN SOA ns.corp.example. host.corp.example. 1 3600 600 86400 60';
const upstreams = ['127.0.0.1:5300'];
const withZone = (text: string, config: Record<string, unknown> = {}): ViewBed =>
  openView({ upstreams, zones: { 'corp.example': 'corp.zone' }, ...config }, { 'corp.zone': soa + text });

/** The upstream's answer to what was forwarded. */
function upstreamSays(
  bed: ViewBed,
  records: string,
  fields: Parameters<typeof makeResponse>[1] = {},
): ViewOutcome {
  const forwarded = bed.forwarded.at(-1);
  if (forwarded === undefined) throw new Error('nothing was forwarded');
  const answers = records === '' ? [] : parseRecords(records);
  const message: Message = makeResponse(parseMessage(forwarded.octets), {
    answers,
    aa: true,
    ad: true,
    ra: true,
    ...fields,
  });
  forwarded.end(encodeMessage(message));
  return (bed as ViewBed & { outcome: ViewOutcome }).outcome;
}

/** Asks, and keeps what comes for `upstreamSays`. */
function asking(
  bed: ViewBed,
  question: string,
  options = {},
): ViewBed & { outcome: ViewOutcome | undefined } {
  const kept = Object.assign(bed, { outcome: undefined as ViewOutcome | undefined });
  bed.view.resolve(queryFor(question, options), (outcome) => {
    expect(kept.outcome).to.equal(undefined);
    kept.outcome = outcome;
  });
  return kept;
}

describe('a view that forwards', () => {
  it('hands the query on as it is, and the answer too', () => {
    const bed = asking(openView({ upstreams }), 'www.example');
    expect(bed.forwarded[0]!.octets).to.deep.equal(queryFor('www.example').octets);
    const answer = upstreamSays(bed, 'www.example. 60 A 192.0.2.1');
    expect(answersOf(answer)).to.deep.equal(['www.example. 60 IN A 192.0.2.1']);
    // What of it a client is told is the gate's matter.
    expect(messageOf(answer).header).to.include({ ad: true, aa: true });
  });

  it('hands on why there is no answer', () => {
    const bed = asking(openView({ upstreams }), 'www.example');
    const failure = { failure: '127.0.0.1:5300 says nothing', isTimeout: true, kind: 'unreachable' } as const;
    bed.forwarded[0]!.end(failure);
    expect(bed.outcome).to.equal(failure);
  });

  it('tells the forwarder who asks, and to give up', () => {
    const bed = openView({ upstreams });
    const at = { address: '127.0.0.1', port: 853 };
    const client = { name: 'laptop.corp.example', remote: at, local: at };
    const giveUp = bed.view.resolve(queryFor('www.example', { client }), () => expect.fail('answered'));
    expect(bed.forwarded[0]!.client).to.equal(client);
    giveUp();
    expect(bed.forwarded[0]!.isGivenUp).to.equal(true);
  });

  it('gives each server its transport, or the authorities', async () => {
    expect(openView({ upstreams: ['127.0.0.1', '[::1]:54'], transport: 'tcp' }).servers).to.deep.equal([
      { address: '127.0.0.1', port: 53, transport: 'tcp' },
      { address: '::1', port: 54, transport: 'tcp' },
    ]);
    const overTls = { address: '192.0.2.1', port: 853, transport: 'tls' };
    const upstream = ['192.0.2.1#dns.example'];
    const validity = { notBeforeMs: 0, notAfterMs: 86_400_000 };
    const name = Name.parse('ca.example');
    const { certificatePem: pem } = await issueIdentity({ name, algorithm: 'p256', ...validity });
    expect(openView({ upstreams: upstream, ca: 'ca.pem' }, { 'ca.pem': pem }).servers).to.deep.equal([
      { ...overTls, tls: { name: 'dns.example', ca: [pem] } },
    ]);
    expect(() => openView({ upstreams: upstream, ca: 'ca.pem' }, { 'ca.pem': 'PEM' })).to.throw(
      ConfigError,
      /ca\.pem:1:1: .*no certificate that can be read/,
    );
    expect(openView({ upstreams: upstream }).servers).to.deep.equal([
      { ...overTls, tls: { name: 'dns.example' } },
    ]);
  });

  it('closes the forwarder, and says when all of its servers are down', () => {
    const bed = openView({ upstreams });
    expect(bed.view.problem).to.equal(undefined);
    bed.isDown = true;
    expect(bed.view.problem).to.equal('no upstream of view internal answers');
    bed.view.close();
    expect(bed.isClosed).to.equal(true);
  });
});

describe('the local zones of a view', () => {
  it('answer as a resolver does: RA, no AA, no AD, the CD of the question', () => {
    const { header, questions, edns } = messageOf(
      withZone('a A 192.0.2.1').ask('A.corp.example', { checkingDisabled: true }),
    );
    expect(header).to.include({
      qr: true,
      rd: true,
      ra: true,
      aa: false,
      ad: false,
      tc: false,
      cd: true,
      rcode: 0,
    });
    expect(questions[0]!.name.toString()).to.equal('A.corp.example');
    expect(edns).to.equal(undefined);
    expect(messageOf(withZone('a A 192.0.2.1').ask('a.corp.example')).header.cd).to.equal(false);
  });

  it('answer with the name as it was asked', () => {
    const bed = withZone('a A 192.0.2.1\n*.w TXT x');
    expect(answersOf(bed.ask('A.Corp.example'))).to.deep.equal(['A.Corp.example. 300 IN A 192.0.2.1']);
    expect(answersOf(bed.ask('y.W.corp.example TXT'))).to.deep.equal(['y.W.corp.example. 300 IN TXT "x"']);
    expect(bed.forwarded).to.deep.equal([]);
  });

  it('say that there is no such name, or no such data, with the SOA record [RFC2308-2.1] [RFC2308-2.2] [RFC2308-3]', () => {
    const bed = withZone('a.b A 192.0.2.1');
    const none = bed.ask('x.corp.example');
    expect(messageOf(none).header.rcode).to.equal(Rcode.NXDOMAIN);
    expect(authoritiesOf(none)).to.deep.equal([denial]);
    const empty = bed.ask('b.corp.example');
    expect(messageOf(empty).header.rcode).to.equal(Rcode.NOERROR);
    expect(authoritiesOf(empty)).to.deep.equal([denial]);
  });

  it('give one RRset for ANY, an alias too [RFC8482-4.1]', () => {
    const bed = withZone('a A 192.0.2.1\na TXT x\nb CNAME a');
    expect(answersOf(bed.ask('a.corp.example ANY'))).to.deep.equal(['a.corp.example. 300 IN A 192.0.2.1']);
    expect(answersOf(bed.ask('b.corp.example ANY'))).to.deep.equal([
      'b.corp.example. 300 IN CNAME a.corp.example.',
    ]);
  });

  it('follow aliases within the zone and into another [RFC1034-3.6.2]', () => {
    const bed = openView(
      { zones: { 'corp.example': 'corp.zone', 'lab.example': 'lab.zone' } },
      { 'corp.zone': `${soa}a CNAME b\nb CNAME c.lab.example.`, 'lab.zone': `${soa}c A 192.0.2.1` },
    );
    expect(answersOf(bed.ask('a.corp.example'))).to.deep.equal([
      'a.corp.example. 300 IN CNAME b.corp.example.',
      'b.corp.example. 300 IN CNAME c.lab.example.',
      'c.lab.example. 300 IN A 192.0.2.1',
    ]);
    expect(answersOf(bed.ask('a.corp.example CNAME'))).to.have.length(1);
  });

  it('say of the end of an alias what there is to say [RFC6604-3]', () => {
    const bed = withZone('a CNAME x\nb CNAME c\nc TXT x');
    const none = bed.ask('a.corp.example');
    expect(messageOf(none).header.rcode).to.equal(Rcode.NXDOMAIN);
    expect(answersOf(none)).to.have.length(1);
    expect(authoritiesOf(none)).to.deep.equal([denial]);
    const noData = bed.ask('b.corp.example');
    expect(messageOf(noData).header.rcode).to.equal(Rcode.NOERROR);
    expect(authoritiesOf(noData)).to.deep.equal([denial]);
  });

  it('follow 8 aliases and no more', () => {
    const chain = Array.from({ length: 9 }, (_, number) => `c${String(number)} CNAME c${String(number + 1)}`);
    const bed = withZone(`${chain.join('\n')}\nc9 A 192.0.2.1`);
    expect(answersOf(bed.ask('c1.corp.example'))).to.have.length(9);
    const outcome = bed.ask('c0.corp.example');
    expect(messageOf(outcome).header.rcode).to.equal(Rcode.SERVFAIL);
    expect(outcome).to.include({ infoCode: EdeCode.OTHER, text: 'CNAME chain too long' });
    expect(answersOf(outcome)).to.deep.equal([]);
  });

  it('end a circle of aliases [RFC1034-5.2.2]', () => {
    const bed = withZone('a CNAME b\nb CNAME a\nd DNAME e\ne DNAME d');
    for (const asked of ['a.corp.example', 'x.d.corp.example']) {
      expect(messageOf(bed.ask(asked)).header.rcode).to.equal(Rcode.SERVFAIL);
    }
  });

  it('make an alias of a DNAME record, with its TTL [RFC6672-3.1] [RFC6672-2.2]', () => {
    const bed = withZone('d 77 DNAME e\nx.y.e A 192.0.2.1\nd TXT x');
    expect(answersOf(bed.ask('x.y.d.corp.example'))).to.deep.equal([
      'd.corp.example. 77 IN DNAME e.corp.example.',
      'x.y.d.corp.example. 77 IN CNAME x.y.e.corp.example.',
      'x.y.e.corp.example. 300 IN A 192.0.2.1',
    ]);
    expect(answersOf(bed.ask('x.d.corp.example CNAME'))).to.have.length(2);
    expect(answersOf(bed.ask('d.corp.example DNAME'))).to.have.length(1);
    expect(answersOf(bed.ask('d.corp.example TXT'))).to.have.length(1);
    expect(answersOf(bed.ask('d.corp.example A'))).to.deep.equal([]);
  });

  it('say YXDOMAIN where the DNAME makes too long a name [RFC6672-2.2]', () => {
    const label = 'x'.repeat(60);
    const bed = withZone(`d DNAME ${label}.${label}.${label}`);
    const outcome = bed.ask(`${label}.${label}.d.corp.example`);
    expect(messageOf(outcome).header.rcode).to.equal(Rcode.YXDOMAIN);
    expect(answersOf(outcome)).to.have.length(1);
  });

  it('leave to the upstream what they delegate, but for the DS record', () => {
    const bed = withZone('cut NS ns.cut\ncut DS 1 13 2 abcd\nns.cut A 192.0.2.1');
    expect(answersOf(bed.ask('cut.corp.example DS'))).to.have.length(1);
    for (const asked of ['cut.corp.example', 'a.cut.corp.example', 'cut.corp.example NS']) {
      expect(bed.ask(asked)).to.equal(undefined);
    }
    expect(bed.forwarded).to.have.length(3);
  });

  it('leave to the upstream the DS record at their apex, or to the local zone above [RFC4035-3.1.4.1]', () => {
    expect(withZone('').ask('corp.example DS')).to.equal(undefined);
    const alone = openView({ zones: { 'corp.example': 'corp.zone' } }, { 'corp.zone': soa });
    expect(authoritiesOf(alone.ask('corp.example DS'))).to.deep.equal([denial]);
    const config = { upstreams, zones: { 'corp.example': 'corp.zone', example: 'example.zone' } };
    const both = openView(config, { 'corp.zone': soa, 'example.zone': `${soa}corp DS 1 13 2 abcd` });
    expect(answersOf(both.ask('corp.example DS'))).to.have.length(1);
  });

  it('have nothing to do with other classes', () => {
    const bed = withZone('a TXT x');
    expect(bed.ask('a.corp.example TXT', { class: RrClass.CH })).to.equal(undefined);
    expect(bed.forwarded).to.have.length(1);
  });

  it('refuse all else where there is no upstream', () => {
    const bed = openView(
      { zones: { 'corp.example': 'corp.zone' } },
      { 'corp.zone': `${soa}a CNAME www.other.` },
    );
    for (const asked of ['www.other', 'a.corp.example']) {
      const outcome = bed.ask(asked);
      expect(messageOf(outcome).header.rcode).to.equal(Rcode.REFUSED);
      expect(answersOf(outcome)).to.deep.equal([]);
      expect(outcome).to.include({ infoCode: EdeCode.PROHIBITED });
    }
  });

  it('answer with the largest RRset that is read', () => {
    const lines = Array.from({ length: 215 }, (_, number) => `big TXT ${'x'.repeat(240)}${String(number)}`);
    const label = 'x'.repeat(60);
    const chain = Array.from({ length: 8 }, (_, number) => {
      const name = (index: number): string =>
        index === 0 ? 'big' : `${label}.${label}.${label}.c${String(index)}`;
      return `${name(8 - number)} CNAME ${name(7 - number)}`;
    });
    const bed = withZone([...lines, ...chain].join('\n'));
    const answers = messageOf(bed.ask(`${label}.${label}.${label}.c8.corp.example TXT`)).answers;
    expect(answers).to.have.length(8 + 215);
  });
});

describe('an alias of a local zone that leads to an upstream', () => {
  it('is answered with both, as one answer that nobody vouches for', () => {
    const bed = asking(withZone('a CNAME www.other.'), 'a.corp.example AAAA', {
      dnssecOk: true,
      checkingDisabled: true,
    });
    const { header, questions, edns } = parseMessage(bed.forwarded[0]!.octets);
    expect(questions).to.deep.equal([
      { name: Name.parse('www.other'), type: RrType.AAAA, class: RrClass.IN },
    ]);
    expect(header).to.include({ rd: true, cd: true });
    expect(edns!.dnssecOk).to.equal(true);
    const answer = upstreamSays(bed, 'www.other. 60 CNAME w.other.\nw.other. 60 AAAA ::1');
    expect(answersOf(answer)).to.deep.equal([
      'a.corp.example. 300 IN CNAME www.other.',
      'www.other. 60 IN CNAME w.other.',
      'w.other. 60 IN AAAA ::1',
    ]);
    expect(messageOf(answer).header).to.include({ ra: true, aa: false, ad: false, rcode: 0 });
    expect(messageOf(answer).questions[0]!.name.toString()).to.equal('a.corp.example');
  });

  it('has the code, the SOA record and the Extended DNS Error of the upstream [RFC8914-3]', () => {
    const bed = asking(withZone('a CNAME www.other.'), 'a.corp.example');
    const options = [
      { code: 10, data: Buffer.from('cookiecookie') },
      extendedError(EdeCode.STALE_ANSWER, 'old'),
    ];
    const answer = upstreamSays(bed, '', {
      rcode: Rcode.NXDOMAIN,
      authorities: parseRecords('other. 60 SOA a. b. 1 2 3 4 5'),
      edns: { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk: false, options },
    });
    expect(messageOf(answer).header.rcode).to.equal(Rcode.NXDOMAIN);
    expect(authoritiesOf(answer)).to.have.length(1);
    expect(messageOf(answer).edns!.options).to.deep.equal([options[1]]);
  });

  it('has no answer where the upstream has none', () => {
    const bed = asking(withZone('a CNAME www.other.'), 'a.corp.example');
    bed.forwarded[0]!.end({ failure: 'silence', isTimeout: true, kind: 'unreachable' });
    expect(bed.outcome).to.deep.equal({ failure: 'silence', isTimeout: true, kind: 'unreachable' });
  });

  it('has no answer where the upstream sends nonsense', () => {
    const bed = asking(withZone('a CNAME www.other.'), 'a.corp.example');
    bed.forwarded[0]!.end(Buffer.from('nonsense'));
    expect(bed.outcome)
      .to.have.property('failure')
      .that.matches(/about www\.other is no DNS message/);
  });

  it('leaves out what was not asked for where there is no room, and then all', () => {
    const big = (count: number) =>
      Array.from({ length: count }, () => ({
        name: Name.parse('www.other'),
        type: RrType.TXT,
        class: RrClass.IN,
        ttl: 60,
        rdata: encodeTxt([Buffer.alloc(255, 'x')]),
      }));
    const glue = {
      name: Name.parse('ns.other'),
      type: RrType.A,
      class: RrClass.IN,
      ttl: 60,
      rdata: encodeA('192.0.2.1'),
    };
    const bed = asking(withZone('a CNAME www.other.'), 'a.corp.example TXT');
    const less = upstreamSays(bed, '', {
      answers: big(243),
      additionals: Array.from({ length: 20 }, () => glue),
    });
    expect(messageOf(less).answers).to.have.length(244);
    expect(messageOf(less).additionals).to.deep.equal([]);
    const long = `${'x'.repeat(63)}.${'x'.repeat(63)}`;
    const other = asking(withZone(`${long} CNAME www.other.`), `${long}.corp.example TXT`);
    const none = upstreamSays(other, '', { answers: big(244) });
    expect(messageOf(none).header.rcode).to.equal(Rcode.SERVFAIL);
    expect(none).to.include({ infoCode: EdeCode.OTHER, text: 'answer too long' });
  });
});
