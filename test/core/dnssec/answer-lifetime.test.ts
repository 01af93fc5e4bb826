import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { startOfTimeMs } from '../../support/signed-internet.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { internet } from './answer-zones.ts';

describe('how long an answer holds', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason, rcode, records } = run.verdict;
    return { ...run, result: `${status} ${reason} ${rcode} ${records.length}` };
  }

  const secondsOf = (question: string, options?: LookupOptions): number =>
    (judge(question, options).verdict.expiresMs - startOfTimeMs) / 1000;

  it('is the TTL of the records, or less if the answer says less', () => {
    expect(secondsOf('TLSA _xfr.z')).to.equal(3600);
    expect(secondsOf('TXT _xfr.z')).to.equal(600);
    expect(secondsOf('TLSA zero.z')).to.equal(0);
    const lie = lieAbout('TLSA _xfr.z', (truth) => ({
      ...truth,
      answers: truth.answers.map((record) => ({ ...record, ttl: 7 })),
    }));
    expect(secondsOf('TLSA _xfr.z', { lie })).to.equal(7);
    expect(judge('TLSA _xfr.z', { lie }).verdict.records[0]!.ttl).to.equal(7);
  });

  it('is not more than the TTL that was signed [RFC4035-5.3.3]', () => {
    const lie = lieAbout('TXT _xfr.z', (truth) => ({
      ...truth,
      answers: truth.answers.map((record) => ({ ...record, ttl: 86_400 })),
    }));
    const { verdict } = judge('TXT _xfr.z', { lie });
    expect(verdict.records[0]!.ttl).to.equal(600);
    expect(verdict.expiresMs).to.equal(startOfTimeMs + 600_000);
  });

  it('is not more than what is left of the signature [RFC4035-5.3.3]', () => {
    const sevenDaysMs = 7 * 86_400_000;
    const nowMs = startOfTimeMs + sevenDaysMs - 30_000;
    const { verdict } = judge('TLSA _xfr.z', { nowMs });
    expect(verdict.expiresMs).to.equal(startOfTimeMs + sevenDaysMs);
    expect(verdict.signedUntilMs).to.equal(startOfTimeMs + sevenDaysMs);
    expect(verdict.records[0]!.ttl).to.equal(30);
    const late = judge('TLSA _xfr.z', { nowMs: startOfTimeMs + sevenDaysMs + 1 });
    expect(late.result).to.equal('bogus signature-expired 2 0');
    expect(late.verdict.detail).to.contain('sign the zone again');
    const early = judge('TLSA _xfr.z', { nowMs: startOfTimeMs - sevenDaysMs - 1 });
    expect(early.result).to.equal('bogus signature-not-yet-valid 2 0');
  });

  it('is, for an absence, the SOA minimum if that is less [RFC2308-5] [RFC9077-3]', () => {
    expect(secondsOf('A _xfr.z')).to.equal(300);
    expect(secondsOf('TLSA nowhere.z3')).to.equal(300);
    const alien = lieAbout('A _xfr.z', (truth) => ({
      ...truth,
      authorities: [...parseRecords('other. 1 SOA a. b. 1 2 3 4 1'), ...truth.authorities],
    }));
    expect(secondsOf('A _xfr.z', { lie: alien })).to.equal(300);
    const lie = lieAbout('A _xfr.z', (truth) => ({
      ...truth,
      authorities: truth.authorities.filter(
        ({ type, name }) => type !== RrType.SOA && !name.equals(Name.parse('z')),
      ),
    }));
    expect(secondsOf('A _xfr.z', { lie })).to.equal(3600);
  });

  it('is the least of all hops', () => {
    expect(secondsOf('TLSA gone.z')).to.equal(300);
    expect(secondsOf('TLSA short.z')).to.equal(60);
    const { verdict } = judge('TLSA brief.z');
    expect(verdict.status).to.equal('secure');
    expect(verdict.signedUntilMs).to.equal(startOfTimeMs + 90_000);
    expect(judge('TLSA back.brief').verdict.signedUntilMs).to.equal(startOfTimeMs + 90_000);
  });
});
