import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import type { Hop, ZoneTrust } from '../../../core/dnssec/lookup.ts';
import { defaultResolverLimits } from '../../../core/resolver/limits.ts';
import { ValidatedCache } from '../../../core/resolver/validated-cache.ts';

const zone = Name.parse('ns2.example');
const name = Name.parse('_xfr.ns2.example');
const start = Date.UTC(2026, 10, 22);
const day = 86_400_000;

describe('ValidatedCache, where a reviewer looked', () => {
  for (const status of ['secure', 'insecure'] as const) {
    const word = status === 'secure' ? 'max-ttl' : 'max-negative-ttl';

    it(`remembers what is ${status} no longer than ${word} [RFC2308-5]`, () => {
      let nowMs = start;
      const cache = new ValidatedCache({
        limits: { ...defaultResolverLimits, 'max-ttl': 5000, 'max-negative-ttl': 1000 },
        staleMaxMs: 0,
        nowMs: () => nowMs,
      });
      const [words, longestMs] =
        status === 'secure'
          ? [{ status, reason: 'signed' as const }, 5000]
          : [{ status, reason: 'no-ds' as const }, 1000];
      cache.rememberZone({ ...zoneTrust, ...words });
      cache.rememberHop({ ...hop, ...words });
      nowMs = start + longestMs - 1;
      expect(cache.zone(zone)).to.include(words);
      expect(cache.hop(name, RrType.TLSA)).to.include(words);
      nowMs += 1;
      expect(cache.zone(zone)).to.equal(undefined);
      expect(cache.hop(name, RrType.TLSA)).to.equal(undefined);
    });
  }
});

const ends = { detail: 'as it is', expiresMs: start + day, signedUntilMs: start + day };
const zoneTrust: ZoneTrust = { zone, status: 'secure', reason: 'signed', keys: [], isAnchor: false, ...ends };
const hop: Hop = {
  name,
  type: RrType.TLSA,
  status: 'secure',
  reason: 'signed',
  rcode: Rcode.NOERROR,
  records: [
    { name, type: RrType.TLSA, class: RrClass.IN, ttl: 86_400, rdata: Buffer.from('03010100', 'hex') },
  ],
  ...ends,
};
