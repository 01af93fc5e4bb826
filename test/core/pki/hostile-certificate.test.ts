/** Certificates with anything changed in them: they are refused in one way, in bounded time, or read within bounds. */
import { expect } from 'chai';
import fc from 'fast-check';
import { dnsNames, parseCertificate, subjectPublicKeyInfo, validity } from '../../../core/pki/certificate.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import {
  craftCertificate,
  dnsNameEntry,
  extension,
  subjectAltName,
} from '../../support/crafted-certificate.ts';
import { nameConstraints } from '../../support/certificate-extensions.ts';
import { endEntity, sharedKey } from '../../support/certificate-factory.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';

const mutants = 100_000;
/** Milliseconds for all of them; some 30 times what it takes. */
const budgetMs = 30_000;

const seed = craftCertificate({
  extensions: [
    extension('551d0f', Buffer.from('03020780', 'hex'), true),
    subjectAltName(dnsNameEntry('_xfr.ns2.example.net'), dnsNameEntry('ns2.example.net')),
  ],
});

const whole = endEntity({
  key: sharedKey('hostile'),
  names: ['_xfr.ns2.example.net', '*.example.net'],
  more: [
    nameConstraints({ permitted: [dnsNameEntry('example.net')], excluded: [dnsNameEntry('.example.org')] }),
  ],
}).der;

describe('a hostile certificate', () => {
  it(`of ${String(mutants)} mutants, none gives anything but an answer or CertificateFormatError`, function () {
    this.timeout(budgetMs);
    const random = randomNumbers(20261122);
    let refused = 0;
    for (let i = 0; i < mutants; i++) {
      if (readsCleanly(mutate(seed, random))) continue;
      refused++;
    }
    // Changes inside of a value leave the structure whole; a reader that refused everything would prove nothing.
    expect(refused).to.be.within(mutants / 10, mutants - mutants / 100);
  });

  it('of mutants with every extension, none gives the whole reader anything else', function () {
    this.timeout(budgetMs);
    const random = randomNumbers(20261123);
    let refused = 0;
    const runs = mutants / 5;
    for (let i = 0; i < runs; i++) if (!parsesCleanly(mutate(whole, random))) refused++;
    expect(refused).to.be.within(runs / 10, runs - runs / 100);
  });

  it('of random octets, none does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        readsCleanly(Buffer.from(octets));
      }),
      { numRuns: 5000 },
    );
  });

  it('costs no more for being nested or for lying about its length', function () {
    this.timeout(60_000);
    const deep = Buffer.alloc(60_000, Buffer.from('3080'));
    const wide = Buffer.concat([
      Buffer.from('3082ea60', 'hex'),
      Buffer.alloc(60_000, Buffer.from('0500', 'hex')),
    ]);
    for (let i = 0; i < 1000; i++) {
      expect(readsCleanly(deep)).to.equal(false);
      expect(readsCleanly(wide)).to.equal(false);
    }
  });
});

/** False when the octets were refused; throws for any other error than the one that is allowed. */
function readsCleanly(octets: Buffer): boolean {
  try {
    const key = subjectPublicKeyInfo(octets);
    expect(octets.includes(key)).to.equal(true);
    for (const text of dnsNames(octets).invalid) expect(text).to.match(/^[\x21-\x7e]*…?$/);
    validity(octets);
    return true;
  } catch (error) {
    if (error instanceof CertificateFormatError) return false;
    throw error;
  }
}

/** As readsCleanly, of everything that a path is judged by. */
function parsesCleanly(octets: Buffer): boolean {
  try {
    parseCertificate(octets);
    return true;
  } catch (error) {
    if (error instanceof CertificateFormatError) return false;
    throw error;
  }
}
