import { expect } from 'chai';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { pathLimits } from '../../../core/pki/path-limits.ts';
import { rawPublicKeyType } from '../../../core/tls/native/native.ts';
import { readCredentials, withinLimits } from '../../../core/tls/shown-credentials.ts';
import { authority, endEntity, sharedKey } from '../../support/certificate-factory.ts';

const root = authority({ key: sharedKey('shown root'), subject: 'Root' });
const good = endEntity({ key: sharedKey('shown'), issuer: root, names: ['ns1.example'] });
const versions = ['TLSv1.3', 'TLSv1.2'] as const;

function vector(lengthOctets: number, octets: Buffer = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(lengthOctets);
  length.writeUIntBE(octets.length, 0, lengthOctets);
  return Buffer.concat([length, octets]);
}

/** A Certificate message with a list in it. */
function listed(version: (typeof versions)[number], ...entries: readonly Buffer[]): Buffer {
  const isNew = version === 'TLSv1.3';
  const list = entries.flatMap((entry) => (isNew ? [vector(3, entry), vector(2)] : [vector(3, entry)]));
  return Buffer.concat([...(isNew ? [vector(1)] : []), vector(3, Buffer.concat(list))]);
}

describe('readCredentials', () => {
  const bareKey = { subjectPublicKeyInfo: good.spki, dnsNames: [], chain: [] };

  for (const version of versions) {
    it(`has a certificate with its names and its chain, of ${version} [RFC8446-4.4.2] [RFC5246-7.4.2]`, () => {
      const shown = readCredentials(listed(version, good.der, root.der), version, 0);
      expect(shown?.certificate?.equals(good.der)).to.equal(true);
      expect(shown?.subjectPublicKeyInfo.equals(good.spki)).to.equal(true);
      expect(shown?.dnsNames.map(String)).to.deep.equal(['ns1.example']);
      expect(shown?.chain).to.deep.equal([root.der]);
    });

    it(`has nothing where nothing was shown, of ${version}`, () => {
      for (const type of [0, rawPublicKeyType] as const) {
        expect(readCredentials(Buffer.alloc(0), version, type)).to.equal(undefined);
        expect(readCredentials(listed(version), version, type)).to.equal(undefined);
      }
    });
  }

  it('has a bare key of TLS 1.3, in a list of one [RFC8446-4.4.2]', () => {
    expect(readCredentials(listed('TLSv1.3', good.spki), 'TLSv1.3', rawPublicKeyType)).to.deep.equal(bareKey);
  });

  it('has a bare key of TLS 1.2, in no list [RFC7250-3]', () => {
    expect(readCredentials(vector(3, good.spki), 'TLSv1.2', rawPublicKeyType)).to.deep.equal(bareKey);
  });

  const wrongLength = vector(3, good.spki);
  wrongLength.writeUIntBE(good.spki.length + 1, 0, 3);
  const malformed: [title: string, octets: Buffer, version: (typeof versions)[number], type: 0 | 2][] = [
    ['octets that are no certificate', listed('TLSv1.3', Buffer.from('x')), 'TLSv1.3', 0],
    ['a certificate for a bare key', listed('TLSv1.3', good.der), 'TLSv1.3', 2],
    ['a bare key for a certificate', listed('TLSv1.3', good.spki), 'TLSv1.3', 0],
    ['two bare keys', listed('TLSv1.3', good.spki, good.spki), 'TLSv1.3', 2],
    ['a message cut short', listed('TLSv1.3', good.der).subarray(0, -1), 'TLSv1.3', 0],
    ['a bare key of TLS 1.2 in a list', listed('TLSv1.2', good.spki), 'TLSv1.2', 2],
    ['a bare key of TLS 1.2 cut short', vector(3, good.spki).subarray(0, -1), 'TLSv1.2', 2],
    ['octets after a bare key of TLS 1.2', Buffer.concat([vector(3, good.spki), vector(1)]), 'TLSv1.2', 2],
    ['a bare key of TLS 1.2 with another length', wrongLength, 'TLSv1.2', 2],
    ['a length without a bare key of TLS 1.2', Buffer.from([0, 0, 5]), 'TLSv1.2', 2],
    ['a length alone that is cut short', Buffer.alloc(2), 'TLSv1.2', 2],
    ['a certificate for a bare key of TLS 1.2', vector(3, good.der), 'TLSv1.2', 2],
  ];
  for (const [title, octets, version, type] of malformed) {
    it(`refuses ${title}`, () => {
      expect(() => readCredentials(octets, version, type)).to.throw(CertificateFormatError);
    });
  }

  it('looks at a chain within limits', () => {
    const limit = pathLimits['chain-certificates'].default;
    const many = Array.from({ length: 60 }, () => root.der);
    expect(readCredentials(listed('TLSv1.3', good.der, ...many), 'TLSv1.3', 0)?.chain).to.have.length(limit);
    const octets = pathLimits['chain-octets'].default;
    expect(withinLimits([Buffer.alloc(octets), Buffer.alloc(1)])).to.have.length(1);
  });

  it('reads the first certificate alone, by what it is given for that', () => {
    const seen: Buffer[] = [];
    const known = { certificate: good.der, subjectPublicKeyInfo: good.spki, dnsNames: [] };
    const read = (octets: Buffer): typeof known => {
      seen.push(octets);
      return known;
    };
    const shown = readCredentials(listed('TLSv1.3', good.der, root.der), 'TLSv1.3', 0, read);
    expect(shown).to.deep.equal({ ...known, chain: [root.der] });
    expect(seen).to.deep.equal([good.der]);
  });
});
