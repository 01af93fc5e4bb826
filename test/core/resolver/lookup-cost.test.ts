/** What a lookup would take is foretold, so that strangers can be held to it. */
import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import type { LookupCost, Resolver } from '../../../core/resolver/resolver.ts';
import { TrustAdResolver } from '../../../core/resolver/trust-ad.ts';
import { owner, second, ValidatingBed } from '../../support/validating-bed.ts';

describe('the cost of a lookup', () => {
  let bed: ValidatingBed;

  beforeEach(async () => {
    bed = await ValidatingBed.start();
  });
  afterEach(() => bed.close());

  function costs(resolver: Resolver, name = owner): LookupCost | undefined {
    return resolver.costOf?.(name, RrType.TLSA);
  }

  it('is queries at first, then time, then nothing as long as the answer is remembered', async () => {
    const resolver = bed.resolver();
    expect(costs(resolver)).to.equal('query');
    const looking = resolver.lookup(owner, RrType.TLSA);
    expect(costs(resolver)).to.equal('wait');
    await looking;
    expect(costs(resolver)).to.equal('memory');
    expect(await bed.questions(() => resolver.lookup(owner, RrType.TLSA))).to.equal(0);
    bed.nowMs += 61 * second;
    expect(costs(resolver)).to.equal('query');
  });

  it('is nothing for a denial that is remembered', async () => {
    const resolver = bed.resolver();
    const nobody = Name.parse('_xfr.nobody.example');
    await resolver.lookup(nobody, RrType.TLSA);
    expect(costs(resolver, nobody)).to.equal('memory');
    expect(costs(resolver, Name.parse('_xfr.nobody2.example'))).to.equal('query');
  });

  it('is nothing for a failure that is not tried again yet [RFC9520-3.2]', async () => {
    const resolver = bed.resolver(undefined, { timeoutMs: 100 });
    bed.lab.resolver.isDead = true;
    const looking = resolver.lookup(owner, RrType.TLSA);
    expect(costs(resolver)).to.equal('wait');
    await looking;
    expect(costs(resolver)).to.equal('memory');
    bed.nowMs += 2 * second;
    expect(costs(resolver)).to.equal('query');
  });

  it('is queries each time where the AD bit is trusted, but for one that is under way', async () => {
    const resolver = new TrustAdResolver({ servers: [bed.lab.resolver], timeoutMs: 3000 });
    expect(costs(resolver)).to.equal('query');
    const looking = resolver.lookup(owner, RrType.TLSA);
    expect(costs(resolver)).to.equal('wait');
    await looking;
    expect(costs(resolver)).to.equal('query');
  });
});
