/**
 * What a lookup costs when the zones are written to make it costly. The bounds that count are those of the work
 * (core/dnssec/budget.ts); the CPU time of each attack is printed, and must stay below a generous bound here, since
 * other processes slow this one down.
 */
import { expect } from 'chai';
import { encodeMessage, parseMessage } from '../../core/dns/message.ts';
import { TrustAnchors } from '../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../core/dnssec/budget.ts';
import { lookup, PlainMemory } from '../../core/dnssec/lookup.ts';
import type { Inquiry, Verdict } from '../../core/dnssec/lookup.ts';
import { startOfTimeMs } from '../support/signed-internet.ts';
import { parseInquiry, rootAnchor } from '../support/validated-lookup.ts';
import * as attacks from './attack-zones.ts';
import type { Attack } from './attack-zones.ts';
import { fuzzSeed, Random } from './random.ts';
import type { SigningAlgorithm } from '../support/signing-key.ts';

/** The aim is 20 ms on a machine that does nothing else. */
const generousMs = 100;

interface Cost {
  readonly verdict: Verdict;
  readonly budget: WorkBudget;
  readonly cpuMs: number;
}

describe(`the work of a lookup in hostile zones (seed ${fuzzSeed})`, function () {
  this.timeout(120_000);
  const report: string[] = [];

  after(() => {
    for (const line of report) console.log(`      ${line}`);
  });

  /** Looks up, from octets to the verdict, until that is warm, reports the median of what it costs, and gives the result. */
  function cost({ title, question, internet, answer }: Attack): string {
    const wires = new Map<string, Buffer>();
    const anchors = new TrustAnchors([rootAnchor(internet)]);
    const inquiry = parseInquiry(question);
    const wireOf = ({ name, type }: Inquiry): Buffer => {
      const key = `${type} ${name.key}`;
      const wire = wires.get(key) ?? encodeMessage(answer(name, type));
      wires.set(key, wire);
      return wire;
    };
    const run = (): Cost => {
      const budget = new WorkBudget();
      const before = process.cpuUsage();
      const steps = lookup(inquiry, { anchors, memory: new PlainMemory(), nowMs: startOfTimeMs, budget });
      let step = steps.next();
      while (step.done !== true) {
        step = steps.next({ message: parseMessage(wireOf(step.value)), from: 'the attacker' });
      }
      const { user, system } = process.cpuUsage(before);
      return { verdict: step.value, budget, cpuMs: (user + system) / 1000 };
    };
    const runs = Array.from({ length: 30 }, run).slice(10);
    const median = runs.sort((a, b) => a.cpuMs - b.cpuMs)[runs.length / 2]!;
    const { verdict, budget, cpuMs } = median;
    const work = `${budget.signatures} signatures, ${budget.hashRounds} rounds, ${budget.questions} questions`;
    report.push(`${cpuMs.toFixed(1).padStart(5)} ms: ${title}: ${verdict.status} ${verdict.reason}; ${work}`);
    expect(budget.signatures).to.be.at.most(budget.limits.signatures);
    expect(budget.hashRounds).to.be.at.most(budget.limits['nsec3-hash-rounds']);
    expect(budget.questions).to.be.at.most(budget.limits.questions);
    expect(cpuMs, 'milliseconds of CPU').to.be.below(generousMs);
    return `${verdict.status} ${verdict.reason}`;
  }

  const random = new Random(fuzzSeed);
  const trap =
    (algorithm: SigningAlgorithm, keys: number, signatures: number, entry: 'open' | 'trapped') => () =>
      attacks.keyTrap({ algorithm, keys, signatures, entry }, random);
  const cases: [what: string, attack: () => Attack, result: RegExp][] = [
    ...([8, 13, 14, 15, 16] as const).flatMap((algorithm): [string, () => Attack, RegExp][] => [
      [
        `many keys of one tag beside the true one, algorithm ${algorithm}`,
        trap(algorithm, 60, 1, 'open'),
        /^secure signed/,
      ],
      [`many signatures, algorithm ${algorithm}`, trap(algorithm, 1, 100, 'open'), /^bogus work-limit/],
      [`many of both, algorithm ${algorithm}`, trap(algorithm, 30, 60, 'open'), /^bogus work-limit/],
      [
        `many of both and of DS records, algorithm ${algorithm}`,
        trap(algorithm, 30, 60, 'trapped'),
        /^bogus/,
      ],
      [`many DS records, algorithm ${algorithm}`, trap(algorithm, 60, 0, 'trapped'), /^bogus/],
    ]),
    ['a zone at each of 120 labels', () => attacks.delegationChain(120, 13), /^bogus work-limit/],
    ['thirty zones, P-256', () => attacks.delegationChain(30, 13), /^bogus work-limit/],
    ['thirty zones, P-384', () => attacks.delegationChain(30, 14), /^bogus work-limit/],
    ['thirty zones, Ed25519', () => attacks.delegationChain(30, 15), /^bogus work-limit/],
    ['thirty zones, Ed448', () => attacks.delegationChain(30, 16), /^bogus work-limit/],
    ['thirty zones, RSA of 4096 bits', () => attacks.delegationChain(30, 8, 4096), /^bogus work-limit/],
    ['sixty zones and an unsigned record', () => attacks.delegationWalk(60, 13), /^bogus work-limit/],
    [
      'a name deep below its closest encloser, no iterations',
      () => attacks.nsec3Exhaustion(0),
      /^secure denied/,
    ],
    ['a name deep below, 50 iterations', () => attacks.nsec3Exhaustion(50), /^bogus work-limit/],
    ['a name deep below, 51 iterations', () => attacks.nsec3Exhaustion(51), /^insecure nsec3-iterations/],
    ['an NSEC3 record at each label', () => attacks.nsec3Walk(0), /^bogus work-limit/],
    ['an NSEC3 record at each label, 50 iterations', () => attacks.nsec3Walk(50), /^bogus work-limit/],
    ['aliases from zone to zone', () => attacks.aliasChain(8, 13), /^bogus/],
    ['a DNAME that leads below itself', () => attacks.dnameSpiral(), /^bogus alias-limit/],
    ['a very large RRset', () => attacks.hugeRrset(1900, 1, random), /^bogus work-limit/],
    ['a large RRset with 8 signatures', () => attacks.hugeRrset(900, 8, random), /^bogus work-limit/],
    ['an answer full of other records', stuff('answers', 2600), /^bogus work-limit/],
    ['answers with many other records', stuff('answers', 60), /^bogus work-limit/],
    ['answers with as many additional records', stuff('additionals', 60), /^bogus work-limit/],
  ];
  for (const [what, attack, result] of cases) {
    it(`is bounded for ${what} [RFC4035-5.4]`, () => {
      expect(cost(attack())).to.match(result);
    });
  }
});

function stuff(section: 'answers' | 'additionals', count: number): () => Attack {
  return () => attacks.stuffed(attacks.delegationChain(30, 13), section, count);
}
