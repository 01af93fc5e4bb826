/**
 * No member ever sees what another view was told, whatever comes together: memory, questions that are put together, old answers,
 * upstreams that are slow, lost or broken, other configurations, and many questions at once on one connection.
 *
 * Resolvers on loopback stand behind each view and sign what they say with its mark; the members' connections are in memory.
 */
import { duplexPair, type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, parseMessage, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeSoa, encodeTxt, parseSoa, parseTxt } from '../../core/dns/rdata.ts';
import { query } from '../core/answer/wire.ts';
import { GateBed, zoneOf } from '../plugins/dot-resolver/gate/gate-bed.ts';
import { DnsServer, type HeardQuery } from '../support/dns-server.ts';
import { until } from '../support/gate.ts';

const views = ['red', 'green', 'blue'] as const;
type ViewName = (typeof views)[number];
const moods = ['quick', 'slow', 'lost', 'servfail', 'nxdomain', 'truncated'] as const;
type Mood = (typeof moods)[number];

/** Local zones of every view have the last. */
const names = ['a.example', 'b.example', 'www.zone.example', 'x.mixed.example', 'host.corp.example'] as const;
/** By the end of their names members see one view, and `mixed` one or the other, by what they ask for. */
const members = [
  '1.red.test',
  '2.red.test',
  '1.green.test',
  '2.green.test',
  '1.blue.test',
  'mixed.test',
] as const;

function viewOf(member: string, name: string): ViewName {
  const own = views.find((view) => member.endsWith(`${view}.test`));
  return own ?? (name.endsWith('mixed.example') ? 'green' : 'red');
}

const access = `clients:
${views.map((view) => `  "*.${view}.test": { allow: [{ action: resolve, view: ${view} }] }`).join('\n')}
  mixed.test:
    allow:
      - { action: resolve, view: green, zones: ["*.mixed.example"] }
      - { action: resolve, view: red, zones: ["*"] }
`;

/** The resolvers of one view: both say the same, and behave as the test wants. */
class Upstreams {
  mood: Mood = 'quick';
  readonly view: ViewName;
  servers: readonly DnsServer[] = [];

  constructor(view: ViewName) {
    this.view = view;
  }

  static async start(view: ViewName): Promise<Upstreams> {
    const upstreams = new Upstreams(view);
    const open = (): Promise<DnsServer> => DnsServer.start((heard) => void upstreams.#answer(heard));
    upstreams.servers = [await open(), await open()];
    return upstreams;
  }

  async #answer({ message, over, send }: HeardQuery): Promise<void> {
    const { mood } = this;
    if (mood === 'lost') return;
    if (mood === 'slow') await sleep(20);
    if (mood === 'truncated' && over === 'udp') {
      send(encodeMessage(makeResponse(message, { tc: true, ra: true })));
      return;
    }
    const octets = encodeMessage(makeResponse(message, { ra: true, ...this.#says(message) }));
    send(over === 'tcp' ? frame(octets) : octets);
  }

  #says({ questions }: Message): Parameters<typeof makeResponse>[1] {
    const record = { name: questions[0]!.name, class: RrClass.IN, ttl: 60 };
    const mark = Name.parse(`${this.view}.mark`);
    const timers = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 };
    const soa = { ...record, type: RrType.SOA, rdata: encodeSoa({ mname: mark, rname: mark, ...timers }) };
    if (this.mood === 'servfail') return { rcode: Rcode.SERVFAIL, authorities: [soa] };
    if (this.mood === 'nxdomain') return { rcode: Rcode.NXDOMAIN, authorities: [soa] };
    return { answers: [{ ...record, type: RrType.TXT, rdata: encodeTxt([Buffer.from(this.view)]) }] };
  }
}

interface Asked {
  readonly name: string;
  readonly view: ViewName;
  reply: Message | undefined;
}

/** A member's end of a connection. */
class Member {
  readonly name: string;
  readonly asked = new Map<number, Asked>();
  readonly faults: string[] = [];
  readonly #socket: Duplex;

  constructor(bed: GateBed, name: string) {
    this.name = name;
    const [ours, theirs] = duplexPair();
    bed.serve(ours, name);
    this.#socket = theirs;
    const reader = new FrameReader();
    theirs.on('data', (chunk: Buffer) => {
      for (const octets of reader.push(chunk)) this.#hear(octets);
    });
  }

  ask(
    name: string,
    options: { readonly dnssecOk: boolean; readonly cd: boolean; readonly isUpper: boolean },
  ): void {
    const id = this.asked.size;
    const written = options.isUpper ? name.toUpperCase() : name;
    this.asked.set(id, { name: written, view: viewOf(this.name, name), reply: undefined });
    this.#socket.write(frame(query(written, { ...options, id, type: RrType.TXT, options: [] })));
  }

  get waits(): boolean {
    return [...this.asked.values()].some(({ reply }) => reply === undefined);
  }

  leave(): void {
    this.#socket.destroy();
  }

  #hear(octets: Buffer): void {
    const reply = parseMessage(octets);
    const asked = this.asked.get(reply.header.id);
    if (asked === undefined || asked.reply !== undefined) {
      this.faults.push(`${this.name} got an answer that it waits for no more`);
      return;
    }
    asked.reply = reply;
    if (reply.questions[0]?.name.toString() !== asked.name)
      this.faults.push(`${this.name}: another question`);
    for (const mark of marksOf(reply))
      if (mark !== asked.view) this.faults.push(`${this.name} asked ${asked.name} and saw ${mark}`);
  }
}

/** The views that have a mark in a message. */
function marksOf({ answers, authorities }: Message): string[] {
  return [...answers, ...authorities].flatMap(({ type, rdata }) => {
    if (type === RrType.TXT) return parseTxt(rdata).map(String);
    return type === RrType.SOA ? (/^(\w+)\.mark/.exec(parseSoa(rdata).mname.toString())?.slice(1) ?? []) : [];
  });
}

const seldom = fc.nat(5).map((number) => number === 0);

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('ask'),
      member: fc.nat(members.length - 1),
      name: fc.constantFrom(...names),
      count: fc.integer({ min: 1, max: 4 }),
      // Seldom, so that the same is asked again and again.
      dnssecOk: seldom,
      cd: seldom,
      isUpper: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('time'),
      ms: fc.constantFrom(100, 950, 31_000, 61_000, 61_000, 61_000, 90_000_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('mood'), view: fc.nat(2), mood: fc.constantFrom(...moods) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload'), variant: fc.nat(15) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(0, 1, 25, 60) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe('views of dot-resolver', function () {
  this.timeout(120_000);
  let upstreams: readonly Upstreams[];

  before(async () => {
    upstreams = await Promise.all(views.map((view) => Upstreams.start(view)));
  });

  after(async () => {
    await Promise.all(upstreams.flatMap(({ servers }) => servers.map((server) => server.close())));
  });

  /** Bits: by TCP or UDP, which resolvers, in which order, and whether the views are made anew. */
  function config(variant: number): Readonly<Record<string, unknown>> {
    const entries = upstreams.map(({ view, servers }) => {
      const ports = servers.map(({ port }) => `127.0.0.1:${String(port)}`);
      const order = (variant & 2) === 0 ? ports : ports.toReversed();
      const some = (variant & 4) === 0 ? order : order.slice(0, 1);
      const zones = { 'corp.example': `${view}.zone` };
      const rate = (variant & 8) === 0 ? {} : { rate: '1000000/s' };
      return [view, { upstreams: some, transport: (variant & 1) === 0 ? 'udp' : 'tcp', zones, ...rate }];
    });
    return {
      views: Object.fromEntries(entries) as object,
      'default-view': 'blue',
      limits: {
        'upstream-time': '300ms',
        'upstream-retry': '40ms',
        'stale-after': '10ms',
        'cache-entries': 50,
      },
    };
  }

  async function run(steps: readonly Step[], seen: Map<string, number>): Promise<void> {
    const files = Object.fromEntries(views.map((view) => [`${view}.zone`, zoneOf(view)]));
    const bed = new GateBed({ config: config(0), access, files });
    const present = members.map((name) => new Member(bed, name));
    try {
      await growOld(bed, present);
      for (const each of steps) {
        if ('member' in each) {
          for (let time = 0; time < each.count; time += 1) present[each.member]!.ask(each.name, each);
        } else if ('mood' in each) {
          upstreams[each.view]!.mood = each.mood;
        } else if ('variant' in each) {
          bed.reload(config(each.variant));
        } else if (each.kind === 'time') {
          bed.nowMs += each.ms;
        } else {
          await sleep(each.ms);
        }
      }
      await until('all have answers', () => present.every((member) => !member.waits), 30_000);
      expect(present.flatMap(({ faults }) => faults)).to.deep.equal([]);
      expect(bed.log.of('defect')).to.deep.equal([]);
      note(present, seen);
    } finally {
      for (const member of present) member.leave();
      for (const each of upstreams) each.mood = 'quick';
      await bed.close();
    }
  }

  /** All begins with answers that have grown old, and with resolvers that are too slow for those who ask for them again. */
  async function growOld(bed: GateBed, present: readonly Member[]): Promise<void> {
    const askAll = (): void => {
      for (const member of present)
        for (const name of names) member.ask(name, { dnssecOk: false, cd: false, isUpper: false });
    };
    askAll();
    await until('all have answers', () => present.every((member) => !member.waits), 30_000);
    bed.nowMs += 61_000;
    for (const each of upstreams) each.mood = 'slow';
    askAll();
  }

  /** What happened, so that the test can tell whether it has tested anything. */
  function note(present: readonly Member[], seen: Map<string, number>): void {
    for (const { reply } of present.flatMap(({ asked }) => [...asked.values()])) {
      const isMarked = marksOf(reply!).length > 0;
      const isStale = reply!.answers[0]?.ttl === 30;
      const what = `${String(reply!.header.rcode)}${isMarked ? ' marked' : ''}${isStale ? ' stale' : ''}`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  }

  it('never mix, and every question is answered once', async () => {
    const seen = new Map<string, number>();
    const check = fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 90 }), (steps) =>
      run(steps, seen),
    );
    await fc.assert(check, { numRuns: 14, endOnFailure: true });
    expect([...seen.keys()]).to.include.members(['0 marked', '0 marked stale', '3 marked', '2']);
    expect(seen.get('0 marked')).to.be.above(300);
  });
});
