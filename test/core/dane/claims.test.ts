import { expect } from 'chai';
import { admittedClaims, maximumClaims, maximumNamesAsked } from '../../../core/dane/claims.ts';
import { Name } from '../../../core/dns/name.ts';

/** The claims among the names, and every name that the access list was asked about. */
async function claimsOf(names: readonly string[], isKnown: (name: string) => boolean) {
  const asked: string[] = [];
  const claims = await admittedClaims(
    names.map((name) => Name.parse(name)),
    (name) => {
      asked.push(name.toString());
      return Promise.resolve(isKnown(name.toString().toLowerCase()));
    },
  );
  return { claims: claims.map((name) => name.toString()), asked };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `ns${index}.example`);
}

describe('admittedClaims', () => {
  const cases: [title: string, names: string[], known: string[], claims: string[]][] = [
    ['claims nothing for a certificate without names', [], ['ns1.example'], []],
    [
      'leaves out names that the access list does not know',
      ['a.example', 'b.example'],
      ['b.example'],
      ['b.example'],
    ],
    ['claims nothing when none is known', ['a.example', 'b.example'], [], []],
    [
      'keeps the order of the certificate',
      ['b.example', 'a.example'],
      ['a.example', 'b.example'],
      ['b.example', 'a.example'],
    ],
    [
      'claims a name once, whatever its case [RFC4343-3]',
      ['NS1.example', 'ns1.EXAMPLE'],
      ['ns1.example'],
      ['NS1.example'],
    ],
  ];
  for (const [title, names, known, expected] of cases) {
    it(title, async () => {
      const { claims } = await claimsOf(names, (name) => known.includes(name));
      expect(claims).to.deep.equal(expected);
    });
  }

  it(`gives at most ${maximumClaims} names, and asks about no more then`, async () => {
    const { claims, asked } = await claimsOf(numbered(20), () => true);
    expect(claims).to.deep.equal(numbered(maximumClaims));
    expect(asked).to.have.length(maximumClaims);
  });

  it(`asks the access list about at most ${maximumNamesAsked} names of one certificate`, async () => {
    const last = `ns${maximumNamesAsked}.example`;
    const { claims, asked } = await claimsOf(numbered(1000), (name) => name === last);
    expect(claims).to.deep.equal([]);
    expect(asked).to.have.length(maximumNamesAsked);
  });

  it('does not take a failure of the access list for a yes', async () => {
    const failing = claimsOf(['a.example'], () => {
      throw new Error('the store is away');
    });
    expect(await failing.then(String, String)).to.equal('Error: the store is away');
  });
});
