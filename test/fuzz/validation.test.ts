/**
 * Lies put into the answers of validated lookups: never may one crash it, keep it busy, make a lie secure, or make an
 * insecure name of a secure one. Set DANCED_FUZZ_CASES for more of them than an ordinary run has time for.
 */
import { expect } from 'chai';
import { rrTypeName } from '../../core/dns/constants.ts';
import { encodeMessage } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { TrustAnchors } from '../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../core/dnssec/budget.ts';
import { lookup, PlainMemory } from '../../core/dnssec/lookup.ts';
import type { Inquiry, Verdict, ZoneTrust } from '../../core/dnssec/lookup.ts';
import { ordinaryPeriod, SignedInternet, startOfTimeMs } from '../support/signed-internet.ts';
import { signRrset } from '../support/signing-key.ts';
import { parseInquiry, rootAnchor } from '../support/validated-lookup.ts';
import { mutateAnswer } from './mutate-message.ts';
import type { Material, TrueAnswer } from './mutate-message.ts';
import { fuzzSeed, Random } from './random.ts';

const ordinaryCases = 20_000;
const cases = Number(process.env['DANCED_FUZZ_CASES'] ?? ordinaryCases);
/** An ordinary run on a slow machine ends after so long, however many cases it has done. */
const ordinaryMs = 20_000;
const longestMs = 50;

const tlsa = (octet: string): string => `TLSA 3 1 1 ${octet.repeat(32)}`;
const names = `_xfr ${tlsa('ab')}\n_xfr TXT "one"\n_xfr TXT "two"\n*.w ${tlsa('cd')}\nc CNAME _xfr\nd DNAME @\nx.ent TXT "deep"\nout CNAME _xfr.ns2.example.`;
const evil = `_xfr ${tlsa('66')}\n*.w ${tlsa('66')}\nc CNAME _xfr`;

const questions = ['example', 'ns2.example', 'ns2.n3', 'ns2.optout'].flatMap((zone) => [
  `TLSA _xfr.${zone}`,
  `TXT _xfr.${zone}`,
  `TLSA q.w.${zone}`,
  `TLSA c.${zone}`,
  `TLSA _xfr.d.${zone}`,
  `TLSA nowhere.${zone}`,
  `A _xfr.${zone}`,
  `A ent.${zone}`,
  `TLSA out.${zone}`,
]);
const more = [
  'TLSA _xfr.plain.example',
  'TLSA _xfr.plain.n3',
  'TLSA _xfr.plain.optout',
  'TLSA nowhere.optout',
  'DS ns2.example',
  'DS plain.example',
  'DS plain.n3',
  'DNSKEY ns2.example',
  'DNSKEY .',
];

/** A question to lie about, in a lookup. */
interface Scene {
  readonly question: Inquiry;
  /** The truth. */
  readonly verdict: Verdict;
  /** The one whose answer is changed. */
  readonly about: Inquiry;
  readonly answer: TrueAnswer;
  /** Zones that are known beforehand: those that the answer has no part in. */
  readonly known: readonly ZoneTrust[];
}

describe(`validation and ${cases} mutated answers (seed ${fuzzSeed})`, function () {
  this.timeout(0);
  const internet = new SignedInternet({
    // RSA is the fastest to verify.
    '.': { algorithm: 8 },
    example: { algorithm: 8, records: names },
    'ns2.example': { records: names },
    'plain.example': { keys: 'unsigned', records: names },
    'evil.example': { records: evil },
    n3: { algorithm: 8, denial: { iterations: 1, salt: Buffer.of(1) } },
    'ns2.n3': { records: names, denial: {}, algorithm: 8 },
    'plain.n3': { keys: 'unsigned', records: names },
    'evil.n3': { records: evil, denial: {} },
    optout: { algorithm: 8, denial: { optOut: true } },
    'ns2.optout': { records: names, algorithm: 15 },
    'plain.optout': { keys: 'unsigned', records: names },
  });
  const anchors = new TrustAnchors([rootAnchor(internet)]);
  const answers = new Map<string, TrueAnswer>();

  function trueAnswer({ name, type }: Inquiry): TrueAnswer {
    const key = `${type} ${name.key}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const message = internet.answer(name, type);
    const answer = { message, wire: encodeMessage(message) };
    answers.set(key, answer);
    return answer;
  }

  /** Each question that a lookup asks is one to lie about. */
  function scenesOf(text: string): Scene[] {
    const question = parseInquiry(text);
    const zones = new Map<string, ZoneTrust>();
    class Watched extends PlainMemory {
      override rememberZone(trust: ZoneTrust): void {
        zones.set(trust.zone.key, trust);
        super.rememberZone(trust);
      }
    }
    const asked: Inquiry[] = [];
    const budget = new WorkBudget();
    const steps = lookup(question, { anchors, memory: new Watched(), nowMs: startOfTimeMs, budget });
    let step = steps.next();
    while (step.done !== true) {
      asked.push(step.value);
      step = steps.next({ message: trueAnswer(step.value).message, from: 'the truth' });
    }
    const verdict = step.value;
    return asked.map((about) => {
      const isOfZone = rrTypeName(about.type) === 'DS' || rrTypeName(about.type) === 'DNSKEY';
      const known = [...zones.values()].filter(({ zone }) => !isOfZone || !zone.isAtOrBelow(about.name));
      return { question, verdict, about, answer: trueAnswer(about), known };
    });
  }

  const scenes = [...questions, ...more].flatMap(scenesOf);
  /** Lies about the records themselves, which take few signatures, and lies about zones, which take more. */
  const ofRecords = scenes.filter(({ question, about }) => question.type === about.type);
  const ofZones = scenes.filter((scene) => !ofRecords.includes(scene));
  const material: Material = {
    records: [
      ...new Set(
        [...answers.values()].flatMap(({ message }) => [...message.answers, ...message.authorities]),
      ),
      ...internet.signer('evil.example').all(),
      ...internet.signer('evil.n3').all(),
      ...forgeries(),
    ],
    names: [...new Set(scenes.flatMap(({ question, about }) => [question.name, about.name])), Name.root],
  };

  /** What the attacker's own key signs in the names of others. */
  function forgeries(): ResourceRecord[] {
    const [key] = internet.keys.get('evil.example') ?? [];
    if (key === undefined) throw new RangeError('no key');
    const [record] = internet.signer('evil.example').records('_xfr.evil.example', 52);
    if (record === undefined) throw new RangeError('no record');
    return ['_xfr.ns2.example', '_xfr.example', '_xfr.ns2.n3', 'nowhere.ns2.example'].flatMap((owner) => {
      const name = Name.parse(owner);
      const rrset = { ...record, name, rdatas: [record.rdata] };
      return [
        { ...record, name },
        ...['evil.example', 'ns2.example', 'example', owner].map((signer) =>
          signRrset(rrset, key, { ...ordinaryPeriod, signer: Name.parse(signer) }),
        ),
      ];
    });
  }

  it('has the truth right', () => {
    const results = new Map(scenes.map(({ question, verdict }) => [question, verdict]));
    expect([...results.values()].filter(({ status }) => status === 'secure')).to.have.length.above(35);
    expect([...results.values()].filter(({ status }) => status === 'bogus')).to.deep.equal([]);
  });

  it('takes none of them for more than it is', () => {
    const begunMs = performance.now();
    const ends: Record<string, number> = {};
    let slowestMs = 0;
    let done = 0;
    for (; done < cases; done += 1) {
      if (cases === ordinaryCases && performance.now() - begunMs > ordinaryMs) break;
      const what = `case ${done}`;
      const { scene, verdict, ms } = runCase(done);
      slowestMs = Math.max(slowestMs, ms);
      if (ms > longestMs) expect.fail(`${what} took ${ms} ms of CPU`);
      if (verdict === undefined) {
        ends['no message'] = (ends['no message'] ?? 0) + 1;
        continue;
      }
      ends[verdict.status] = (ends[verdict.status] ?? 0) + 1;
      const { status } = verdict;
      if (status === 'secure' && summary(verdict) !== summary(scene.verdict)) {
        expect.fail(`${what} became ${summary(verdict)}, the truth is ${summary(scene.verdict)}`);
      }
      if (status === 'insecure' && scene.verdict.status === 'secure') expect.fail(`${what} became insecure`);
    }
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
    console.log(
      `      ${done} cases in ${seconds} s, slowest ${slowestMs.toFixed(1)} ms: ${JSON.stringify(ends)}`,
    );
    expect(ends['secure']).to.be.above(done / 20);
    expect(ends['bogus']).to.be.above(done / 20);
  });

  /** One case. What took long by the clock, where others use the CPU too, is done again to see what it costs. */
  function runCase(index: number): { scene: Scene; verdict: Verdict | undefined; ms: number } {
    const random = new Random(fuzzSeed * 1_000_003 + index);
    const scene = random.pick(random.below(4) === 0 ? ofZones : ofRecords);
    const message = mutateAnswer(scene.answer, material, random);
    if (message === undefined) return { scene, verdict: undefined, ms: 0 };
    const begunMs = performance.now();
    const verdict = lieTo(scene, message);
    const ms = performance.now() - begunMs;
    const again = ms <= longestMs ? [] : [1, 2, 3].map(() => cpuMsOf(() => lieTo(scene, message)));
    return { scene, verdict, ms: Math.min(ms, ...again) };
  }

  function cpuMsOf(act: () => unknown): number {
    const before = process.cpuUsage();
    act();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  }

  /** Runs a scene with its answer changed. */
  function lieTo(scene: Scene, message: Message): Verdict {
    const memory = new PlainMemory();
    for (const trust of scene.known) memory.rememberZone(trust);
    const steps = lookup(scene.question, { anchors, memory, nowMs: startOfTimeMs, budget: new WorkBudget() });
    let step = steps.next();
    while (step.done !== true) {
      const { name, type } = step.value;
      const isAbout = type === scene.about.type && name.equals(scene.about.name);
      step = steps.next({ message: isAbout ? message : trueAnswer(step.value).message, from: 'a liar' });
    }
    return step.value;
  }
});

/** What a verdict says, but for how long. */
function summary({ status, rcode, records, aliases }: Verdict): string {
  const data = records.map(({ name, type, rdata }) => `${name.key} ${type} ${rdata.toString('hex')}`).sort();
  return [status, rcode, ...aliases.map(({ key }) => key), ...data].join(' ');
}
