import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import {
  associationData,
  describeTlsa,
  digestLength,
  matchingFromText,
  matchingName,
  selectorFromText,
  selectorName,
  tlsaFor,
  TlsaParameterError,
  usageFromText,
  usageName,
} from '../../../core/dane/tlsa.ts';
import { subjectPublicKeyInfo } from '../../../core/pki/certificate.ts';
import { craftCertificate } from '../../support/crafted-certificate.ts';

const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
const certificate = craftCertificate({ publicKey });
const subject = { certificate, subjectPublicKeyInfo: subjectPublicKeyInfo(certificate) };
const bareKey = { subjectPublicKeyInfo: publicKey };

function digest(algorithm: string, octets: Buffer): Buffer {
  return createHash(algorithm).update(octets).digest();
}

describe('associationData', () => {
  const cases = [
    { selector: 0, matching: 0, expected: certificate },
    { selector: 0, matching: 1, expected: digest('sha256', certificate) },
    { selector: 0, matching: 2, expected: digest('sha512', certificate) },
    { selector: 1, matching: 0, expected: publicKey },
    { selector: 1, matching: 1, expected: digest('sha256', publicKey) },
    { selector: 1, matching: 2, expected: digest('sha512', publicKey) },
  ];
  for (const { selector, matching, expected } of cases) {
    it(`is right for ${selectorName(selector)} ${matchingName(matching)} [RFC6698-2.1.4]`, () => {
      expect(associationData(subject, selector, matching)).to.deep.equal(expected);
      expect(expected).to.have.length(digestLength(matching) ?? expected.length);
    });
  }

  it('needs no certificate for a raw public key [RFC7671-5.1]', () => {
    expect(associationData(bareKey, 1, 1)).to.deep.equal(digest('sha256', publicKey));
  });

  it('has nothing to hash when a bare key should give a certificate', () => {
    expect(() => associationData(bareKey, 0, 1)).to.throw(TlsaParameterError, 'needs a certificate');
  });

  for (const { selector, matching } of [
    { selector: 2, matching: 1 },
    { selector: 255, matching: 1 },
    { selector: 1, matching: 3 },
    { selector: 1, matching: 255 },
    { selector: -1, matching: 1 },
    { selector: 1, matching: 0.5 },
  ]) {
    it(`refuses selector ${String(selector)}, matching type ${String(matching)}`, () => {
      expect(() => associationData(subject, selector, matching)).to.throw(TlsaParameterError, 'unknown');
    });
  }
});

describe('tlsaFor', () => {
  it('makes the record that RFC 7671 recommends [RFC7671-5.1]', () => {
    expect(tlsaFor(subject, { usage: 3, selector: 1, matchingType: 1 })).to.deep.equal({
      usage: 3,
      selector: 1,
      matchingType: 1,
      data: digest('sha256', publicKey),
    });
  });

  for (const usage of [4, 255, -1]) {
    it(`refuses usage ${String(usage)}`, () => {
      expect(() => tlsaFor(subject, { usage, selector: 1, matchingType: 1 })).to.throw(
        TlsaParameterError,
        'usage',
      );
    });
  }
});

describe('the words of RFC 7218', () => {
  it('name usages [RFC7218-2.1]', () => {
    expect([0, 1, 2, 3, 4, 255].map(usageName)).to.deep.equal([
      'PKIX-TA',
      'PKIX-EE',
      'DANE-TA',
      'DANE-EE',
      '4',
      'PrivCert',
    ]);
  });

  it('name selectors [RFC7218-2.2]', () => {
    expect([0, 1, 2, 255].map(selectorName)).to.deep.equal(['Cert', 'SPKI', '2', 'PrivSel']);
  });

  it('name matching types [RFC7218-2.3]', () => {
    expect([0, 1, 2, 3, 255].map(matchingName)).to.deep.equal([
      'Full',
      'SHA2-256',
      'SHA2-512',
      '3',
      'PrivMatch',
    ]);
  });

  it('name a whole record', () => {
    expect(describeTlsa({ usage: 3, selector: 1, matchingType: 1 })).to.equal('DANE-EE SPKI SHA2-256');
  });

  it('are read back in any case, and so are the numbers', () => {
    expect(['DANE-EE', 'dane-ee', '3'].map(usageFromText)).to.deep.equal([3, 3, 3]);
    expect(['Cert', 'spki', '1'].map(selectorFromText)).to.deep.equal([0, 1, 1]);
    expect(['full', 'SHA2-256', '2'].map(matchingFromText)).to.deep.equal([0, 1, 2]);
  });

  it('are nothing else', () => {
    for (const text of ['', '4', '03', '3 ', '-1', 'DANE', '255', 'toString']) {
      expect(usageFromText(text), text).to.equal(undefined);
    }
  });
});
