import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { SignedInternet } from '../../support/signed-internet.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { falseTlsa, forged, saying, stripped, trueTlsa, unsigned } from './lies.ts';
import { evilKey, internet } from './trust-zones.ts';

describe('the chain of trust, against whoever answers', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason } = run.verdict;
    return { ...run, result: `${status} ${reason}` };
  }

  /** The result with a lie about one answer. */
  function lied(question: string, about: string, change: Parameters<typeof lieAbout>[1]): string {
    return judge(question, { lie: lieAbout(about, change) }).result;
  }

  it('believes no signer that is not above the name [RFC4035-5.3.1]', () => {
    const answers = forged(`_xfr.ns2.example. TLSA ${falseTlsa}`, evilKey, 'evil.example');
    expect(
      lied('TLSA _xfr.ns2.example', 'TLSA _xfr.ns2.example', (truth) => saying(truth, { answers })),
    ).to.equal('bogus wrong-signer');
  });

  it('believes no signer that its zone proves to be no zone', () => {
    const answers = forged(`_xfr.ns2.example. TLSA ${falseTlsa}`, evilKey, '_xfr.ns2.example');
    const { result, verdict } = judge('TLSA _xfr.ns2.example', {
      lie: lieAbout('TLSA _xfr.ns2.example', (truth) => saying(truth, { answers })),
    });
    expect(result).to.equal('bogus wrong-signer');
    expect(verdict.records).to.deep.equal([]);
    expect(verdict.steps.at(-1)).to.include({ status: 'bogus' });
  });

  it('believes no DS records that the zone itself has signed [RFC4035-2.4]', () => {
    const ds = encodeDsText('_xfr.ns2.example', evilKey);
    const { result } = judge('TLSA _xfr.ns2.example', {
      lie: (truth, { name, type }) => {
        const own = name.toString() === '_xfr.ns2.example';
        const sign = (text: string) => saying(truth, { answers: forged(text, evilKey, '_xfr.ns2.example') });
        if (own && type === RrType.TLSA) return sign(`_xfr.ns2.example. TLSA ${falseTlsa}`);
        if (own && type === RrType.DS) return sign(ds);
        return undefined;
      },
    });
    expect(result).to.equal('bogus wrong-signer');
  });

  it('believes no DS records that a sibling has signed in the name of the zone above', () => {
    const ds = encodeDsText('ns2.example', evilKey);
    expect(
      lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) =>
        saying(truth, { answers: forged(ds, evilKey, 'example', { keyTag: keyTagOf('example') }) }),
      ),
    ).to.equal('bogus bad-signature');
  });

  it('believes no keys that the DS records do not name [RFC4035-5.2]', () => {
    const other = new SigningKey(13);
    const dnskey = `ns2.example. DNSKEY 257 3 13 ${other.dnskey.subarray(4).toString('base64')}`;
    expect(
      lied('TLSA _xfr.ns2.example', 'DNSKEY ns2.example', (truth) =>
        saying(truth, { answers: forged(dnskey, other, 'ns2.example') }),
      ),
    ).to.equal('bogus ds-mismatch');
  });

  it('misses keys that must be there [RFC4035-5.2]', () => {
    expect(lied('TLSA _xfr.ns2.example', 'DNSKEY ns2.example', (truth) => saying(truth, {}))).to.equal(
      'bogus no-dnskey',
    );
  });

  const strippings: [what: string, about: string, reason: string][] = [
    ['the answer', 'TLSA _xfr.ns2.example', 'no-signature'],
    ['the DS records', 'DS ns2.example', 'no-signature'],
    ['the DS records of the zone above', 'DS example', 'no-signature'],
    ['the keys', 'DNSKEY ns2.example', 'no-signature'],
    ['the keys of the anchor', 'DNSKEY .', 'dnssec-stripped'],
  ];
  for (const [what, about, reason] of strippings) {
    it(`does not take ${what} without signatures [RFC4035-5.5]`, () => {
      expect(lied('TLSA _xfr.ns2.example', about, stripped)).to.equal(`bogus ${reason}`);
    });
  }

  it('names the resolver that strips everything, whatever its AD bit says [RFC4035-4.9.3]', () => {
    const { result, verdict } = judge('TLSA _xfr.ns2.example', {
      lie: (truth) => ({ ...stripped(truth), header: { ...truth.header, ad: true } }),
    });
    expect(result).to.equal('bogus dnssec-stripped');
    expect(verdict.detail).to.contain('resolver 192.0.2.1').and.contain('dnsmasq');
  });

  it('is not led to an insecure zone by an absent DS record without proof', () => {
    const about = 'DS ns2.example';
    const question = 'TLSA _xfr.ns2.example';
    const soa = (truth: Parameters<typeof stripped>[0]) =>
      truth.authorities.filter(({ type }) => type === RrType.SOA);
    expect(lied(question, about, (truth) => saying(truth, { authorities: soa(truth) }))).to.equal(
      'bogus denial-missing',
    );
    expect(lied(question, about, (truth) => saying(truth, { rcode: 3 }))).to.equal('bogus denial-missing');
  });

  it('takes no denial of the DS record from the zone itself [RFC6840-4.4]', () => {
    for (const from of ['ns2.example', '_xfr.ns2.example']) {
      expect(
        lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) =>
          saying(truth, { authorities: internet.signer('ns2.example').denial(from) }),
        ),
      ).to.equal('bogus wrong-signer');
    }
  });

  it('takes no alias in the place of DS records from the zone itself [RFC4035-2.4]', () => {
    const [key] = internet.keys.get('ns2.example')!;
    const answers = forged('ns2.example. CNAME _xfr.ns2.example.', key!, 'ns2.example');
    let told = 0;
    // The truth afterwards, so that the keys of the zone can be had.
    const { result } = judge('DS ns2.example', {
      lie: lieAbout('DS ns2.example', (truth) => (told++ === 0 ? saying(truth, { answers }) : truth)),
    });
    expect(result).to.equal('bogus wrong-signer');
    expect(lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) => saying(truth, { answers }))).to.equal(
      'bogus wrong-signer',
    );
  });

  it('takes no denial of the DS record that is about another delegation', () => {
    const authorities = internet.answer('plain.example', RrType.DS).authorities;
    expect(
      lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) => saying(truth, { authorities })),
    ).to.equal('bogus denial-missing');
  });

  it('takes no opt-out span that does not cover the delegation [RFC5155-8.9]', () => {
    const { authorities } = internet.answer('plain.optout', RrType.DS);
    const { result } = judge('TLSA _xfr.ns2.optout', {
      lie: lieAbout('DS ns2.optout', (truth) => saying(truth, { authorities })),
    });
    expect(result).to.match(/^bogus denial-/);
  });

  it('takes no denial from the side above the cut for what is in the zone [RFC6840-4.1]', () => {
    const { authorities } = internet.answer('plain.example', RrType.DS);
    const above = internet.signer('example').denial('ns2.example');
    for (const name of ['_xfr.ns2.example', 'ns2.example']) {
      for (const rcode of [0, 3]) {
        const change = (truth: Parameters<typeof stripped>[0]) =>
          saying(truth, { rcode, authorities: [...authorities, ...above] });
        expect(lied(`TLSA ${name}`, `TLSA ${name}`, change), `${name} ${rcode}`).to.match(/^bogus denial-/);
      }
    }
  });

  it('does not call a name insecure that its zone proves to be no zone cut [RFC6840-4.4]', () => {
    const answers = parseRecords(`_xfr.ns2.example. TLSA ${falseTlsa}`);
    const { result, asked } = judge('TLSA _xfr.ns2.example', {
      lie: lieAbout('TLSA _xfr.ns2.example', (truth) => saying(truth, { answers })),
    });
    expect(result).to.equal('bogus no-signature');
    expect(asked.at(-1)).to.equal('DS _xfr.ns2.example');
  });

  it('asks for no zone below a DNAME [RFC6672-2.4]', () => {
    const answers = parseRecords(`a.b.d.example. TLSA ${falseTlsa}`);
    const { result, asked, verdict } = judge('TLSA a.b.d.example', {
      lie: lieAbout('TLSA a.b.d.example', (truth) => saying(truth, { answers })),
    });
    expect(result).to.equal('bogus no-signature');
    expect(asked.at(-1)).to.equal('DS b.d.example');
    expect(verdict.steps.at(-1)!.name.toString()).to.equal('a.b.d.example');
  });

  it('knows that nothing can be below a name that does not exist', () => {
    const answers = parseRecords(`a.b.nowhere.example. TLSA ${falseTlsa}`);
    const { result, asked } = judge('TLSA a.b.nowhere.example', {
      lie: lieAbout('TLSA a.b.nowhere.example', (truth) => saying(truth, { answers })),
    });
    expect(result).to.equal('bogus no-signature');
    expect(asked.at(-1)).to.equal('DS nowhere.example');
  });

  it('makes no zone of DS records that come from a wildcard [RFC4592-4.6]', () => {
    const key = new SigningKey(13);
    const wild = new SignedInternet({
      '.': {},
      example: { records: `*.w ${encodeDsText('x.w.example', key).replace(/^\S+ /, '')}` },
    });
    const { verdict } = runLookup(wild, 'TLSA _xfr.x.w.example', {
      lie: (truth, { name, type }) => {
        if (type !== RrType.TLSA) return undefined;
        return saying(truth, {
          answers: forged(`${name.toString()}. TLSA ${falseTlsa}`, key, 'x.w.example'),
        });
      },
    });
    expect(`${verdict.status} ${verdict.reason}`).to.equal('bogus bad-answer');
  });

  it('makes no zone of a DNSKEY RRset that is not at an apex', () => {
    const key = new SigningKey(13);
    const dnskey = `DNSKEY 257 3 13 ${key.dnskey.subarray(4).toString('base64')}`;
    const odd = new SignedInternet({
      '.': {},
      example: { records: `k ${dnskey}\n_xfr.k TLSA ${trueTlsa}` },
    });
    expect(runLookup(odd, 'DNSKEY k.example').verdict.status).to.equal('secure');
    const answers = forged(`_xfr.k.example. TLSA ${falseTlsa}`, key, 'k.example');
    const { verdict } = runLookup(odd, 'TLSA _xfr.k.example', {
      lie: lieAbout('TLSA _xfr.k.example', (truth) => saying(truth, { answers })),
    });
    expect(`${verdict.status} ${verdict.reason}`).to.equal('bogus wrong-signer');
  });

  it('is not confused by an alias put beside the DS records', () => {
    expect(
      lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) => ({
        ...truth,
        answers: [...parseRecords('ns2.example. CNAME evil.example.'), ...truth.answers],
      })),
    ).to.equal('secure signed');
  });

  it('takes no unsigned alias for proof that there is no cut', () => {
    expect(
      lied('TLSA _xfr.ns2.example', 'DS ns2.example', (truth) =>
        saying(truth, { answers: parseRecords('ns2.example. CNAME evil.example.') }),
      ),
    ).to.equal('bogus no-signature');
  });

  it('stops where the resolver fails, and says where', () => {
    const { result, verdict } = judge('TLSA _xfr.ns2.example', {
      lie: lieAbout('DNSKEY ns2.example', () => ({ failure: 'resolver 192.0.2.1 did not answer in time' })),
    });
    expect(result).to.equal('indeterminate no-answer');
    expect(verdict.steps.at(-1)).to.include({ kind: 'zone', status: 'indeterminate' });
    expect(verdict.detail).to.contain('ns2.example DNSKEY').and.contain('did not answer in time');
  });

  it('leaves a name insecure that is below an unsigned delegation, whatever the zone above signs [RFC4033-5]', () => {
    const question = 'TLSA _xfr.plain.example';
    const junk = forged(`_xfr.plain.example. TLSA ${falseTlsa}`, evilKey, 'example', {
      keyTag: keyTagOf('example'),
    });
    expect(lied(question, question, (truth) => saying(truth, { answers: junk }))).to.equal('insecure no-ds');
    const authorities = internet.signer('example').denial('plain.example');
    expect(lied(question, question, (truth) => saying(truth, { rcode: 3, authorities }))).to.equal(
      'insecure no-ds',
    );
    const inSigned = 'TLSA _xfr.ns2.example';
    const above = internet.signer('example').denial('ns2.example');
    expect(lied(inSigned, inSigned, (truth) => saying(truth, { rcode: 3, authorities: above }))).to.match(
      /^bogus /,
    );
  });

  it('finds a signature beside others that do not fit [RFC6840-5.4]', () => {
    const text = `_xfr.ns2.example. TLSA ${trueTlsa}`;
    const junk = forged(text, evilKey, 'evil.example').filter(({ type }) => type === RrType.RRSIG);
    expect(
      lied('TLSA _xfr.ns2.example', 'TLSA _xfr.ns2.example', (truth) => ({
        ...truth,
        answers: [...junk, ...truth.answers],
      })),
    ).to.equal('secure signed');
    expect(
      lied('TLSA _xfr.ns2.example', 'TLSA _xfr.ns2.example', (truth) => unsigned(truth, RrType.TLSA)),
    ).to.equal('bogus no-signature');
  });

  function keyTagOf(zone: string): number {
    return internet.keys.get(zone)![0]!.tag;
  }
});

function encodeDsText(apex: string, key: SigningKey): string {
  const ds = key.ds(Name.parse(apex));
  return `${apex}. DS ${key.tag} ${key.algorithm} 2 ${ds.subarray(4).toString('hex')}`;
}
