import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { matchTlsa, maximumTlsaRecords, type MatchResult } from '../../../core/dane/match.ts';
import { associationData } from '../../../core/dane/tlsa.ts';
import type { PeerCredentials } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

let client: IssuedIdentity;
let other: IssuedIdentity;

function rdata(usage: number, selector: number, matchingType: number, data: Buffer): Buffer {
  return encodeTlsa({ usage, selector, matchingType, data });
}

/** The match of a client at a time when its certificate is valid, with no roots at hand. */
function match(records: readonly Buffer[], peer: PeerCredentials): MatchResult {
  const context = {
    name: Name.parse('ns2.example'),
    nowMs: Date.now(),
    purpose: 'client',
    roots: [],
  } as const;
  return matchTlsa(records, peer, context);
}

describe('matchTlsa', () => {
  before(async () => {
    client = await issueTestIdentity('ns2.example');
    other = await issueTestIdentity('ns2.example');
  });

  for (const [selector, matchingType, proof] of [
    [0, 0, 'DANE-EE Cert Full'],
    [0, 1, 'DANE-EE Cert SHA2-256'],
    [0, 2, 'DANE-EE Cert SHA2-512'],
    [1, 0, 'DANE-EE SPKI Full'],
    [1, 1, 'DANE-EE SPKI SHA2-256'],
    [1, 2, 'DANE-EE SPKI SHA2-512'],
  ] as const) {
    it(`finds the key by ${proof} [RFC6698-2.1]`, () => {
      const result = match([tlsaOf(client, { selector, matchingType })], credentialsOf(client));
      expect(result).to.include({ matched: true, proof, depth: 0 });
      expect(result).not.to.have.property('endsMs');
    });

    it(`does not take another key for it by ${proof} [RFC6698-2.1]`, () => {
      const result = match([tlsaOf(client, { selector, matchingType })], credentialsOf(other));
      expect(result).to.include({ matched: false, reason: 'key-mismatch' });
    });
  }

  it('takes no RSA key that others can compute, whatever record is about it [RFC6698-4.1]', () => {
    const bits = (modulusLength: number): MatchResult => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
      const subjectPublicKeyInfo = publicKey.export({ format: 'der', type: 'spki' });
      const peer = { subjectPublicKeyInfo, dnsNames: [], chain: [] };
      return match([rdata(3, 1, 1, associationData(peer, 1, 1))], peer);
    };
    expect(bits(1024)).to.deep.include({ matched: false, reason: 'weak-key' });
    expect(bits(2040)).to.deep.include({ matched: false, reason: 'weak-key' });
    expect(bits(2048)).to.include({ matched: true });
  });

  const unusable: [string, () => Buffer, words: string][] = [
    ['usage PKIX-TA without roots', () => tlsaOf(client, { usage: 0 }), 'set dane.roots'],
    ['usage PKIX-EE without roots', () => tlsaOf(client, { usage: 1 }), 'set dane.roots'],
    ['an unknown usage', () => rdata(4, 1, 1, client.subjectPublicKeyInfo), 'usage 4'],
    ['an unknown selector', () => rdata(3, 2, 0, client.subjectPublicKeyInfo), 'selector 2'],
    ['an unknown matching type', () => rdata(3, 1, 3, client.subjectPublicKeyInfo), 'matching type 3'],
    ['a SHA2-256 digest one octet short', () => rdata(3, 1, 1, digest(1).subarray(1)), '31 octets'],
    ['a SHA2-256 digest one octet long', () => rdata(3, 1, 1, longer(digest(1))), '33 octets'],
    ['a SHA2-512 digest of 32 octets', () => rdata(3, 1, 2, digest(2).subarray(32)), '32 octets'],
    [
      'a SHA2-256 digest with DANE-TA one octet short',
      () => rdata(2, 0, 1, digest(1).subarray(1)),
      '31 octets',
    ],
    [
      'a certificate in full that is none',
      () => rdata(3, 0, 0, client.subjectPublicKeyInfo),
      'no certificate',
    ],
    ['a key in full that is none', () => rdata(2, 1, 0, client.certificate), 'no public key'],
    ['an empty Full record', () => rdata(3, 1, 0, Buffer.alloc(0)), 'too short'],
    ['RDATA without its third number', () => Buffer.from([3, 1]), 'too short'],
    ['empty RDATA', () => Buffer.alloc(0), 'too short'],
  ];

  for (const [what, make, words] of unusable) {
    it(`cannot use ${what} [RFC6698-4.1]`, () => {
      const result = match([make()], credentialsOf(client));
      expect(result).to.include({ matched: false, reason: 'no-usable-record' });
      expect(result).to.have.property('detail').that.includes(words);
    });

    it(`passes over ${what} and uses the record after it [RFC6698-4.1]`, () => {
      expect(match([make(), tlsaOf(client)], credentialsOf(client)).matched).to.equal(true);
    });
  }

  it('needs one matching record among many, in any place [RFC6698-4.1]', () => {
    const records = [tlsaOf(other), tlsaOf(other, { selector: 0 }), tlsaOf(client)];
    for (const turn of records.keys()) {
      const turned = [...records.slice(turn), ...records.slice(0, turn)];
      expect(match(turned, credentialsOf(client)).matched).to.equal(true);
    }
  });

  it('calls a wrong key a mismatch even when other records cannot be used', () => {
    const result = match([tlsaOf(client, { usage: 2 }), tlsaOf(other)], credentialsOf(client));
    expect(result).to.include({ matched: false, reason: 'key-mismatch' });
  });

  it('says that there is no record when there is none', () => {
    expect(match([], credentialsOf(client))).to.include({ matched: false, reason: 'no-tlsa' });
  });

  it('ignores the dates of the certificate with DANE-EE [RFC7671-5.1]', async () => {
    const expired = await issueTestIdentity('ns2.example', { notBeforeMs: 0, notAfterMs: 86_400_000 });
    expect(match([tlsaOf(expired)], credentialsOf(expired)).matched).to.equal(true);
  });

  it('ignores the names in the certificate with DANE-EE [RFC7671-5.1]', async () => {
    const named = await issueTestIdentity('some.where.example');
    expect(match([tlsaOf(named)], credentialsOf(named, 'else.where.example')).matched).to.equal(true);
  });

  it('knows the key again in another certificate by SPKI, not by Cert [RFC6698-2.1]', () => {
    const renewed = { ...credentialsOf(client), certificate: other.certificate };
    expect(match([tlsaOf(client)], renewed).matched).to.equal(true);
    expect(match([tlsaOf(client, { selector: 0 })], renewed).matched).to.equal(false);
  });

  describe('with more than one digest', () => {
    const weak = (): Buffer => tlsaOf(client, { matchingType: 1 });
    const strongOther = (): Buffer => tlsaOf(other, { matchingType: 2 });

    it('asks only the strongest that was published [RFC7671-9]', () => {
      expect(match([weak(), strongOther()], credentialsOf(client))).to.include({ reason: 'key-mismatch' });
      const strong = tlsaOf(client, { matchingType: 2 });
      expect(match([tlsaOf(other), strong], credentialsOf(client))).to.include({
        proof: 'DANE-EE SPKI SHA2-512',
      });
    });

    it('asks each usage and selector for itself [RFC7671-9]', () => {
      const elsewhere = [
        tlsaOf(other, { matchingType: 2, selector: 0 }),
        tlsaOf(other, { matchingType: 2, usage: 2 }),
      ];
      expect(match([weak(), ...elsewhere], credentialsOf(client)).matched).to.equal(true);
    });

    it('asks a record in full whatever digests there are [RFC7671-9]', () => {
      const full = tlsaOf(client, { matchingType: 0 });
      expect(match([full, strongOther()], credentialsOf(client))).to.include({ proof: 'DANE-EE SPKI Full' });
    });

    it('lets no unusable record take the place of a weaker one [RFC7671-9]', () => {
      const broken = [rdata(3, 1, 2, digest(1)), rdata(3, 1, 3, digest(2))];
      expect(match([...broken, weak()], credentialsOf(client)).matched).to.equal(true);
    });
  });

  describe('of a raw public key', () => {
    const rawKey = (): PeerCredentials => {
      const { subjectPublicKeyInfo, dnsNames, chain } = credentialsOf(client, 'ns2.example');
      return { subjectPublicKeyInfo, dnsNames, chain };
    };

    for (const matchingType of [0, 1, 2]) {
      it(`takes "3 1 ${String(matchingType)}" [RFC7671-5.1]`, () => {
        expect(match([tlsaOf(client, { matchingType })], rawKey())).to.include({ matched: true, depth: 0 });
        expect(match([tlsaOf(other, { matchingType })], rawKey())).to.include({ reason: 'key-mismatch' });
      });
    }

    for (const [usage, selector] of [
      [3, 0],
      [2, 1],
      [2, 0],
      [1, 1],
      [0, 1],
    ] as const) {
      it(`cannot use "${String(usage)} ${String(selector)} 1" [RFC7671-5.1]`, () => {
        const result = match([tlsaOf(client, { usage, selector })], rawKey());
        expect(result).to.include({ matched: false, reason: 'no-usable-record' });
        expect(result).to.have.property('detail').that.includes('raw public key');
      });
    }
  });

  it('looks at a bounded number of records', () => {
    const wrong = Array.from({ length: maximumTlsaRecords }, () => tlsaOf(other));
    expect(match([...wrong.slice(1), tlsaOf(client)], credentialsOf(client)).matched).to.equal(true);
    expect(match([...wrong, tlsaOf(client)], credentialsOf(client)).matched).to.equal(false);
  });
});

function digest(matchingType: number): Buffer {
  return associationData(client, 1, matchingType);
}

function longer(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.from([0])]);
}
