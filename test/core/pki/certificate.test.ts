import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import {
  certificateLimits,
  checkSubjectPublicKeyInfo,
  dnsNames,
  subjectPublicKeyInfo,
  validity,
} from '../../../core/pki/certificate.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import {
  craftCertificate,
  der,
  dnsNameEntry,
  extension,
  generalizedTime,
  sequence,
  subjectAltName,
  utcTime,
} from '../../support/crafted-certificate.ts';

function withNames(...names: Buffer[]): Buffer {
  return craftCertificate({ extensions: [subjectAltName(...names)] });
}

function namesOf(certificate: Buffer): { names: string[]; invalid: readonly string[] } {
  const { names, invalid } = dnsNames(certificate);
  return { names: names.map(String), invalid };
}

describe('subjectPublicKeyInfo', () => {
  const keys = {
    'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    'RSA 2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    Ed25519: () => generateKeyPairSync('ed25519'),
  };
  for (const [title, generate] of Object.entries(keys)) {
    it(`gives the octets that node:crypto exports for ${title} [RFC6698-2.1.2]`, () => {
      const publicKey = generate().publicKey.export({ type: 'spki', format: 'der' });
      const certificate = craftCertificate({ publicKey });
      expect(subjectPublicKeyInfo(certificate)).to.deep.equal(publicKey);
      const exported = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
      expect(subjectPublicKeyInfo(certificate)).to.deep.equal(exported);
    });
  }

  it('gives the octets of a key type that nobody knows', () => {
    const publicKey = sequence(
      sequence(der(0x06, Buffer.from('2a0304', 'hex'))),
      der(0x03, Buffer.alloc(300)),
    );
    expect(subjectPublicKeyInfo(craftCertificate({ publicKey }))).to.deep.equal(publicKey);
  });

  it('is a view of the certificate, not a copy', () => {
    const certificate = craftCertificate();
    expect(subjectPublicKeyInfo(certificate).buffer).to.equal(certificate.buffer);
  });

  const good = craftCertificate({ extensions: [subjectAltName(dnsNameEntry('ns2.example.net'))] });
  const wrong = [
    { title: 'nothing', octets: Buffer.alloc(0) },
    { title: 'octets after the certificate', octets: Buffer.concat([good, Buffer.from([0])]) },
    { title: 'two certificates', octets: Buffer.concat([good, good]) },
    { title: 'a certificate that is cut off', octets: good.subarray(0, -1) },
    { title: 'a field that tbsCertificate does not have', octets: craftCertificate({ tail: der(0x04) }) },
    { title: 'a key that is no sequence', octets: craftCertificate({ publicKey: der(0x04) }) },
    {
      title: 'a key with a third part',
      octets: craftCertificate({ publicKey: sequence(sequence(), der(3), der(3)) }),
    },
    { title: 'PEM', octets: Buffer.from('-----BEGIN CERTIFICATE-----\n') },
    { title: 'too many octets', octets: der(0x30, Buffer.alloc(certificateLimits.certificateOctets)) },
  ];
  for (const { title, octets } of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => subjectPublicKeyInfo(octets)).to.throw(CertificateFormatError);
    });
  }
});

describe('checkSubjectPublicKeyInfo', () => {
  const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });

  it('takes a raw public key [RFC7250-3]', () => {
    checkSubjectPublicKeyInfo(publicKey);
  });

  for (const octets of [Buffer.alloc(0), Buffer.concat([publicKey, publicKey]), craftCertificate()]) {
    it(`refuses ${String(octets.length)} octets of something else`, () => {
      expect(() => {
        checkSubjectPublicKeyInfo(octets);
      }).to.throw(CertificateFormatError);
    });
  }
});

describe('dnsNames', () => {
  it('gives the dNSNames in order and nothing of the other kinds', () => {
    const certificate = withNames(
      dnsNameEntry('b.example'),
      der(0x81, Buffer.from('user@mail.example')),
      der(0x86, Buffer.from('https://uri.example')),
      der(0x87, Buffer.from([192, 0, 2, 1])),
      der(0xa0, der(0x06, Buffer.from([0x2a])), der(0xa0, der(0x0c, Buffer.from('other.example')))),
      dnsNameEntry('_xfr.A.example'),
    );
    expect(namesOf(certificate)).to.deep.equal({ names: ['b.example', '_xfr.A.example'], invalid: [] });
  });

  it('never reads the common name [RFC8310-8.1]', () => {
    expect(namesOf(craftCertificate())).to.deep.equal({ names: [], invalid: [] });
    expect(namesOf(craftCertificate({ extensions: [] }))).to.deep.equal({ names: [], invalid: [] });
  });

  it('tells names that are no domain names apart, in a form that can be printed', () => {
    const certificate = withNames(
      dnsNameEntry('good.example\0.evil.example'),
      dnsNameEntry('*.example'),
      dnsNameEntry('\x1b[2Jclear\\screen'),
      dnsNameEntry('x'.repeat(300)),
      dnsNameEntry('good.example'),
    );
    expect(namesOf(certificate)).to.deep.equal({
      names: ['good.example'],
      invalid: [
        'good.example\\x00.evil.example',
        '*.example',
        '\\x1b[2Jclear\\x5cscreen',
        `${'x'.repeat(80)}…`,
      ],
    });
  });

  it('takes the critical flag, set or not', () => {
    for (const critical of [true, false]) {
      const names = extension('551d11', sequence(dnsNameEntry('a.example')), critical);
      expect(namesOf(craftCertificate({ extensions: [names] })).names).to.deep.equal(['a.example']);
    }
  });

  it('takes as many names as the bound and not one more', () => {
    const names = Array.from({ length: certificateLimits.alternativeNames }, (_, i) =>
      dnsNameEntry(`n${String(i)}.example`),
    );
    expect(dnsNames(withNames(...names)).names).to.have.length(certificateLimits.alternativeNames);
    expect(() => dnsNames(withNames(...names, dnsNameEntry('x.example')))).to.throw(
      CertificateFormatError,
      'names',
    );
  });

  const wrong = [
    {
      title: 'subjectAltName twice [RFC5280-4.2]',
      extensions: [subjectAltName(dnsNameEntry('a.example')), subjectAltName(dnsNameEntry('b.example'))],
    },
    {
      title: 'another extension twice [RFC5280-4.2]',
      extensions: [extension('551d0f', der(3)), extension('551d0f', der(3))],
    },
    {
      title: 'octets after the list of names',
      extensions: [extension('551d11', Buffer.concat([sequence(), der(5)]))],
    },
    { title: 'a list that is no sequence', extensions: [extension('551d11', der(0x31))] },
    { title: 'a constructed dNSName', extensions: [subjectAltName(der(0xa2, dnsNameEntry('a.example')))] },
    { title: 'a name of an unknown kind', extensions: [subjectAltName(der(0x89))] },
    {
      title: 'a name with a universal tag',
      extensions: [subjectAltName(der(0x16, Buffer.from('a.example')))],
    },
    { title: 'an extension without value', extensions: [sequence(der(0x06, Buffer.from('551d11', 'hex')))] },
    {
      title: 'an extension with more than a value',
      extensions: [sequence(der(0x06, Buffer.from('551d11', 'hex')), der(0x04, sequence()), der(0x05))],
    },
    {
      title: 'too many extensions',
      extensions: Array.from({ length: certificateLimits.extensions + 1 }, (_, i) =>
        extension(`2a03${hexOctet(i)}`, der(5)),
      ),
    },
  ];
  for (const { title, extensions } of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => dnsNames(craftCertificate({ extensions }))).to.throw(CertificateFormatError);
    });
  }
});

describe('validity', () => {
  function notBefore(time: Buffer): number {
    return validity(craftCertificate({ validity: Buffer.concat([time, utcTime('360101000000Z')]) }))
      .notBeforeMs;
  }

  const times = [
    { time: utcTime('261122213000Z'), iso: '2026-11-22T21:30:00Z' },
    { time: utcTime('491231235959Z'), iso: '2049-12-31T23:59:59Z' },
    { time: utcTime('500101000000Z'), iso: '1950-01-01T00:00:00Z' },
    { time: generalizedTime('20500101000000Z'), iso: '2050-01-01T00:00:00Z' },
    { time: generalizedTime('99991231235959Z'), iso: '9999-12-31T23:59:59Z' },
    { time: utcTime('280229120000Z'), iso: '2028-02-29T12:00:00Z' },
  ];
  for (const { time, iso } of times) {
    it(`reads ${iso} [RFC5280-4.1.2.5]`, () => {
      expect(notBefore(time)).to.equal(Date.parse(iso));
    });
  }

  const wrong = [
    utcTime('2611222130Z'),
    utcTime('261122213000+0100'),
    utcTime('261322213000Z'),
    utcTime('270229120000Z'),
    utcTime('261122240000Z'),
    utcTime('261122213060Z'),
    utcTime('26112221300xZ'),
    generalizedTime('20261122213000.5Z'),
    generalizedTime('20261122213000'),
    der(0x0c, Buffer.from('20261122213000Z')),
    utcTime(''),
  ];
  for (const time of wrong) {
    it(`refuses ${time.subarray(2).toString()} with tag ${hexOctet(time.readUInt8(0))}`, () => {
      expect(() => notBefore(time)).to.throw(CertificateFormatError);
    });
  }

  it('refuses a third date', () => {
    const dates = Buffer.concat([
      utcTime('260101000000Z'),
      utcTime('360101000000Z'),
      utcTime('360101000000Z'),
    ]);
    expect(() => validity(craftCertificate({ validity: dates }))).to.throw(CertificateFormatError);
  });
});

function hexOctet(value: number): string {
  return value.toString(16).padStart(2, '0');
}
