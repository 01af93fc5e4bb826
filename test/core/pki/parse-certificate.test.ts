import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { KeyPurpose } from '../../../core/pki/extensions.ts';
import {
  alternativeNames,
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../support/certificate-extensions.ts';
import { authority, endEntity, issue, sharedKey } from '../../support/certificate-factory.ts';
import {
  craftCertificate,
  der,
  dnsNameEntry,
  extension,
  sequence,
} from '../../support/crafted-certificate.ts';

const key = sharedKey('parsed');

function withExtension(identifier: string, value: Buffer, critical?: boolean): Buffer {
  return craftCertificate({ extensions: [extension(identifier, value, critical)] });
}

/** An element put in place of another in the octets of a certificate. */
function replaced(certificate: Buffer, from: Buffer, to: Buffer): Buffer {
  expect(from.length).to.equal(to.length);
  const at = certificate.indexOf(from);
  expect(at).to.be.above(0);
  return Buffer.concat([certificate.subarray(0, at), to, certificate.subarray(at + from.length)]);
}

/** The same with a signature of which seven bits are not used. */
function withUnusedBits(certificate: Buffer): Buffer {
  const octets = Buffer.from(certificate);
  // The signature comes last: BIT STRING, its length, the number of unused bits, and the signature itself.
  const { signature } = parseCertificate(certificate);
  octets[octets.length - signature.length - 1] = 7;
  return octets;
}

describe('parseCertificate', () => {
  it('reads everything that a path is judged by', () => {
    const issuer = authority({ subject: 'CA', key: sharedKey('ca') });
    const { der: octets, spki } = endEntity({
      key,
      issuer,
      subject: 'x',
      names: ['NS2.example.net', '*.example.org'],
    });
    const certificate = parseCertificate(octets);
    const parsedIssuer = parseCertificate(issuer.der);
    expect(certificate.der).to.equal(octets);
    expect(certificate.subjectPublicKeyInfo.equals(spki)).to.equal(true);
    expect(certificate.issuer).to.equal(parsedIssuer.subject);
    expect(certificate.subject).not.to.equal(parsedIssuer.subject);
    expect(certificate.version).to.equal(3);
    expect(certificate.dnsPatterns).to.deep.equal([
      { text: 'ns2.example.net', isWildcard: false },
      { text: 'example.org', isWildcard: true },
    ]);
    expect(certificate.basicConstraints).to.deep.equal({ isCa: false, pathLength: undefined });
    expect([...certificate.keyUsage!]).to.deep.equal([0]);
    expect([...certificate.extendedKeyUsage!]).to.deep.equal([KeyPurpose.client, KeyPurpose.server]);
    expect(certificate.authorityKeyIdentifier).to.equal(parsedIssuer.subjectKeyIdentifier);
    expect(certificate.hasUnknownCritical).to.equal(false);
    expect(certificate.notBeforeMs).to.equal(Date.UTC(2020, 0, 1));
    expect(certificate.notAfterMs).to.equal(Date.UTC(2049, 0, 1));
    expect(parsedIssuer.basicConstraints).to.deep.equal({ isCa: true, pathLength: undefined });
    expect([...parsedIssuer.keyUsage!]).to.deep.equal([5, 6]);
  });

  it('reads certificates of every version', () => {
    const plain = { key, subject: 'x' };
    expect(parseCertificate(issue({ ...plain, version: 0 }).der).version).to.equal(1);
    expect(parseCertificate(issue({ ...plain, version: 1 }).der).version).to.equal(2);
    expect(parseCertificate(issue({ ...plain, version: 2 }).der).version).to.equal(3);
  });

  it('reads a path length of any size', () => {
    const read = (octets: number[]): unknown =>
      parseCertificate(
        withExtension('551d13', sequence(der(1, Buffer.from([0xff])), der(2, Buffer.from(octets)))),
      ).basicConstraints?.pathLength;
    expect([
      read([0]),
      read([3]),
      read([0, 0x80]),
      read([0x7f, 1, 1, 1]),
      read([1, 0, 0, 0, 0]),
    ]).to.deep.equal([0, 3, 128, 0x7f010101, Infinity]);
  });

  it('reads keyUsage with a ninth bit', () => {
    const { keyUsage: bits } = parseCertificate(
      withExtension('551d0f', der(3, Buffer.from([7, 0x80, 0x80]))),
    );
    expect([...bits!]).to.deep.equal([0, 8]);
  });

  it('knows which critical extensions it processes [RFC5280-4.2]', () => {
    const hasUnknown = (...extensions: Buffer[]): boolean =>
      parseCertificate(craftCertificate({ extensions })).hasUnknownCritical;
    const processed = [
      basicConstraints({ ca: true }),
      keyUsage(['keyCertSign']),
      extendedKeyUsage(['clientAuth'], true),
      alternativeNames([dnsNameEntry('a.example')], true),
      extension('551d20', sequence(), true),
    ];
    expect(hasUnknown(...processed)).to.equal(false);
    const policyConstraints = extension('551d24', sequence(der(0x80, Buffer.from([0]))), true);
    expect(hasUnknown(...processed, policyConstraints)).to.equal(true);
    expect(hasUnknown(extension('551d24', sequence(), false))).to.equal(false);
    expect(hasUnknown(extension('2a03', der(5), true))).to.equal(true);
  });

  it('reads what OpenSSL reads of the same certificate', () => {
    const { der: octets } = endEntity({ key, names: ['a.example', 'b.example'], subject: 'x' });
    const certificate = parseCertificate(octets);
    const x509 = new X509Certificate(octets);
    expect(x509.subjectAltName).to.equal(certificate.dnsPatterns.map(({ text }) => `DNS:${text}`).join(', '));
    expect(x509.keyUsage.length).to.equal(certificate.extendedKeyUsage?.size);
    expect(Date.parse(x509.validTo)).to.equal(certificate.notAfterMs);
  });

  const sound = issue({ key, subject: 'x' }).der;
  const ecdsaSha256 = Buffer.from('2a8648ce3d040302', 'hex');
  const wrong: { readonly title: string; readonly octets: () => Buffer }[] = [
    {
      title: 'two signature algorithms [RFC5280-4.1.1.2]',
      octets: () => replaced(sound, ecdsaSha256, Buffer.from('2a8648ce3d040303', 'hex')),
    },
    {
      title: 'version 4',
      octets: () => replaced(sound, Buffer.from('a003020102', 'hex'), Buffer.from('a003020103', 'hex')),
    },
    {
      title: 'a negative version',
      octets: () => replaced(sound, Buffer.from('a003020102', 'hex'), Buffer.from('a0030201ff', 'hex')),
    },
    {
      title: 'extensions in version 2 [RFC5280-4.1.2.9]',
      octets: () =>
        issue({ key, subject: 'x', version: 1, extensions: [keyUsage(['digitalSignature'])] }).der,
    },
    { title: 'a signature that is not whole octets', octets: () => withUnusedBits(sound) },
    {
      title: 'a BOOLEAN of two octets',
      octets: () => withExtension('551d13', sequence(der(1, Buffer.alloc(2)))),
    },
    {
      title: 'a BOOLEAN that is neither',
      octets: () => withExtension('551d13', sequence(der(1, Buffer.from([1])))),
    },
    {
      title: 'a negative path length',
      octets: () => withExtension('551d13', sequence(der(2, Buffer.from([0x80])))),
    },
    {
      title: 'a path length that is too long by a zero',
      octets: () => withExtension('551d13', sequence(der(2, Buffer.from([0, 1])))),
    },
    { title: 'basicConstraints with a third field', octets: () => withExtension('551d13', sequence(der(5))) },
    { title: 'keyUsage without bits', octets: () => withExtension('551d0f', der(3)) },
    {
      title: 'keyUsage with 8 unused bits',
      octets: () => withExtension('551d0f', der(3, Buffer.from([8, 0]))),
    },
    { title: 'keyUsage of 24 bits', octets: () => withExtension('551d0f', der(3, Buffer.alloc(4))) },
    { title: 'a purpose that is none', octets: () => withExtension('551d25', sequence(der(5))) },
    {
      title: 'too many purposes',
      octets: () =>
        withExtension('551d25', sequence(...Array.from({ length: 65 }, () => der(6, Buffer.from([42]))))),
    },
    { title: 'a broken key identifier', octets: () => withExtension('551d0e', der(5)) },
    { title: 'a broken authority key identifier', octets: () => withExtension('551d23', der(4)) },
    {
      title: 'a directory name that is none among the names',
      octets: () => withExtension('551d11', sequence(der(0xa4, der(5)))),
    },
  ];
  for (const { title, octets } of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => parseCertificate(octets())).to.throw(CertificateFormatError);
    });
  }

  it('reads key identifiers where they are, and none where they are not', () => {
    const octets = Buffer.from('0102', 'hex');
    const both = craftCertificate({
      extensions: [subjectKeyIdentifier(octets), authorityKeyIdentifier({ serial: Buffer.from([7]) })],
    });
    expect(parseCertificate(both)).to.include({
      subjectKeyIdentifier: '0102',
      authorityKeyIdentifier: undefined,
    });
  });
});
