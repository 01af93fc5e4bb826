/** The usages that need a certification path: PKIX-TA, PKIX-EE and DANE-TA. */
import { expect } from 'chai';
import { matchTlsa, type MatchContext, type MatchResult } from '../../../core/dane/match.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { pathLimits } from '../../../core/pki/path-limits.ts';
import { extendedKeyUsage, keyUsage, nameConstraints } from '../../support/certificate-extensions.ts';
import {
  authority,
  endEntity,
  issue,
  sharedKey,
  type TestCertificate,
} from '../../support/certificate-factory.ts';
import { dnsNameEntry, extension } from '../../support/crafted-certificate.ts';
import { ca, hourMs, leafOf, nowMs, otherRoot, root } from '../../support/path-search.ts';

const name = 'ns2.example.net';
const middle = ca('Middle');
const leaf = leafOf(middle, { names: [name] });

type Kind = readonly [usage: number, selector: number, matchingType: number];

/** RDATA of the record about this certificate. */
function tlsa([usage, selector, matchingType]: Kind, about: TestCertificate): Buffer {
  const subject = { certificate: about.der, subjectPublicKeyInfo: about.spki };
  return encodeTlsa(tlsaFor(subject, { usage, selector, matchingType }));
}

interface Overrides extends Partial<Omit<MatchContext, 'name' | 'roots'>> {
  readonly name?: string;
  readonly roots?: readonly TestCertificate[];
}

/** What a client that sends these certificates is told. */
function match(
  records: readonly Buffer[],
  [certificate, ...chain]: readonly TestCertificate[],
  { name: wanted = name, roots = [], ...context }: Overrides = {},
): MatchResult {
  if (certificate === undefined) throw new Error('no certificate');
  const peer = {
    certificate: certificate.der,
    subjectPublicKeyInfo: certificate.spki,
    dnsNames: [],
    chain: chain.map(({ der }) => der),
  };
  return matchTlsa(records, peer, {
    name: Name.parse(wanted),
    nowMs,
    purpose: 'client',
    roots: roots.map(({ der }) => parseCertificate(der)),
    ...context,
  });
}

function expectNo(result: MatchResult, reason: string, words: string): void {
  expect(result).to.include({ matched: false, reason });
  expect(result).to.have.property('detail').that.includes(words);
}

const selections: readonly (readonly [selector: number, matchingType: number])[] = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 0],
  [1, 1],
  [1, 2],
];

describe('DANE-TA', () => {
  for (const [selector, matchingType] of selections) {
    const kind: Kind = [2, selector, matchingType];
    it(`"${kind.join(' ')}" finds its CA in the chain, at any depth [RFC6698-2.1.1]`, () => {
      expect(match([tlsa(kind, middle)], [leaf, middle, root])).to.include({ matched: true, depth: 1 });
      expect(match([tlsa(kind, root)], [leaf, middle, root])).to.include({ matched: true, depth: 2 });
      expect(match([tlsa(kind, root)], [leaf, otherRoot, root, middle])).to.include({ depth: 2 });
    });

    it(`"${kind.join(' ')}" does not take another CA for it [RFC6698-2.1.1]`, () => {
      const { matched } = match([tlsa(kind, otherRoot)], [leaf, middle, root]);
      expect(matched).to.equal(false);
    });
  }

  it('needs no roots, and does not look at them', () => {
    const through = match([tlsa([2, 0, 1], root)], [leaf, root], { roots: [middle] });
    expectNo(through, 'path-invalid', 'depth 0 has no issuer');
    expectNo(match([tlsa([2, 1, 1], root)], [leaf, middle], { roots: [root] }), 'key-mismatch', 'none of 1');
  });

  it('takes no root that was not sent, though other records ask for the roots', () => {
    const records = [tlsa([2, 1, 1], root), tlsa([0, 0, 1], otherRoot)];
    expectNo(match(records, [leaf, middle], { roots: [root] }), 'key-mismatch', 'none of 2');
  });

  it('finds an anchor in full that the peer did not send [RFC7671-5.2.2]', () => {
    expect(match([tlsa([2, 0, 0], root)], [leaf, middle])).to.include({ matched: true, depth: 2 });
    expect(match([tlsa([2, 0, 0], middle)], [leaf])).to.include({ matched: true, depth: 1 });
    expectNo(match([tlsa([2, 0, 0], otherRoot)], [leaf, middle]), 'path-invalid', 'depth 1 has no issuer');
  });

  it('finds a key in full by which the topmost certificate is signed [RFC7671-5.2.3]', () => {
    expect(match([tlsa([2, 1, 0], root)], [leaf, middle])).to.include({ matched: true, depth: 2 });
    expect(match([tlsa([2, 1, 0], middle)], [leaf])).to.include({ matched: true, depth: 1 });
    expectNo(match([tlsa([2, 1, 0], otherRoot)], [leaf, middle]), 'key-mismatch', 'DANE-TA SPKI Full');
  });

  it('counts such a key as the place above the topmost certificate, not above itself', () => {
    const records = [tlsa([2, 1, 0], root), tlsa([0, 0, 1], otherRoot)];
    expect(match(records, [leaf, middle], { roots: [root] })).to.include({ matched: true, depth: 2 });
  });

  it('lets no digest of a key stand for the key', () => {
    expectNo(match([tlsa([2, 1, 1], middle)], [leaf]), 'key-mismatch', 'none of 1');
  });

  it('holds the CA of a key to what its certificate says, when it was sent [RFC7671-5.2.3]', () => {
    const expired = authority({ subject: 'Root', key: root.key, notAfterMs: nowMs - hourMs });
    expectNo(match([tlsa([2, 1, 0], root)], [leaf, middle, expired]), 'path-invalid', 'depth 2 expired');
  });

  it('holds the anchor to its constraints', () => {
    const constrained = ca('Constrained', {
      more: [nameConstraints({ permitted: [dnsNameEntry('example.org')] })],
    });
    const below = leafOf(constrained, { names: [name] });
    for (const kind of [
      [2, 0, 1],
      [2, 1, 1],
    ] as const) {
      expectNo(
        match([tlsa(kind, constrained)], [below, constrained]),
        'path-invalid',
        'depth 1 does not permit',
      );
    }
  });

  it('finds another way when the first anchor is of no use', () => {
    const expired = authority({
      subject: 'Middle',
      key: middle.key,
      notAfterMs: nowMs - hourMs,
      issuer: otherRoot,
    });
    const records = [tlsa([2, 0, 1], otherRoot), tlsa([2, 0, 1], root)];
    expect(match(records, [leaf, expired, middle, otherRoot, root])).to.include({ matched: true, depth: 2 });
  });

  it('does not take the end entity for its own anchor', () => {
    const self = endEntity({ key: sharedKey('self'), names: [name] });
    expectNo(match([tlsa([2, 1, 1], self)], [self]), 'key-mismatch', 'none of 1');
    expectNo(match([tlsa([2, 0, 1], self)], [self, self]), 'path-invalid', 'depth 0 has no issuer');
  });

  it('asks for the dates [RFC6698-2.1.1]', () => {
    const old = leafOf(middle, { names: [name], notAfterMs: nowMs - hourMs });
    expectNo(match([tlsa([2, 0, 1], middle)], [old, middle]), 'path-invalid', 'depth 0 expired');
    const end = { matched: true, endsMs: Date.UTC(2049, 0, 1) + 1000 };
    expect(match([tlsa([2, 0, 1], middle)], [leaf, middle])).to.include(end);
  });

  it('asks for the purpose', () => {
    const server = leafOf(middle, { names: [name], extendedKeyUsage: extendedKeyUsage(['serverAuth']) });
    const records = [tlsa([2, 0, 1], middle)];
    expectNo(match(records, [server, middle]), 'path-invalid', 'not for TLS clients');
    expect(match(records, [server, middle], { purpose: 'server' }).matched).to.equal(true);
  });

  it('does not trust a certificate for its name alone', () => {
    const forged = authority({ subject: 'Middle', key: sharedKey('forger') });
    const byForger = leafOf(forged, { names: [name] });
    expectNo(match([tlsa([2, 0, 1], middle)], [byForger, middle, forged]), 'path-invalid', 'did not sign');
  });
});

describe('PKIX-TA', () => {
  const roots = [otherRoot, root];
  for (const [selector, matchingType] of selections) {
    const kind: Kind = [0, selector, matchingType];
    it(`"${kind.join(' ')}" finds its CA in a path to a root [RFC6698-2.1.1]`, () => {
      expect(match([tlsa(kind, middle)], [leaf, middle], { roots })).to.include({ matched: true, depth: 1 });
      expect(match([tlsa(kind, root)], [leaf, middle], { roots })).to.include({ matched: true, depth: 2 });
      expect(match([tlsa(kind, root)], [leaf, middle, root], { roots })).to.include({ depth: 2 });
    });
  }

  it('does not take a path to a root for enough [RFC6698-2.1.1]', () => {
    expectNo(match([tlsa([0, 0, 1], otherRoot)], [leaf, middle], { roots }), 'key-mismatch', 'PKIX-TA');
  });

  it('does not take a matching CA for enough [RFC6698-2.1.1]', () => {
    const result = match([tlsa([0, 0, 1], middle)], [leaf, middle, root], { roots: [otherRoot] });
    expectNo(result, 'path-invalid', 'depth 2 has no issuer');
  });

  it('goes on above the first root while no CA matches [RFC7671-5.4]', () => {
    expect(match([tlsa([0, 0, 1], root)], [leaf, middle], { roots: [middle, root] })).to.include({
      depth: 2,
    });
    // The root that all know is signed by one that the record is about.
    const cross = authority({ subject: 'Root', key: root.key, issuer: otherRoot });
    const result = match([tlsa([0, 0, 1], otherRoot)], [leaf, middle, cross], { roots });
    expect(result).to.include({ matched: true, depth: 3 });
  });

  it('does not match the end entity', () => {
    expectNo(match([tlsa([0, 0, 1], leaf)], [leaf, middle], { roots }), 'key-mismatch', 'PKIX-TA');
  });

  it('uses a certificate from the record where the peer left it out, and trusts it for nothing', () => {
    expect(match([tlsa([0, 0, 0], middle)], [leaf], { roots })).to.include({ matched: true, depth: 1 });
    expectNo(
      match([tlsa([0, 0, 0], root)], [leaf, middle], { roots: [otherRoot] }),
      'path-invalid',
      'depth 2',
    );
  });

  it('says so when there is no path to any root', () => {
    expectNo(match([tlsa([0, 0, 1], root)], [leaf], { roots }), 'path-invalid', 'depth 0 has no issuer');
  });
});

describe('PKIX-EE', () => {
  for (const [selector, matchingType] of selections) {
    const kind: Kind = [1, selector, matchingType];
    it(`"${kind.join(' ')}" needs both the end entity and a path to a root [RFC7671-5.3]`, () => {
      const records = [tlsa(kind, leaf)];
      expect(match(records, [leaf, middle], { roots: [root] })).to.include({ matched: true, depth: 0 });
      expectNo(
        match(records, [leaf, middle], { roots: [otherRoot] }),
        'path-invalid',
        'depth 1 has no issuer',
      );
      const thief = leafOf(middle, { names: [name], key: sharedKey('thief') });
      expectNo(match(records, [thief, middle], { roots: [root] }), 'key-mismatch', 'PKIX-EE');
    });
  }

  it('does not match a CA', () => {
    expectNo(match([tlsa([1, 1, 1], middle)], [leaf, middle], { roots: [root] }), 'key-mismatch', 'PKIX-EE');
  });
});

describe('the name in the certificate', () => {
  const cases: readonly { readonly kind: Kind; readonly about: TestCertificate }[] = [
    { kind: [0, 0, 1], about: root },
    { kind: [2, 0, 1], about: middle },
    { kind: [2, 1, 0], about: root },
  ];
  for (const { kind, about } of cases) {
    it(`counts with "${kind.join(' ')}" [RFC7671-10.2]`, () => {
      const records = [tlsa(kind, about)];
      const roots = [root];
      expect(match(records, [leaf, middle], { roots }).matched).to.equal(true);
      expectNo(
        match(records, [leaf, middle], { roots, name: 'ns3.example.net' }),
        'name-mismatch',
        'ns3.example.net',
      );
      const nameless = leafOf(middle, { names: [], subject: name });
      expectNo(match(records, [nameless, middle], { roots }), 'name-mismatch', 'not for ns2.example.net');
    });
  }

  it('counts with "1 1 1" [RFC7671-10.2]', () => {
    const records = [tlsa([1, 1, 1], leaf)];
    expectNo(
      match(records, [leaf, middle], { roots: [root], name: 'ns3.example.net' }),
      'name-mismatch',
      'ns3',
    );
  });

  it('does not count with "3 1 1", beside the others too [RFC7671-5.1]', () => {
    const records = [tlsa([2, 0, 1], middle), tlsa([3, 1, 1], leaf)];
    expect(match(records, [leaf, middle], { name: 'ns3.example.net' })).to.include({
      proof: 'DANE-EE SPKI SHA2-256',
    });
  });

  for (const [wanted, dnsName] of [
    ['_xfr.ns2.example.net', '_xfr.ns2.example.net'],
    ['sensor7._device.example.com', 'sensor7._device.example.com'],
  ] as const) {
    it(`${wanted} is found as ${dnsName}`, () => {
      const end = leafOf(middle, { names: ['other.example.net', dnsName] });
      expect(match([tlsa([2, 0, 1], middle)], [end, middle], { name: wanted }).matched).to.equal(true);
    });
  }

  it('of a server may be a wildcard, that of a client is itself [DANCE-5]', () => {
    for (const [wanted, dnsName] of [
      ['sensor7._device.example.com', '*._device.example.com'],
      ['ns2.example.net', '*.example.net'],
    ] as const) {
      const end = leafOf(middle, { names: ['other.example.net', dnsName] });
      const shown = [end, middle];
      const records = [tlsa([2, 0, 1], middle)];
      expect(match(records, shown, { name: wanted, purpose: 'server' }).matched).to.equal(true);
      expectNo(match(records, shown, { name: wanted, purpose: 'client' }), 'name-mismatch', wanted);
    }
  });
});

describe('a chain match', () => {
  it('goes on when a certificate that was sent cannot be read', () => {
    const rubbish = { ...middle, der: Buffer.from('3003020101', 'hex') };
    expect(match([tlsa([2, 0, 1], middle)], [leaf, rubbish, middle]).matched).to.equal(true);
  });

  it('refuses an end entity that cannot be judged, which DANE-EE would take', () => {
    const odd = issue({
      key: sharedKey('odd'),
      subject: 'odd',
      issuer: middle,
      version: 1,
      extensions: [keyUsage(['digitalSignature'])],
    });
    expectNo(match([tlsa([2, 0, 1], middle)], [odd, middle]), 'path-invalid', 'version 2');
    expect(match([tlsa([3, 1, 1], odd)], [odd, middle]).matched).to.equal(true);
  });

  it('looks at a bounded number of certificates', () => {
    const bound = pathLimits['chain-certificates'].default;
    const others = Array.from({ length: bound }, (_, i) =>
      ca(`Other ${String(i)}`, { key: sharedKey('others') }),
    );
    const records = [tlsa([2, 0, 1], middle)];
    expect(match(records, [leaf, ...others.slice(1), middle]).matched).to.equal(true);
    expectNo(match(records, [leaf, ...others, middle]), 'key-mismatch', 'none of 1');
  });

  it('looks at a bounded number of octets', () => {
    const padding = extension('2a03', Buffer.alloc(60_000));
    const large = [1n, 2n, 3n].map((serial) => ca('Large', { serial, more: [padding] }));
    const records = [tlsa([2, 0, 1], middle)];
    expect(match(records, [leaf, ...large.slice(1), middle]).matched).to.equal(true);
    expectNo(match(records, [leaf, ...large, middle]), 'key-mismatch', 'none of 1');
  });

  it('says when the work was too much', () => {
    const namesakes = Array.from({ length: 14 }, (_, i) =>
      ca('Middle', { key: sharedKey(`slow ${String(i)}`, 'p521'), keyIdentifiers: false }),
    );
    const plain = leafOf(middle, {
      names: [name],
      keyIdentifiers: false,
      key: sharedKey('leaf', 'p521'),
      issuer: { subject: middle.subject, key: sharedKey('slow 13', 'p521') },
    });
    expectNo(match([tlsa([2, 0, 1], namesakes[13]!)], [plain, ...namesakes]), 'work-limit', 'signature-work');
  });

  it('computes no signature when no record is about anything that was sent', () => {
    const namesakes = Array.from({ length: 14 }, (_, i) =>
      ca('Middle', { key: sharedKey(`slow ${String(i)}`, 'p521') }),
    );
    expectNo(match([tlsa([2, 0, 1], otherRoot)], [leaf, ...namesakes]), 'key-mismatch', 'none of 1');
  });

  it('finds the record that holds among many', () => {
    const records = [
      tlsa([3, 1, 1], middle),
      tlsa([1, 1, 1], middle),
      tlsa([2, 1, 1], otherRoot),
      tlsa([2, 1, 1], root),
    ];
    for (const turn of records.keys()) {
      const turned = [...records.slice(turn), ...records.slice(0, turn)];
      expect(match(turned, [leaf, middle, root], { roots: [otherRoot] })).to.include({
        proof: 'DANE-TA SPKI SHA2-256',
        depth: 2,
      });
    }
  });
});
