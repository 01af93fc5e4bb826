/** Certificates with anything changed in them: they are refused in one way, in bounded time, or read within bounds. */
import { expect } from 'chai';
import fc from 'fast-check';
import { dnsNames, subjectPublicKeyInfo, validity } from '../../../core/pki/certificate.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import {
  craftCertificate,
  dnsNameEntry,
  extension,
  subjectAltName,
} from '../../support/crafted-certificate.ts';

const mutants = 100_000;
/** Milliseconds for all of them; some 30 times what it takes. */
const budgetMs = 30_000;

const seed = craftCertificate({
  extensions: [
    extension('551d0f', Buffer.from('03020780', 'hex'), true),
    subjectAltName(dnsNameEntry('_xfr.ns2.example.net'), dnsNameEntry('ns2.example.net')),
  ],
});

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

  it('of random octets, none does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        readsCleanly(Buffer.from(octets));
      }),
      { numRuns: 5000 },
    );
  });

  it('costs no more for being nested or for lying about its length', function () {
    this.timeout(2000);
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

function mutate(original: Buffer, random: (below: number) => number): Buffer {
  let octets = Buffer.from(original);
  for (let changes = 1 + random(3); changes > 0 && octets.length > 0; changes--) {
    const at = random(octets.length);
    switch (random(6)) {
      case 0:
        octets.writeUInt8(random(256), at);
        break;
      case 1:
        octets.writeUInt8(octets.readUInt8(at) ^ (1 << random(8)), at);
        break;
      case 2:
        octets = octets.subarray(0, at);
        break;
      case 3:
        octets = Buffer.concat([octets.subarray(0, at), Buffer.from([random(256)]), octets.subarray(at)]);
        break;
      case 4:
        octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + random(8))]);
        break;
      default:
        octets = Buffer.concat([octets.subarray(0, at), octets.subarray(random(octets.length))]);
    }
  }
  return octets;
}

/** The same numbers in every run (mulberry32), so that a failure can be repeated. */
function randomNumbers(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
