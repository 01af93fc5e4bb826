/**
 * The local zones of a view beside NSD and Knot DNS with the same zone file: the same answers to thousands of questions. A view
 * answers as a resolver does, so that these differences are meant, and are looked at one by one:
 *
 * - RA and not AA (RFC 1035 section 4.1.1): the view is no authoritative server to its clients.
 * - A delegation is no answer for a stub: where the peers refer, the view asks its upstream.
 * - An alias that leads out of the zone is followed to its end, by the upstream; so is one that leads below a delegation.
 * - The DS record at the apex belongs to the zone above (RFC 4035 section 3.1.4.1): the peers deny it, the view asks.
 * - A circle of aliases is SERVFAIL, as resolvers have it; the peers give what they have of it.
 * - No NS and address records that were not asked for.
 */
import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Rcode, RrType, rrTypeName } from '../../core/dns/constants.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
} from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRecord } from '../../core/dns/present.ts';
import { startKnotPrimary, startNsdPrimary, type StartPrimary } from '../support/peers/primaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { messageOf, openView, queryFor, type ViewBed } from '../plugins/dot-resolver/view/view-bed.ts';

const apex = 'corp.example';
const text = `$TTL 300
@       3600 IN SOA ns.${apex}. host (
                    1 3600 600 86400 60 )
        NS      ns
        MX      10 a
ns      A       192.0.2.53
a       A       192.0.2.1
        A       192.0.2.2
        AAAA    2001:db8::1
        TXT     "one" "two"
b       60 CNAME a
c       CNAME   b
x       CNAME   nowhere
b.a     CNAME   www.other.example.
c.b.a   TXT     deep
*.c     TXT     "wild"
        MX      5 a
a.*.c   A       192.0.2.3
b.c     A       192.0.2.4
*.b.c   CNAME   a
c.c     CNAME   a.a.c
*.w     CNAME   x.w.other.example.
w.w     A       192.0.2.5
cut     NS      ns.cut
        NS      ns.other.example.
        DS      1 13 2 abcdef
ns.cut  A       192.0.2.6
a.cut   A       192.0.2.7
b.w     CNAME   a.cut
d       DNAME   c
        TXT     "beside"
e       DNAME   other.example.
f       DNAME   d
x.x     TYPE65280 \\# 3 010203
loop    CNAME   pool
pool    CNAME   loop
long    DNAME   ${'x'.repeat(63)}.${'x'.repeat(63)}.${'x'.repeat(63)}
`;

const labels = ['a', 'b', 'c', 'd', 'e', 'w', 'x', '*', 'cut'];
const types = [RrType.A, RrType.TXT, RrType.CNAME, RrType.DS, RrType.MX, RrType.DNAME, RrType.NS, RrType.SOA];
const fewTypes = [RrType.A, RrType.TXT, RrType.CNAME, RrType.NS];

/** Every name of up to three of the labels, and some more. */
function* questions(): Generator<string> {
  const names = ['', ...labels, 'ns', 'f', 'a.f', 'x.a.f', 'loop', 'pool', 'a.loop'];
  names.push('long', 'x.long', `${'y'.repeat(40)}.long`, 'a.b.c.d', 'x.y.z.a.b.c');
  const deeper: string[] = [];
  for (const first of labels) {
    for (const second of labels) {
      names.push(`${first}.${second}`);
      for (const third of labels) deeper.push(`${first}.${second}.${third}`);
    }
  }
  for (const name of names) {
    for (const type of types) yield `${name === '' ? apex : `${name}.${apex}`} ${rrTypeName(type)}`;
  }
  for (const name of deeper) for (const type of fewTypes) yield `${name}.${apex} ${rrTypeName(type)}`;
}

for (const [program, start] of Object.entries<StartPrimary>({
  NSD: startNsdPrimary,
  'Knot DNS': startKnotPrimary,
})) {
  describe(`the local zones of a view beside ${program}`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let port = 0;

    before(async () => {
      ({ port } = await start(bed, { apex, serial: 1, text }));
    });

    after(() => bed.close());

    it('give the same answers [RFC1034-4.3.2] [RFC4592-3.3.1] [RFC6672-3.2] [RFC2308-2]', async () => {
      const all = [...questions()];
      const theirs = await askAll(port, all);
      const view = openView(
        { upstreams: ['127.0.0.1'], zones: { [apex]: 'corp.zone' } },
        { 'corp.zone': text },
      );
      const counts = { same: 0, delegated: 0, 'out of the zone': 0, 'DS at the apex': 0, circle: 0 };
      for (const [index, question] of all.entries()) {
        counts[compare(question, ask(view, question), theirs[index]!)] += 1;
      }
      expect(all.length).to.be.greaterThan(3_000);
      // None of the kinds of difference is there for nothing.
      for (const [kind, count] of Object.entries(counts)) expect(count, kind).to.be.greaterThan(0);
      expect(counts.same).to.be.greaterThan(all.length / 2);
    });
  });
}

interface Ours {
  readonly message: Message;
  /** What went to the upstream, which says "no data". */
  readonly forwarded: Name | undefined;
}

function ask(view: ViewBed, question: string): Ours {
  let message: Message | undefined;
  view.view.resolve(queryFor(question), (outcome) => {
    message = messageOf(outcome);
  });
  const forwarded = view.forwarded.pop();
  const query = forwarded && parseMessage(forwarded.octets);
  if (query) forwarded.end(encodeMessage(makeResponse(query, { ra: true })));
  if (message === undefined) throw new Error(`${question}: no answer`);
  return { message, forwarded: query?.questions[0]?.name };
}

/** What the two have in common, checked. */
function compare(
  question: string,
  { message, forwarded }: Ours,
  theirs: Message,
): 'same' | 'delegated' | 'out of the zone' | 'DS at the apex' | 'circle' {
  if (message.header.rcode === Rcode.SERVFAIL) {
    expect(question).to.match(/(?:loop|pool)\.corp\.example /);
    expect(
      theirs.answers.some(({ type }) => type === RrType.CNAME),
      question,
    ).to.equal(true);
    return 'circle';
  }
  const isDsAtApex = question === `${apex} DS`;
  expect(message.header.ra && !message.header.aa, question).to.equal(true);
  expect(answered(message), question).to.equal(answered(theirs));
  if (isDsAtApex) {
    expect(forwarded?.toString()).to.equal(apex);
    expect(denials(theirs)).not.to.equal('');
    return 'DS at the apex';
  }
  expect(denials(message), question).to.equal(denials(theirs));
  if (forwarded === undefined) {
    const isReferral =
      theirs.answers.length === 0 && denials(theirs) === '' && theirs.header.rcode === Rcode.NOERROR;
    expect(isReferral, question).to.equal(false);
    return 'same';
  }
  if (!forwarded.isAtOrBelow(Name.parse(apex))) {
    expect(theirs.answers.length, question).to.be.greaterThan(0);
    return 'out of the zone';
  }
  const cut = Name.parse(`cut.${apex}`);
  expect(forwarded.isAtOrBelow(cut), question).to.equal(true);
  const referral = theirs.authorities.filter(({ name, type }) => type === RrType.NS && name.equals(cut));
  expect(referral, question).to.have.length(2);
  return 'delegated';
}

/** Code and answer section as one text: a comparison of values would take most of the time. */
function answered({ header, answers }: Message): string {
  return [header.rcode, ...answers.map(presentRecord).sort()].join('\n');
}

/** The SOA records of a denial. */
function denials({ authorities }: Message): string {
  return authorities
    .filter(({ type }) => type === RrType.SOA)
    .map(presentRecord)
    .join('\n');
}

/** Questions under way on one connection: Knot DNS ends one that sends without reading. */
const window = 100;

/** The answers of a server on TCP, in the order of the questions. */
async function askAll(port: number, all: readonly string[]): Promise<Message[]> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const answers = new Array<Message>(all.length);
  const reader = new FrameReader();
  let asked = 0;
  let count = 0;
  const askMore = (): void => {
    for (; asked < all.length && asked - count < window; asked += 1) {
      const query = queryFor(all[asked]!);
      socket.write(frame(encodeMessage(makeQuery({ id: asked, name: query.name(), type: query.type }))));
    }
  };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('close', () => {
      reject(new Error(`closed after ${String(count)} answers`));
    });
    socket.on('data', (octets: Buffer) => {
      for (const message of reader.push(octets)) {
        const answer = parseMessage(message);
        answers[answer.header.id] = answer;
        count += 1;
      }
      if (count === all.length) resolve();
      else askMore();
    });
    askMore();
  });
  socket.removeAllListeners('close').destroy();
  return answers;
}
