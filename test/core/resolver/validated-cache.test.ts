import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { keyTag, parseDnskey } from '../../../core/dns/rdata.ts';
import { PlainMemory, type Hop, type ZoneTrust } from '../../../core/dnssec/lookup.ts';
import { defaultResolverLimits, type ResolverLimits } from '../../../core/resolver/limits.ts';
import {
  hopKey,
  ValidatedCache,
  withoutAnswers,
  withoutThePast,
  withStaleAnswers,
} from '../../../core/resolver/validated-cache.ts';

const name = Name.parse('_xfr.NS2.example');
const start = Date.UTC(2026, 10, 22);
const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;
const dnskey = Buffer.from(`0101030d${'ab'.repeat(64)}`, 'hex');

describe('ValidatedCache', () => {
  let nowMs: number;
  beforeEach(() => (nowMs = start));

  function cacheWith(limits: Partial<ResolverLimits> = {}, staleMaxMs = 0): ValidatedCache {
    return new ValidatedCache({
      limits: { ...defaultResolverLimits, ...limits },
      staleMaxMs,
      nowMs: () => nowMs,
    });
  }

  function resultIn(cache: ValidatedCache, of = name) {
    return cache.result(hopKey(of, RrType.TLSA), of, RrType.TLSA, nowMs);
  }

  it('gives back a hop as it was', () => {
    const cache = cacheWith();
    const trust = zoneTrust();
    cache.rememberZone(trust);
    cache.rememberHop(hop({ trust, server: 'resolver 192.0.2.1:53' }));
    expect(cache.hop(name, RrType.TLSA)).to.deep.equal(hop({ trust, server: 'resolver 192.0.2.1:53' }));
    expect(cache.hop(name, RrType.A)).to.equal(undefined);
    expect(cache.hop(Name.parse('_xfr.ns3.example'), RrType.TLSA)).to.equal(undefined);
  });

  it('gives back every octet of RDATA and of an alias', () => {
    const cache = cacheWith();
    const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
    const alias = Name.fromLabels([all.subarray(0, 63), all.subarray(128, 191)]);
    cache.rememberHop(hop({ records: [record(all)] }));
    cache.rememberHop(hop({ type: RrType.A, records: [], alias }));
    expect(cache.hop(name, RrType.TLSA)!.records[0]!.rdata).to.deep.equal(all);
    expect(cache.hop(name, RrType.A)!.alias!.wire).to.deep.equal(alias.wire);
  });

  it('gives back a zone with its keys, and the zone above it as it is by now', () => {
    const cache = cacheWith();
    const parent = zoneTrust({ zone: Name.parse('example'), detail: 'the old one' });
    const child = zoneTrust({ zone: Name.parse('ns2.example'), parent });
    cache.rememberZone(child);
    expect(cache.zone(child.zone)!.parent).to.equal(undefined);
    cache.rememberZone({ ...parent, detail: 'the new one' });
    expect(cache.zone(child.zone)!.parent!.detail).to.equal('the new one');
    expect(cache.zone(child.zone)!.keys).to.deep.equal(child.keys);
  });

  it('keeps the keys of a zone ready for use until the zone is validated again', () => {
    const cache = cacheWith();
    const zone = zoneTrust({ zone: Name.parse('ns2.example') });
    const rolled = Buffer.from(`0101030d${'cd'.repeat(64)}`, 'hex');
    cache.rememberZone(zone);
    const [key] = cache.zone(zone.zone)!.keys;
    expect(cache.zone(zone.zone)!.keys[0]).to.equal(key);
    const keys = [{ dnskey: parseDnskey(rolled), tag: keyTag(rolled), rdata: rolled }];
    cache.rememberZone({ ...zone, keys });
    expect(cache.zone(zone.zone)!.keys).to.deep.equal(keys);
  });

  it('finds names whatever the case of their letters [RFC4343-3]', () => {
    const cache = cacheWith();
    cache.rememberHop(hop());
    expect(resultIn(cache, Name.parse('_XFR.ns2.EXAMPLE'))).to.have.property('status', 'secure');
  });

  it('takes a zone for no answer, and an answer for no zone', () => {
    const cache = cacheWith();
    cache.rememberZone(zoneTrust({ zone: name }));
    expect(cache.hop(name, RrType.TLSA)).to.equal(undefined);
    cache.rememberHop(hop({ name: Name.parse('other') }));
    expect(cache.zone(Name.parse('other'))).to.equal(undefined);
  });

  it('gives the time that is left, in whole seconds, to the result and to its records', () => {
    const cache = cacheWith();
    cache.rememberHop(hop());
    nowMs += 100.5 * second;
    expect(resultIn(cache)).to.include({ status: 'secure', rcode: Rcode.NOERROR, ttlSeconds: 3499 });
    expect(resultIn(cache)!.records.map(({ ttl }) => ttl)).to.deep.equal([3499]);
  });

  it('gives nothing from the moment at which the TTL ends', () => {
    const cache = cacheWith();
    cache.rememberHop(hop());
    cache.rememberZone(zoneTrust());
    nowMs = start + hour - 1;
    expect(resultIn(cache)).to.include({ status: 'secure', ttlSeconds: 0 });
    expect(cache.zone(zoneTrust().zone)).not.to.equal(undefined);
    nowMs += 1;
    expect(resultIn(cache)).to.equal(undefined);
    expect(cache.hop(name, RrType.TLSA)).to.equal(undefined);
    expect(cache.zone(zoneTrust().zone)).to.equal(undefined);
    expect([cache.size, cache.octets]).to.deep.equal([0, 0]);
  });

  it('gives nothing from the moment at which a signature ends, whatever the TTL [RFC4035-5.3.3]', () => {
    const cache = cacheWith();
    cache.rememberHop(hop({ signedUntilMs: start + 10 * second }));
    nowMs = start + 9 * second;
    expect(resultIn(cache)).to.include({ ttlSeconds: 1 });
    nowMs += second;
    expect(resultIn(cache)).to.equal(undefined);
  });

  it('gives nothing for longer than max-ttl', () => {
    const cache = cacheWith({ 'max-ttl': 60 * second });
    cache.rememberHop(hop());
    cache.rememberZone(zoneTrust());
    expect(resultIn(cache)).to.include({ ttlSeconds: 60 });
    nowMs += 60 * second;
    expect(resultIn(cache)).to.equal(undefined);
    expect(cache.zone(zoneTrust().zone)).to.equal(undefined);
  });

  it('gives no denial for longer than max-negative-ttl, and none a TTL [RFC2308-5]', () => {
    const cache = cacheWith({ 'max-negative-ttl': 60 * second });
    cache.rememberHop(hop({ records: [], rcode: Rcode.NXDOMAIN }));
    expect(resultIn(cache)).to.deep.include({ rcode: Rcode.NXDOMAIN, records: [], ttlSeconds: 0 });
    nowMs += 60 * second;
    expect(resultIn(cache)).to.equal(undefined);
  });

  it('keeps nothing that has no time left', () => {
    const cache = cacheWith();
    cache.rememberHop(hop());
    cache.rememberHop(hop({ expiresMs: start }));
    expect(cache.size).to.equal(0);
  });

  it('gives no result for an alias, but says that it is one', () => {
    const cache = cacheWith();
    cache.rememberHop(hop({ records: [], alias: Name.parse('keys.example') }));
    expect(resultIn(cache)).to.equal(undefined);
    expect(cache.isAlias(hopKey(name, RrType.TLSA), nowMs)).to.be.true;
    expect(cache.isAlias(hopKey(name, RrType.A), nowMs)).to.be.false;
  });

  it('says when an answer runs out, over its aliases', () => {
    const cache = cacheWith();
    const target = Name.parse('keys.example');
    cache.rememberHop(hop({ records: [], alias: target }));
    expect(cache.cachedUntilMs(name, RrType.TLSA, nowMs)).to.equal(undefined);
    cache.rememberHop(hop({ name: target, expiresMs: start + 7 * second }));
    expect(cache.cachedUntilMs(name, RrType.TLSA, nowMs)).to.equal(start + 7 * second);
    expect(cache.cachedUntilMs(name, RrType.TLSA, start + 7 * second)).to.equal(undefined);
    cache.rememberHop(hop({ name: target, records: [], alias: name }));
    expect(cache.cachedUntilMs(name, RrType.TLSA, nowMs)).to.equal(undefined);
  });

  describe('past the TTL', () => {
    const stale = (cache: ValidatedCache) => withStaleAnswers(cache).hop(name, RrType.TLSA);

    it('gives a secure answer only at need, for as long as policy says [RFC8767-4]', () => {
      const cache = cacheWith({}, 10 * hour);
      cache.rememberHop(hop());
      nowMs = start + 2 * hour;
      expect(resultIn(cache)).to.equal(undefined);
      expect(cache.hop(name, RrType.TLSA)).to.equal(undefined);
      expect(stale(cache)).to.include({ status: 'secure', expiresMs: nowMs + 30 * second });
      nowMs = start + 11 * hour - 10 * second;
      expect(stale(cache)).to.include({ expiresMs: nowMs + 10 * second });
      nowMs = start + 11 * hour;
      expect(stale(cache)).to.equal(undefined);
    });

    it('gives also what came with a TTL of 0', () => {
      const cache = cacheWith({}, hour);
      cache.rememberHop(hop());
      cache.rememberHop(hop({ expiresMs: start }));
      expect(resultIn(cache)).to.equal(undefined);
      expect(stale(cache)).to.include({ status: 'secure', expiresMs: start + 30 * second });
      nowMs = start + hour;
      expect(stale(cache)).to.equal(undefined);
    });

    it('gives nothing where policy does not say so', () => {
      const cache = cacheWith();
      cache.rememberHop(hop());
      nowMs = start + hour;
      expect(stale(cache)).to.equal(undefined);
    });

    it('gives nothing after the end of the signature', () => {
      const cache = cacheWith({}, day);
      cache.rememberHop(hop({ signedUntilMs: start + 2 * hour }));
      nowMs = start + 2 * hour - 1;
      expect(stale(cache)).to.include({ expiresMs: start + 2 * hour });
      nowMs += 1;
      expect(stale(cache)).to.equal(undefined);
    });

    it('gives nothing that is not secure', () => {
      const cache = cacheWith({}, day);
      cache.rememberHop(hop({ status: 'insecure', reason: 'no-ds' }));
      nowMs = start + hour + 1;
      expect(stale(cache)).to.equal(undefined);
    });

    it('shortens nothing that is not past its TTL', () => {
      const cache = cacheWith({}, day);
      cache.rememberHop(hop());
      expect(stale(cache)).to.include({ expiresMs: start + hour });
    });
  });

  it('has views without its past, and without its answers; both remember for it', () => {
    const cache = cacheWith();
    cache.rememberHop(hop());
    cache.rememberZone(zoneTrust());
    const afresh = withoutThePast(cache, new PlainMemory());
    expect(afresh.hop(name, RrType.TLSA)).to.equal(undefined);
    expect(afresh.zone(zoneTrust().zone)).to.equal(undefined);
    afresh.rememberHop(hop({ detail: 'new' }));
    afresh.rememberZone(zoneTrust({ detail: 'new' }));
    expect([afresh.hop(name, RrType.TLSA)!.detail, cache.hop(name, RrType.TLSA)!.detail]).to.deep.equal([
      'new',
      'new',
    ]);
    expect(afresh.zone(zoneTrust().zone)!.detail).to.equal('new');
    const refreshing = withoutAnswers(cache);
    expect(refreshing.hop(name, RrType.TLSA)).to.equal(undefined);
    expect(refreshing.zone(zoneTrust().zone)!.detail).to.equal('new');
    refreshing.rememberHop(hop({ detail: 'newer' }));
    expect(cache.hop(name, RrType.TLSA)!.detail).to.equal('newer');
  });

  it('never holds more than its octets, and lets go what was used longest ago', () => {
    const cache = cacheWith({ 'cache-octets': 1024 * 1024 });
    const names = Array.from({ length: 5000 }, (_, n) => Name.parse(`c${n}.example`));
    for (const each of names) {
      cache.rememberHop(hop({ name: each, records: [record(), record()] }));
      // One is used all the time.
      cache.hop(names[0]!, RrType.TLSA);
      expect(cache.octets).to.be.at.most(1024 * 1024);
    }
    expect(cache.size).to.be.within(1000, 3000);
    expect(cache.hop(names[0]!, RrType.TLSA)).not.to.equal(undefined);
    expect(cache.hop(names[1]!, RrType.TLSA)).to.equal(undefined);
    expect(cache.hop(names.at(-1)!, RrType.TLSA)).not.to.equal(undefined);
  });

  it('counts the octets that it really takes', async () => {
    const cache = cacheWith({ 'cache-octets': 1024 ** 3 });
    const before = await heapOctets();
    for (let n = 0; n < 20_000; n++) {
      const each = Name.parse(`_xfr.c${n}.clients.example`);
      cache.rememberHop(hop({ name: each, detail: `TLSA ${each.toString()} is signed by key 1 of example` }));
      cache.rememberZone(zoneTrust({ zone: Name.parse(`c${n}.clients.example`) }));
    }
    const taken = (await heapOctets()) - before;
    // What else the process holds or lets go meanwhile is in the figure, too.
    expect(cache.octets).to.be.within(0.65 * taken, 1.6 * taken);
  });
});

function hop(fields: Partial<Hop> = {}): Hop {
  return {
    name,
    type: RrType.TLSA,
    status: 'secure',
    reason: 'signed',
    detail: 'signed by key 1 of example',
    rcode: Rcode.NOERROR,
    records: [record(Buffer.alloc(35, 3), fields.name)],
    expiresMs: start + hour,
    signedUntilMs: start + 7 * day,
    ...fields,
  };
}

function record(rdata = Buffer.alloc(35, 3), owner = name) {
  return { name: owner, type: RrType.TLSA, class: RrClass.IN, ttl: 3600, rdata };
}

function zoneTrust(fields: Partial<ZoneTrust> = {}): ZoneTrust {
  return {
    zone: Name.parse('example'),
    status: 'secure',
    reason: 'signed',
    detail: 'DNSKEY signed by key 1 of the DS records',
    keys: [{ dnskey: parseDnskey(dnskey), tag: keyTag(dnskey), rdata: dnskey }],
    isAnchor: false,
    expiresMs: start + hour,
    signedUntilMs: start + 7 * day,
    ...fields,
  };
}

/**
 * After garbage collections, which Node gives to nobody who does not ask for the flag: as many as it takes until what earlier
 * tests left, which goes in several steps, is gone.
 */
async function heapOctets(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let least = Infinity;
  for (let round = 0; round < 20; round++) {
    collect();
    await setImmediate();
    const { heapUsed, external } = process.memoryUsage();
    if (least - (heapUsed + external) < 50_000) break;
    least = heapUsed + external;
  }
  return least;
}
