import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeName } from '../../../core/dns/rdata.ts';
import { owner, second, tlsa, ValidatingBed } from '../../support/validating-bed.ts';

const otherTlsa = Buffer.from('030101'.padEnd(70, 'cd'), 'hex');

describe('ValidatingResolver', () => {
  let bed: ValidatingBed;
  beforeEach(async () => {
    bed = await ValidatingBed.start();
  });
  afterEach(() => bed.close());

  describe('the result', () => {
    it('is secure with the records, from the anchor down', async () => {
      const { verdict, ...result } = await bed.resolver().lookup(owner, RrType.TLSA);
      expect(result).to.deep.include({ status: 'secure', rcode: Rcode.NOERROR, ttlSeconds: 60 });
      expect(result.records.map(({ rdata }) => rdata)).to.deep.equal([tlsa]);
      expect(verdict!.steps.map(({ kind, name }) => `${kind} ${name.toString()}`)).to.deep.equal([
        'anchor .',
        'zone example',
        'zone ns2.example',
        'answer _xfr.ns2.example',
      ]);
    });

    it('is a secure denial for a name that is not there', async () => {
      const result = await bed.resolver().lookup(Name.parse('nope.ns2.example'), RrType.TLSA);
      expect(result).to.deep.include({ status: 'secure', rcode: Rcode.NXDOMAIN, records: [], ttlSeconds: 0 });
    });

    it('is insecure below an unsigned delegation', async () => {
      bed.lab.publishTlsa('_xfr.unsigned.example', [tlsa]);
      const result = await bed.resolver().lookup(Name.parse('_xfr.unsigned.example'), RrType.TLSA);
      expect(result.status).to.equal('insecure');
    });

    it('follows an alias into another signed zone, and runs out with its first hop', async () => {
      bed.lab.publish('a.stranger.example', RrType.CNAME, [encodeName(owner)], 20);
      const resolver = bed.resolver();
      const alias = Name.parse('a.stranger.example');
      const found = await resolver.lookup(alias, RrType.TLSA);
      expect(found).to.include({ status: 'secure', ttlSeconds: 20 });
      expect(found.records.map(({ name }) => name.toString())).to.deep.equal(['_xfr.ns2.example']);
      bed.nowMs += 5 * second;
      expect(await bed.questions(() => resolver.lookup(alias, RrType.TLSA))).to.equal(0);
      expect(await resolver.lookup(alias, RrType.TLSA)).to.include({ status: 'secure', ttlSeconds: 15 });
    });

    it('ends with the signatures, not with the TTL [RFC4035-5.3.3]', async () => {
      const late = Name.parse('late.ns2.example');
      bed.lab.publishTlsa(late, [tlsa], 86_400);
      const resolver = bed.resolver();
      expect(await resolver.lookup(late, RrType.TLSA)).to.include({ status: 'secure', ttlSeconds: 3600 });
      bed.nowMs += 3601 * second;
      expect(await resolver.lookup(late, RrType.TLSA)).to.include({ status: 'bogus' });
    });

    it('ends with max-ttl, if the TTL is longer', async () => {
      const result = await bed
        .resolver(undefined, { limits: { 'max-ttl': 10 * second } })
        .lookup(owner, RrType.TLSA);
      expect(result).to.include({ status: 'secure', ttlSeconds: 10 });
    });

    for (const [state, words] of [
      ['broken', /signature/],
      ['expired', /expired/],
      ['unsigned', /./],
    ] as const) {
      it(`is bogus in a zone whose signatures are ${state}`, async () => {
        bed.lab.setZoneState('ns2.example', state);
        const result = await bed.resolver().lookup(owner, RrType.TLSA);
        expect(result).to.deep.include({ status: 'bogus', records: [], ttlSeconds: 0 });
        expect(result.detail).to.match(words);
      });
    }

    it('is indeterminate when nobody answers, in time, and says who did not', async () => {
      bed.lab.resolver.isDead = true;
      const begunMs = performance.now();
      const result = await bed.resolver(undefined, { timeoutMs: 300 }).lookup(owner, RrType.TLSA);
      expect(performance.now() - begunMs).to.be.within(250, 2000);
      expect(result.status).to.equal('indeterminate');
    });

    it('is indeterminate when the time is over in the middle of the chain', async () => {
      const slow = await bed.relay((answer) =>
        answer.questions[0]!.type === RrType.TLSA ? answer : undefined,
      );
      const result = await bed.resolver([slow], { timeoutMs: 300 }).lookup(owner, RrType.TLSA);
      expect(result.status).to.equal('indeterminate');
      expect(result.detail).to.match(/time for the lookup is over|in time/);
    });
  });

  describe('the memory', () => {
    it('answers from the cache until the TTL ends, with the time that is left', async () => {
      const resolver = bed.resolver();
      await resolver.lookup(owner, RrType.TLSA);
      bed.nowMs += 59 * second;
      expect(await bed.questions(() => resolver.lookup(owner, RrType.TLSA))).to.equal(0);
      expect(await resolver.lookup(owner, RrType.TLSA)).to.deep.include({ status: 'secure', ttlSeconds: 1 });
      bed.nowMs += second;
      // The zones are still known.
      expect(await bed.questions(() => resolver.lookup(owner, RrType.TLSA))).to.equal(1);
    });

    it('asks one question for a name of a zone that it knows', async () => {
      const resolver = bed.resolver();
      await resolver.lookup(owner, RrType.TLSA);
      const other = Name.parse('other.ns2.example');
      expect(await bed.questions(() => resolver.lookup(other, RrType.TLSA))).to.equal(1);
    });

    it('makes one lookup of equal ones under way', async () => {
      const resolver = bed.resolver();
      const alone = await bed.questions(() => bed.resolver().lookup(owner, RrType.TLSA));
      const all = (): Promise<unknown> =>
        Promise.all(Array.from({ length: 50 }, () => resolver.lookup(owner, RrType.TLSA)));
      expect(await bed.questions(all)).to.equal(alone);
    });

    it('asks the questions of a chain once for lookups of many names at the same time', async () => {
      const resolver = bed.resolver();
      const names = Array.from({ length: 20 }, (_, n) => Name.parse(`c${n}.ns2.example`));
      const all = (): Promise<unknown> =>
        Promise.all(names.map((name) => resolver.lookup(name, RrType.TLSA)));
      const alone = await bed.questions(() => bed.resolver().lookup(owner, RrType.TLSA));
      expect(await bed.questions(all)).to.equal(alone - 1 + names.length);
    });

    it('does not ask again for what has just failed, and then less and less often [RFC9520-3.2]', async () => {
      bed.lab.setZoneState('ns2.example', 'broken');
      const resolver = bed.resolver();
      const look = (): Promise<unknown> => resolver.lookup(owner, RrType.TLSA);
      await look();
      expect(await bed.questions(look)).to.equal(0);
      bed.nowMs += second;
      expect(await bed.questions(look)).to.be.above(0);
      bed.nowMs += second;
      expect(await bed.questions(look)).to.equal(0);
      bed.nowMs += second;
      expect(await bed.questions(look)).to.be.above(0);
    });

    it('says of a failure from memory what it said before, and when it asks again [RFC9520-3.4]', async () => {
      bed.lab.setZoneState('ns2.example', 'broken');
      const resolver = bed.resolver();
      const { status, detail } = await resolver.lookup(owner, RrType.TLSA);
      const again = await resolver.lookup(owner, RrType.TLSA);
      expect(again).to.deep.include({ status, records: [] });
      expect(again.detail).to.equal(`${detail} (found 0 s ago; asked again in 1 s)`);
    });

    it('asks again a second after an outage when the resolver has answered something else', async () => {
      const resolver = bed.resolver(undefined, { timeoutMs: 150, limits: { 'retry-after': 50 } });
      bed.lab.resolver.isDead = true;
      for (let n = 0; n < 4; n++) {
        await resolver.lookup(owner, RrType.TLSA);
        bed.nowMs += 10 * second;
      }
      bed.lab.resolver.isDead = false;
      bed.nowMs += -10 * second;
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'indeterminate' });
      await resolver.lookup(Name.parse('else.ns2.example'), RrType.TLSA);
      bed.nowMs += second;
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
    });

    it('refreshes what is in the cache, and keeps it when that fails', async () => {
      const resolver = bed.resolver();
      await resolver.lookup(owner, RrType.TLSA);
      bed.lab.publishTlsa(owner, [otherTlsa], 60);
      bed.nowMs += 10 * second;
      expect((await resolver.lookup(owner, RrType.TLSA)).records[0]!.rdata).to.deep.equal(tlsa);
      await resolver.refresh(owner, RrType.TLSA);
      expect(resolver.cachedUntilMs(owner, RrType.TLSA)).to.equal(bed.nowMs + 60 * second);
      expect((await resolver.lookup(owner, RrType.TLSA)).records[0]!.rdata).to.deep.equal(otherTlsa);
      bed.lab.setZoneState('ns2.example', 'broken');
      expect(await resolver.refresh(owner, RrType.TLSA)).to.include({ status: 'bogus' });
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure', ttlSeconds: 60 });
    });

    it('has room for so many lookups under way, and refuses more without remembering it', async () => {
      const resolver = bed.resolver(undefined, { limits: { lookups: 2 } });
      bed.lab.resolver.delayMs = 50;
      const names = ['a', 'b', 'c'].map((label) => Name.parse(`${label}.ns2.example`));
      const [a, b, c] = await Promise.all(names.map((name) => resolver.lookup(name, RrType.TLSA)));
      expect([a!.status, b!.status]).to.deep.equal(['secure', 'secure']);
      expect(c).to.include({ status: 'indeterminate', detail: 'too many lookups under way' });
      expect(await resolver.lookup(names[2]!, RrType.TLSA)).to.include({ status: 'secure' });
    });
  });

  describe('past the TTL', () => {
    const day = 86_400 * second;

    it('uses a signed record when policy says so and nobody answers [RFC8767-4]', async () => {
      const resolver = bed.resolver(undefined, { staleMaxMs: day, timeoutMs: 150 });
      await resolver.lookup(owner, RrType.TLSA);
      bed.lab.resolver.isDead = true;
      bed.nowMs += 600 * second;
      for (let n = 0; n < 2; n++) {
        const result = await resolver.lookup(owner, RrType.TLSA);
        expect(result).to.include({ status: 'secure', ttlSeconds: 30 });
        expect(result.records.map(({ rdata }) => rdata)).to.deep.equal([tlsa]);
        expect(result.detail).to.match(/past its TTL, because: .*answer/);
      }
      // Once more a failure in a row, and it is the last minute of the signature.
      bed.nowMs += (3600 - 600 - 10) * second;
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure', ttlSeconds: 10 });
      bed.nowMs += 10 * second;
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'indeterminate' });
    });

    it('asks before it does, and takes what it hears', async () => {
      const resolver = bed.resolver(undefined, { staleMaxMs: day });
      await resolver.lookup(owner, RrType.TLSA);
      bed.nowMs += 61 * second;
      bed.lab.withdrawTlsa(owner);
      expect(await resolver.lookup(owner, RrType.TLSA)).to.deep.include({ status: 'secure', records: [] });
    });

    it('does not when what it hears is bogus', async () => {
      const resolver = bed.resolver(undefined, { staleMaxMs: day });
      await resolver.lookup(owner, RrType.TLSA);
      bed.nowMs += 61 * second;
      bed.lab.setZoneState('ns2.example', 'broken');
      expect(await resolver.lookup(owner, RrType.TLSA)).to.deep.include({ status: 'bogus', records: [] });
    });

    it('does not unless policy says so', async () => {
      const resolver = bed.resolver(undefined, { timeoutMs: 150 });
      await resolver.lookup(owner, RrType.TLSA);
      bed.lab.resolver.isDead = true;
      bed.nowMs += 61 * second;
      expect(await resolver.lookup(owner, RrType.TLSA)).to.deep.include({
        status: 'indeterminate',
        records: [],
      });
    });
  });

  it('counts lookups by status and source', async () => {
    const resolver = bed.resolver(undefined, { staleMaxMs: 86_400_000, timeoutMs: 200 });
    for (let n = 0; n < 3; n++) await resolver.lookup(owner, RrType.TLSA);
    bed.lab.setZoneState('stranger.example', 'broken');
    for (let n = 0; n < 2; n++) await resolver.lookup(Name.parse('x.stranger.example'), RrType.TLSA);
    bed.lab.resolver.isDead = true;
    bed.nowMs += 61 * second;
    await resolver.lookup(owner, RrType.TLSA);
    await pause(1100);
    const text = await bed.metrics.text();
    for (const line of [
      'danced_lookups_total{status="secure",source="resolver"} 1',
      'danced_lookups_total{status="secure",source="cache"} 2',
      'danced_lookups_total{status="bogus",source="resolver"} 1',
      'danced_lookups_total{status="bogus",source="failure-cache"} 1',
      'danced_lookups_total{status="secure",source="stale"} 1',
      'danced_lookups 0',
      `danced_resolver_cache_octets ${resolver.cacheOctets}`,
    ]) {
      expect(text.split('\n')).to.include(line);
    }
    expect(resolver.cacheOctets).to.be.above(1000);
  });

  it('needs a resolver to ask', () => {
    expect(() => bed.resolver([])).to.throw(RangeError);
  });

  it('ends what is under way when it is closed', async () => {
    bed.lab.resolver.isDead = true;
    const resolver = bed.resolver(undefined, { timeoutMs: 60_000, limits: { 'retry-after': 5000 } });
    const looking = resolver.lookup(owner, RrType.TLSA);
    await pause(20);
    resolver.close();
    expect(await looking).to.include({ status: 'indeterminate' });
    expect(await resolver.lookup(owner, RrType.A)).to.include({ status: 'indeterminate' });
  });
});
