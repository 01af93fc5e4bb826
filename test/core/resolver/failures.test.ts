import { expect } from 'chai';
import { Rcode } from '../../../core/dns/constants.ts';
import { Failures } from '../../../core/resolver/failures.ts';
import { defaultResolverLimits } from '../../../core/resolver/limits.ts';
import type { LookupResult } from '../../../core/resolver/resolver.ts';

const result: LookupResult = {
  status: 'bogus',
  rcode: Rcode.SERVFAIL,
  records: [],
  ttlSeconds: 0,
  detail: 'the signature has expired',
};
const key = '52 x';
const words = (ago: number, left: number): LookupResult => ({
  ...result,
  detail: `the signature has expired (found ${String(ago)} s ago; asked again in ${String(left)} s)`,
});

describe('Failures', () => {
  it('remembers one for a second [RFC9520-3.2]', () => {
    const failures = new Failures(defaultResolverLimits);
    failures.note(key, result, false, 0);
    expect(failures.recent(key, 999)).to.deep.equal(words(1, 1));
    expect(failures.recent(key, 1000)).to.equal(undefined);
    expect(failures.recent('52 y', 0)).to.equal(undefined);
  });

  it('remembers the next ones twice as long each, a minute at most [RFC9520-3.2]', () => {
    const failures = new Failures(defaultResolverLimits);
    let nowMs = 0;
    const waits: number[] = [];
    for (let n = 0; n < 14; n++) {
      failures.note(key, result, false, nowMs);
      const beganMs = nowMs;
      while (failures.recent(key, nowMs)) nowMs += 1000;
      waits.push((nowMs - beganMs) / 1000);
    }
    expect(waits).to.deep.equal([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60]);
  });

  it('begins anew after a success, and after a long time', () => {
    const failures = new Failures(defaultResolverLimits);
    for (let n = 0; n < 3; n++) failures.note(key, result, false, 0);
    failures.forget(key);
    failures.note(key, result, false, 0);
    expect(failures.recent(key, 1000)).to.equal(undefined);
    for (let n = 0; n < 3; n++) failures.note(key, result, false, 0);
    failures.note(key, result, false, 1_000_000);
    expect(failures.recent(key, 1_001_000)).to.equal(undefined);
  });

  it('lets what failed for want of an answer be tried again when somebody answers', () => {
    const failures = new Failures(defaultResolverLimits);
    for (let n = 0; n < 8; n++) {
      failures.note('52 outage', result, true, 0);
      failures.note('52 bogus', result, false, 0);
    }
    failures.noteOutageEnded(500);
    // Still at least a second after the failure.
    expect(failures.recent('52 outage', 999)).to.deep.equal(words(1, 1));
    expect(failures.recent('52 outage', 1000)).to.equal(undefined);
    expect(failures.recent('52 bogus', 1000)).to.deep.equal(words(1, 59));
    // A later failure counts in full.
    failures.note('52 outage', result, true, 2000);
    expect(failures.recent('52 outage', 60_000)).to.deep.equal(words(58, 2));
  });

  it('keeps no more than its octets allow [RFC9520-5]', () => {
    const failures = new Failures({ ...defaultResolverLimits, 'failure-octets': 64 * 1024 });
    for (let n = 0; n < 10_000; n++) failures.note(`52 ${n}`, result, false, 0);
    const kept = Array.from({ length: 10_000 }, (_, n) => failures.recent(`52 ${n}`, 0)).filter(Boolean);
    expect(kept.length).to.be.within(50, 200);
    expect(failures.recent('52 9999', 0)).to.deep.equal(words(0, 1));
  });
});
