import { expect } from 'chai';
import { defaultValidationLimits, WorkBudget } from '../../../core/dnssec/budget.ts';
import type { ValidationLimits } from '../../../core/dnssec/budget.ts';
import { PlainMemory } from '../../../core/dnssec/lookup.ts';
import type { Verdict } from '../../../core/dnssec/lookup.ts';
import { validationReasons } from '../../../core/dnssec/status.ts';
import { SignedInternet, startOfTimeMs } from '../../support/signed-internet.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { falseTlsa, stripped, trueTlsa } from './lies.ts';

const chain = (length: number): string =>
  Array.from({ length }, (_, index) => `c${index} CNAME c${index + 1}`).join('\n') +
  `\nc${length} TLSA ${trueTlsa}`;
const startSeconds = startOfTimeMs / 1000;

describe('a validated lookup', () => {
  const internet = new SignedInternet({
    '.': {},
    z: { records: `_xfr TLSA ${trueTlsa}\nloop CNAME pool\npool CNAME loop\nself CNAME self\nd DNAME d.d` },
    eight: { records: chain(8) },
    nine: { records: chain(9) },
    plain: { keys: 'unsigned', records: `c CNAME _xfr.old.\nz CNAME c.z.\n_xfr TLSA ${falseTlsa}` },
    old: {
      period: { inception: startSeconds - 30 * 86_400, expiration: startSeconds - 3 * 86_400 },
      records: `_xfr TLSA ${trueTlsa}`,
    },
    soon: {
      period: { inception: startSeconds + 7200, expiration: startSeconds + 86_400 },
      records: `_xfr TLSA ${trueTlsa}`,
    },
    'a.b.c.d.deep': { records: `_xfr TLSA ${trueTlsa}` },
    deep: {},
    'b.c.d.deep': {},
    'c.d.deep': {},
    'd.deep': {},
  });

  function look(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    return { ...run, result: `${run.verdict.status} ${run.verdict.reason}` };
  }

  function limited(limits: Partial<ValidationLimits>): WorkBudget {
    return new WorkBudget({ ...defaultValidationLimits, ...limits });
  }

  /** The last step must say what the verdict says. */
  function expectFailingStepLast({ steps, status, detail }: Verdict): void {
    expect(steps.at(-1)).to.include({ status, detail });
    expect(steps.slice(0, -1).map((step) => step.status)).to.not.include('bogus');
  }

  it('follows eight aliases and no ninth', () => {
    const { verdict, result } = look('TLSA c0.eight');
    expect(result).to.equal('secure signed');
    expect(verdict.aliases).to.have.length(8);
    const more = look('TLSA c0.nine');
    expect(more.result).to.equal('bogus alias-limit');
    expect(more.verdict.records).to.deep.equal([]);
    expectFailingStepLast(more.verdict);
  });

  it('knows aliases that lead in a circle, before the limit ends them', () => {
    for (const [name, asked] of [
      ['loop', 2],
      ['self', 1],
    ] as const) {
      const run = look(`TLSA ${name}.z`);
      expect(run.result).to.equal('bogus alias-limit');
      expect(run.asked.filter((each) => each.startsWith('TLSA'))).to.have.length(asked);
      expect(run.verdict.detail).to.contain(`lead back to ${name}.z`);
    }
  });

  it('ends a DNAME that grows the name for ever', () => {
    expect(look('TLSA x.d.z').result).to.equal('bogus alias-limit');
  });

  it('has the status of the weakest hop, and its reason', () => {
    const { result, verdict } = look('TLSA c.plain');
    expect(result).to.equal('bogus signature-expired');
    expect(verdict.records).to.deep.equal([]);
    expectFailingStepLast(verdict);
    const insecure = look('TLSA z.plain');
    expect(insecure.result).to.equal('insecure no-ds');
    expect(insecure.verdict.rcode).to.equal(3);
  });

  it('says when a signature expired, how long ago, and what to do [RFC4035-5.3.1]', () => {
    const { verdict } = look('TLSA _xfr.old');
    expect(verdict.detail).to.match(
      /the signature of old DNSKEY expired 2026-11-17T00:00:00Z \(3 days ago\); sign the zone again/,
    );
    expectFailingStepLast(verdict);
    const early = look('TLSA _xfr.soon').verdict;
    expect(early.reason).to.equal('signature-not-yet-valid');
    expect(early.detail).to.contain('2026-11-20T02:00:00Z (in 2 hours)').and.contain('clock');
  });

  it('needs two questions for each zone cut, however deep', () => {
    const { asked, result, budget } = look('TLSA _xfr.a.b.c.d.deep');
    expect(result).to.equal('secure signed');
    expect(asked).to.have.length(1 + 5 * 2 + 1);
    expect(budget.signatures).to.equal(12);
  });

  it('calls a denial what is about an absence, and an answer what might have been one', () => {
    const kindOf = (question: string, options?: LookupOptions) =>
      look(question, options).verdict.steps.at(-1)?.kind;
    expect(kindOf('TLSA nothing.z')).to.equal('denial');
    expect(kindOf('TLSA nothing.z', { lie: lieAbout('TLSA nothing.z', stripped) })).to.equal('denial');
    expect(kindOf('TLSA _xfr.z')).to.equal('answer');
    expect(kindOf('TLSA _xfr.z', { lie: lieAbout('TLSA _xfr.z', stripped) })).to.equal('answer');
    const silence = lieAbout('TLSA _xfr.z', () => ({ failure: 'nobody is there' }));
    expect(kindOf('TLSA _xfr.z', { lie: silence })).to.equal('answer');
  });

  it('is bogus when it would take more work than it is given, and says which limit', () => {
    const cases: [limits: Partial<ValidationLimits>, words: string][] = [
      [{ signatures: 5 }, 'signatures'],
      [{ questions: 5 }, 'questions'],
      [{ records: 10 }, 'records'],
    ];
    for (const [limits, words] of cases) {
      const budget = limited(limits);
      const { result, verdict } = look('TLSA _xfr.a.b.c.d.deep', { budget });
      expect(result).to.equal('bogus work-limit');
      expect(budget.exhausted).to.equal(words);
      expect(verdict.detail).to.contain(words);
      expectFailingStepLast(verdict);
    }
  });

  it('asks for nothing that it has been told to remember', () => {
    const memory = new PlainMemory();
    look('TLSA c0.eight', { memory });
    const { asked, verdict, budget } = look('TLSA c0.eight', { memory });
    expect(asked).to.deep.equal([]);
    expect(budget.signatures).to.equal(0);
    expect(verdict.aliases).to.have.length(8);
    expect(verdict.steps).to.have.length(2 + 9);
  });

  it('remembers what is secure or insecure, and nothing else', () => {
    const remembered: string[] = [];
    class Watched extends PlainMemory {
      override rememberHop(...[hop]: Parameters<PlainMemory['rememberHop']>): void {
        remembered.push(hop.status);
        super.rememberHop(hop);
      }

      override rememberZone(...[trust]: Parameters<PlainMemory['rememberZone']>): void {
        remembered.push(trust.status);
        super.rememberZone(trust);
      }
    }
    for (const question of ['TLSA c.plain', 'TLSA _xfr.soon', 'TLSA loop.z', 'TLSA _xfr.z']) {
      look(question, { memory: new Watched() });
    }
    look('TLSA _xfr.z', { memory: new Watched(), lie: lieAbout('DS z', stripped) });
    look('TLSA _xfr.z', { memory: new Watched(), lie: lieAbout('DS z', () => ({ failure: 'no' })) });
    expect(new Set(remembered)).to.deep.equal(new Set(['secure', 'insecure']));
  });

  it('lets a memory keep what has run out, while it is signed', () => {
    const fresh = new PlainMemory();
    look('TLSA _xfr.z', { memory: fresh });
    class Stale extends PlainMemory {
      override hop(...question: Parameters<PlainMemory['hop']>): ReturnType<PlainMemory['hop']> {
        const hop = fresh.hop(...question);
        return hop && { ...hop, expiresMs: Infinity };
      }
    }
    const memory = new Stale();
    const sevenDaysMs = 7 * 86_400_000;
    const late = look('TLSA _xfr.z', { memory, nowMs: startOfTimeMs + sevenDaysMs - 1 });
    expect(late.asked).to.deep.equal([]);
    const tooLate = look('TLSA _xfr.z', { memory, nowMs: startOfTimeMs + sevenDaysMs });
    expect(tooLate.asked).to.not.deep.equal([]);
  });

  it('takes the name as it was asked, and answers of any case [RFC4343-3]', () => {
    const { verdict } = look('TLSA _XFR.Z');
    expect(verdict.status).to.equal('secure');
    expect(verdict.name.toString()).to.equal('_XFR.Z');
  });

  it('has reasons that belong to its status', () => {
    for (const question of ['TLSA _xfr.z', 'TLSA no.z', 'TLSA loop.z', 'TLSA _xfr.plain', 'TLSA _xfr.old']) {
      const { verdict } = look(question);
      expect(validationReasons[verdict.reason]).to.match(new RegExp(`^${verdict.status}:`));
    }
  });
});
