import { expect } from 'chai';
import {
  admittedClaims,
  claimsOf as claimsOfClient,
  maximumClaims,
  maximumNamesAsked,
  type ClaimRules,
  type ClaimSource,
} from '../../../core/dane/claims.ts';
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

  it(`gives at most ${maximumClaims} names`, async () => {
    const { claims } = await claimsOf(numbered(20), () => true);
    expect(claims).to.deep.equal(numbered(maximumClaims));
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

describe('claimsOf', () => {
  const both: ClaimSource[] = ['extension', 'certificate-name'];

  /** `source: names`, or the reason. */
  function claimed(
    clientId: string | undefined,
    dnsNames: readonly string[],
    { claims = both, dialect = 'draft-13' }: Partial<ClaimRules> = {},
  ): string {
    const verdict = claimsOfClient(
      {
        ...(clientId !== undefined && { clientId: Buffer.from(clientId, 'latin1') }),
        dnsNames: dnsNames.map((name) => Name.parse(name)),
      },
      { claims, dialect },
    );
    if (verdict.source === undefined) return verdict.reason;
    return `${verdict.source}: ${verdict.names.map((name) => name.toString()).join(' ')}`;
  }

  const said = '_xfr.ns2.example';
  const cert = ['ns2.example', 'ns3.example'];
  const cases: [title: string, claim: string, expected: string][] = [
    [
      'takes the name that is said, though the certificate has others [DANCE-8.2]',
      claimed(said, cert),
      `extension: ${said}`,
    ],
    ['takes the name that is said with a raw public key [DANCE-9]', claimed(said, []), `extension: ${said}`],
    [
      'takes the names of the certificate when none is said',
      claimed(undefined, cert),
      'certificate-name: ns2.example ns3.example',
    ],
    ['takes nothing else for a name that is none [DANCE-7]', claimed('ns2..example', cert), 'bad-name'],
    ['takes an empty name for a breach of the rules [DANCE-8.2]', claimed('', cert), 'bad-name'],
    ['has nothing to go by without either', claimed(undefined, []), 'no-claim'],
    [
      'does not look at certificates where the extension alone counts [DANCE-8.2]',
      claimed(undefined, cert, { claims: ['extension'] }),
      'no-claim',
    ],
    [
      'does not look at the extension where certificates alone count',
      claimed(said, cert, { claims: ['certificate-name'] }),
      'certificate-name: ns2.example ns3.example',
    ],
    [
      'does not look at a bad name either where certificates alone count',
      claimed('*.example', cert, { claims: ['certificate-name'] }),
      'certificate-name: ns2.example ns3.example',
    ],
    [
      'has no name of a raw public key where certificates alone count',
      claimed(said, [], { claims: ['certificate-name'] }),
      'no-claim',
    ],
    [
      'lets what the client says decide, however the sources are listed [DANCE-8.2]',
      claimed(said, cert, { claims: ['certificate-name', 'extension'] }),
      `extension: ${said}`,
    ],
    [
      'refuses a bad name also where the certificate has a good one',
      claimed('*.example', cert, { claims: ['certificate-name', 'extension'] }),
      'bad-name',
    ],
    [
      'derives the name of an empty extension from the only dNSName, in the old dialect',
      claimed('', ['ns2.example'], { dialect: 'draft-09' }),
      'extension: ns2.example',
    ],
    [
      'does so where the extension alone counts',
      claimed('', ['ns2.example'], { claims: ['extension'], dialect: 'draft-09' }),
      'extension: ns2.example',
    ],
    ['derives nothing from several dNSNames', claimed('', cert, { dialect: 'draft-09' }), 'no-claim'],
    ['derives nothing from a raw public key', claimed('', [], { dialect: 'draft-09' }), 'no-claim'],
    [
      'takes a said name in the old dialect too',
      claimed(said, cert, { dialect: 'draft-09' }),
      `extension: ${said}`,
    ],
  ];
  for (const [title, claim, expected] of cases) {
    it(title, () => {
      expect(claim).to.equal(expected);
    });
  }

  it('says what is wrong with the name', () => {
    const verdict = claimsOfClient(
      { clientId: Buffer.from('ns2.example.'), dnsNames: [] },
      { claims: both, dialect: 'draft-13' },
    );
    expect(verdict).to.deep.equal({ reason: 'bad-name', detail: 'the name ends with a dot' });
  });
});
