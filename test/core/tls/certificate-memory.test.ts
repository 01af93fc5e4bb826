import { expect } from 'chai';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import {
  CertificateMemory,
  longestRemembered,
  rememberedCertificates,
} from '../../../core/tls/certificate-memory.ts';
import { craftCertificate, dnsNameEntry, subjectAltName } from '../../support/crafted-certificate.ts';

function certificateFor(...names: readonly string[]): Buffer {
  return craftCertificate({ extensions: [subjectAltName(...names.map(dnsNameEntry))] });
}

describe('CertificateMemory', () => {
  let memory: CertificateMemory;

  beforeEach(() => {
    memory = new CertificateMemory();
  });

  it('reads a certificate once', () => {
    const octets = certificateFor('ns2.example');
    const first = memory.read(octets);
    expect(first.dnsNames.map(String)).to.deep.equal(['ns2.example']);
    expect(memory.read(Buffer.from(octets))).to.equal(first);
    expect(memory.size).to.equal(1);
  });

  it('tells certificates apart that differ in any octet', () => {
    const octets = certificateFor('ns2.example');
    const known = memory.read(octets);
    for (let at = 0; at < octets.length; at++) {
      const other = Buffer.from(octets);
      other[at]! ^= 0x80;
      const seen = readOrFault(other);
      expect(seen).not.to.equal(known);
      if (!(seen instanceof CertificateFormatError)) expect(seen.certificate.equals(other)).to.equal(true);
    }
    expect(memory.read(octets)).to.equal(known);
  });

  it('has octets of its own, which nobody changes from outside', () => {
    const octets = certificateFor('ns2.example');
    const copy = Buffer.from(octets);
    const { certificate, subjectPublicKeyInfo } = memory.read(octets);
    octets.fill(0);
    expect(certificate.equals(copy)).to.equal(true);
    expect(copy.includes(subjectPublicKeyInfo)).to.equal(true);
  });

  it('does not remember what is no certificate', () => {
    const broken = certificateFor('ns2.example').subarray(0, -1);
    for (let times = 0; times < 2; times++) {
      expect(() => memory.read(broken)).to.throw(CertificateFormatError);
    }
    expect(memory.size).to.equal(0);
  });

  it('reads long certificates and does not remember them', () => {
    const names = Array.from({ length: 200 }, (_, number) => `a-long-name-${String(number)}.example`);
    const octets = certificateFor(...names);
    expect(octets.length).to.be.above(longestRemembered);
    expect(memory.read(octets).dnsNames).to.have.length(200);
    expect(memory.size).to.equal(0);
  });

  it('forgets the one that was not shown for longest', () => {
    const often = memory.read(certificateFor('often.example'));
    const once = memory.read(certificateFor('once.example'));
    for (let number = 0; number < rememberedCertificates - 1; number++) {
      memory.read(certificateFor(`${String(number)}.example`));
      expect(memory.read(certificateFor('often.example'))).to.equal(often);
    }
    expect(memory.size).to.equal(rememberedCertificates);
    expect(memory.read(certificateFor('once.example'))).not.to.equal(once);
  });

  function readOrFault(octets: Buffer): ReturnType<CertificateMemory['read']> | CertificateFormatError {
    try {
      return memory.read(octets);
    } catch (error) {
      if (error instanceof CertificateFormatError) return error;
      throw error;
    }
  }
});
