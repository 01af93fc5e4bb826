import { expect } from 'chai';
import { matchTlsa, maximumTlsaRecords } from '../../../core/dane/match.ts';
import { associationData } from '../../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

let client: IssuedIdentity;
let other: IssuedIdentity;

function rdata(usage: number, selector: number, matchingType: number, data: Buffer): Buffer {
  return encodeTlsa({ usage, selector, matchingType, data });
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
      const result = matchTlsa([tlsaOf(client, { selector, matchingType })], credentialsOf(client));
      expect(result).to.include({ matched: true, proof });
    });

    it(`does not take another key for it by ${proof} [RFC6698-2.1]`, () => {
      const result = matchTlsa([tlsaOf(client, { selector, matchingType })], credentialsOf(other));
      expect(result).to.include({ matched: false, reason: 'key-mismatch' });
    });
  }

  const unusable: [string, () => Buffer, words: string][] = [
    ['usage PKIX-TA', () => tlsaOf(client, { usage: 0 }), 'PKIX-TA'],
    ['usage PKIX-EE', () => tlsaOf(client, { usage: 1 }), 'PKIX-EE'],
    ['usage DANE-TA', () => tlsaOf(client, { usage: 2 }), 'DANE-TA'],
    ['an unknown usage', () => rdata(4, 1, 1, client.subjectPublicKeyInfo), 'usage 4'],
    ['an unknown selector', () => rdata(3, 2, 0, client.subjectPublicKeyInfo), 'selector 2'],
    ['an unknown matching type', () => rdata(3, 1, 3, client.subjectPublicKeyInfo), 'matching type 3'],
    ['a SHA2-256 digest one octet short', () => rdata(3, 1, 1, digest(1).subarray(1)), '31 octets'],
    ['a SHA2-256 digest one octet long', () => rdata(3, 1, 1, longer(digest(1))), '33 octets'],
    ['a SHA2-512 digest of 32 octets', () => rdata(3, 1, 2, digest(2).subarray(32)), '32 octets'],
    ['RDATA without its third number', () => Buffer.from([3, 1]), 'too short'],
    ['empty RDATA', () => Buffer.alloc(0), 'too short'],
  ];

  for (const [what, make, words] of unusable) {
    it(`cannot use ${what} [RFC6698-4.1]`, () => {
      const result = matchTlsa([make()], credentialsOf(client));
      expect(result).to.include({ matched: false, reason: 'no-usable-record' });
      expect(result).to.have.property('detail').that.includes(words);
    });

    it(`passes over ${what} and uses the record after it [RFC6698-4.1]`, () => {
      expect(matchTlsa([make(), tlsaOf(client)], credentialsOf(client)).matched).to.equal(true);
    });
  }

  it('needs one matching record among many, in any place [RFC6698-4.1]', () => {
    const records = [tlsaOf(other), tlsaOf(other, { selector: 0 }), tlsaOf(client)];
    for (const turn of records.keys()) {
      const turned = [...records.slice(turn), ...records.slice(0, turn)];
      expect(matchTlsa(turned, credentialsOf(client)).matched).to.equal(true);
    }
  });

  it('calls a wrong key a mismatch even when other records cannot be used', () => {
    const result = matchTlsa([tlsaOf(client, { usage: 2 }), tlsaOf(other)], credentialsOf(client));
    expect(result).to.include({ matched: false, reason: 'key-mismatch' });
  });

  it('says that there is no record when there is none', () => {
    expect(matchTlsa([], credentialsOf(client))).to.include({ matched: false, reason: 'no-tlsa' });
  });

  it('does not match an empty Full record', () => {
    expect(matchTlsa([rdata(3, 1, 0, Buffer.alloc(0))], credentialsOf(client)).matched).to.equal(false);
  });

  it('ignores the dates of the certificate with DANE-EE [RFC7671-5.1]', async () => {
    const expired = await issueTestIdentity('ns2.example', { notBeforeMs: 0, notAfterMs: 86_400_000 });
    expect(matchTlsa([tlsaOf(expired)], credentialsOf(expired)).matched).to.equal(true);
  });

  it('ignores the names in the certificate with DANE-EE [RFC7671-5.1]', async () => {
    const named = await issueTestIdentity('some.where.example');
    expect(matchTlsa([tlsaOf(named)], credentialsOf(named, 'else.where.example')).matched).to.equal(true);
  });

  it('knows the key again in another certificate by SPKI, not by Cert [RFC6698-2.1]', () => {
    const renewed = { ...credentialsOf(client), certificate: other.certificate };
    expect(matchTlsa([tlsaOf(client)], renewed).matched).to.equal(true);
    expect(matchTlsa([tlsaOf(client, { selector: 0 })], renewed).matched).to.equal(false);
  });

  it('looks at a bounded number of records', () => {
    const wrong = Array.from({ length: maximumTlsaRecords }, () => tlsaOf(other));
    expect(matchTlsa([...wrong.slice(1), tlsaOf(client)], credentialsOf(client)).matched).to.equal(true);
    expect(matchTlsa([...wrong, tlsaOf(client)], credentialsOf(client)).matched).to.equal(false);
  });
});

function digest(matchingType: number): Buffer {
  return associationData(client, 1, matchingType);
}

function longer(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.from([0])]);
}
