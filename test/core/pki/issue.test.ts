import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import { dnsNames, validity } from '../../../core/pki/certificate.ts';
import { IdentityNameError } from '../../../core/pki/errors.ts';
import { algorithmTitle, identityAlgorithms, issueIdentity } from '../../../core/pki/issue.ts';
import { parsePem } from '../../../core/pki/pem.ts';

const notBeforeMs = Date.parse('2026-11-22T00:00:00Z');
const notAfterMs = Date.parse('2126-11-22T00:00:00Z');

function issue(name: string, algorithm: (typeof identityAlgorithms)[number] = 'p256') {
  return issueIdentity({ name: Name.parse(name), algorithm, notBeforeMs, notAfterMs });
}

describe('issueIdentity', () => {
  const keyTypes = { p256: 'ec', ed25519: 'ed25519', rsa2048: 'rsa' };
  for (const algorithm of identityAlgorithms) {
    it(`makes a certificate and its key with ${algorithmTitle(algorithm)}`, async () => {
      const identity = await issue('_xfr.ns2.example.net', algorithm);
      const certificate = new X509Certificate(identity.certificatePem);
      const key = createPrivateKey(identity.privateKeyPem);
      expect(key.asymmetricKeyType).to.equal(keyTypes[algorithm]);
      expect(certificate.checkPrivateKey(key)).to.equal(true);
      expect(certificate.verify(createPublicKey(key))).to.equal(true);
      expect(certificate.ca).to.equal(false);
      expect(certificate.subjectAltName).to.equal('DNS:_xfr.ns2.example.net');
      expect(certificate.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
      expect(identity.certificate).to.deep.equal(certificate.raw);
      expect(parsePem(identity.certificatePem, 'CERTIFICATE')).to.deep.equal([identity.certificate]);
      expect(identity.subjectPublicKeyInfo).to.deep.equal(
        createPublicKey(key).export({ type: 'spki', format: 'der' }),
      );
    });
  }

  it('writes the key as PKCS#8', async () => {
    const { privateKeyPem } = await issue('ns2.example.net');
    expect(privateKeyPem).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('keeps the dates, beyond 2050 too [RFC5280-4.1.2.5]', async () => {
    const { certificate } = await issue('ns2.example.net');
    expect(validity(certificate)).to.deep.equal({ notBeforeMs, notAfterMs });
  });

  it('gives every certificate another serial number, positive and of 16 octets [RFC5280-4.1.2.2]', async () => {
    const issued = await Promise.all(Array.from({ length: 20 }, () => issue('ns2.example.net')));
    const serials = issued.map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    expect(new Set(serials).size).to.equal(serials.length);
    for (const serial of serials) expect(serial).to.match(/^[4-7][0-9A-F]{31}$/);
  });

  it('takes the longest of names', async () => {
    const name = Array.from({ length: 127 }, () => 'a').join('.');
    const { certificate } = await issue(name);
    expect(dnsNames(certificate).names.map(String)).to.deep.equal([name]);
  });

  for (const name of ['.', '*.example.net', 'a\\.b.example']) {
    it(`refuses ${name}, which cannot stand in a certificate`, async () => {
      const failure = await issue(name).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(IdentityNameError);
    });
  }
});
