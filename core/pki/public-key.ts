/**
 * Public keys that may sign certificates, from their SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): RSA and RSA-PSS
 * (RFC 8017, RFC 4055), ECDSA on P-256, P-384 and P-521 (RFC 5480), Ed25519 and Ed448 (RFC 8410).
 *
 * The structure is checked before node:crypto sees it, so that it is handed no key whose kind, curve or size a stranger
 * chose.
 *
 * Limitations: other curves and kinds of key are unusable here; TLSA records about such keys still match by their octets.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerReader, DerTag } from './der.ts';
import { CertificateFormatError } from './errors.ts';

export type KeyKind = 'rsa' | 'rsa-pss' | 'ec' | 'ed25519' | 'ed448';

/** A key that signatures are verified with. */
export interface PublicKey {
  readonly kind: KeyKind;
  readonly key: KeyObject;
  /** What one verification costs, in quarters of a millisecond; path-limits.ts has a bound on the sum. */
  readonly work: number;
}

/** What the structure of a key says about it. */
type KeyOutline = Pick<PublicKey, 'kind' | 'work'>;

/** Bounds on RSA keys. */
export const rsaKeyLimits = {
  /** Bits of the modulus: 112 bits of security, the least that OpenSSL 3.2 and NIST SP 800-131A take. */
  leastBits: 2048,
  /** Bits of the modulus; the time of a verification grows with the square. */
  mostBits: 8192,
  /** Bits of the exponent, which is 65537 in practice; the time grows with it, and a stranger chooses it. */
  mostExponentBits: 32,
} as const;

const rsaEncryption = '2a864886f70d010101';
const rsassaPss = '2a864886f70d01010a';
const ecPublicKey = '2a8648ce3d0201';
const uncompressedPoint = 0x04;

/** P-256, P-384 and P-521 by their object identifiers (RFC 5480 section 2.1.1.1), with the octets of a coordinate. */
const curves: ReadonlyMap<string, { readonly octets: number; readonly work: number }> = new Map([
  ['2a8648ce3d030107', { octets: 32, work: 1 }],
  ['2b81040022', { octets: 48, work: 6 }],
  ['2b81040023', { octets: 66, work: 12 }],
]);

/** The keys that are octets (RFC 8410 section 4). */
const edwards: ReadonlyMap<string, KeyOutline & { readonly octets: number }> = new Map([
  ['2b6570', { kind: 'ed25519', octets: 32, work: 1 }],
  ['2b6571', { kind: 'ed448', octets: 57, work: 2 }],
]);

/** RSA keys of more bits than this take longer than a quarter of a millisecond. */
const quickRsaBits = 4096;
const slowRsaWork = 3;

/** The key, or undefined if it is none that signatures are verified with here. */
export function readPublicKey(subjectPublicKeyInfo: Buffer): PublicKey | undefined {
  const outline = readOutline(subjectPublicKeyInfo);
  if (outline === undefined) return undefined;
  try {
    const key = createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' });
    return { kind: outline.kind, work: outline.work, key };
  } catch {
    // A point that is not on its curve, parameters of RSA-PSS that make no sense: OpenSSL's words say nothing more.
    return undefined;
  }
}

/**
 * Bits of an RSA key that has fewer than `rsaKeyLimits.leastBits`, so that others than its owner may have the private one;
 * undefined for all other keys, those among them that cannot be read.
 */
export function weakRsaBits(subjectPublicKeyInfo: Buffer): number | undefined {
  try {
    const { identifier, key } = openKey(subjectPublicKeyInfo);
    if (identifier !== rsaEncryption && identifier !== rsassaPss) return undefined;
    const bits = bitLength(readRsaKey(key).modulus);
    return bits < rsaKeyLimits.leastBits ? bits : undefined;
  } catch (error) {
    if (error instanceof CertificateFormatError) return undefined;
    throw error;
  }
}

function readOutline(der: Buffer): KeyOutline | undefined {
  try {
    const { identifier, parameters, key } = openKey(der);
    return outlineOf(identifier, parameters, key);
  } catch (error) {
    if (error instanceof CertificateFormatError) return undefined;
    throw error;
  }
}

interface OpenedKey {
  /** Object identifier of the algorithm, in hex. */
  readonly identifier: string;
  /** What follows it. */
  readonly parameters: DerReader;
  readonly key: Buffer;
}

/** Throws CertificateFormatError. */
function openKey(der: Buffer): OpenedKey {
  const whole = new DerReader(der);
  const sequence = whole.enter(DerTag.sequence, 'subjectPublicKeyInfo');
  whole.finish('the public key');
  const parameters = sequence.enter(DerTag.sequence, 'algorithm');
  const identifier = parameters.content(DerTag.objectIdentifier, 'algorithm').toString('hex');
  const bits = sequence.content(DerTag.bitString, 'public key');
  sequence.finish('the public key');
  // The first octet says how many bits of the last are not of the string; keys are whole octets.
  if (bits[0] !== 0) throw new CertificateFormatError('a public key that is not of whole octets');
  return { identifier, parameters, key: bits.subarray(1) };
}

function outlineOf(identifier: string, parameters: DerReader, key: Buffer): KeyOutline | undefined {
  if (identifier === rsaEncryption) {
    // RFC 3279 section 2.3.1: the parameters are NULL.
    const isNull = parameters.content(DerTag.null, 'NULL').length === 0 && parameters.atEnd;
    return isNull ? rsaOutline('rsa', key) : undefined;
  }
  if (identifier === rsassaPss) return rsaOutline('rsa-pss', key);
  if (identifier === ecPublicKey) {
    const curve = curves.get(parameters.content(DerTag.objectIdentifier, 'curve').toString('hex'));
    // RFC 5480 section 2.2: the uncompressed form is the one that everybody has.
    const isPoint = key[0] === uncompressedPoint && key.length - 1 === 2 * (curve?.octets ?? 0);
    return curve && isPoint && parameters.atEnd ? { kind: 'ec', work: curve.work } : undefined;
  }
  const found = edwards.get(identifier);
  // RFC 8410 section 3: no parameters.
  return found?.octets === key.length && parameters.atEnd ? found : undefined;
}

/** RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }, RFC 8017 appendix A.1.1. */
function readRsaKey(key: Buffer): { readonly modulus: Buffer; readonly exponent: Buffer } {
  const whole = new DerReader(key);
  const sequence = whole.enter(DerTag.sequence, 'RSA public key');
  whole.finish('the RSA public key');
  const modulus = sequence.unsigned('modulus');
  const exponent = sequence.unsigned('exponent');
  sequence.finish('the RSA public key');
  return { modulus, exponent };
}

function rsaOutline(kind: KeyKind, key: Buffer): KeyOutline | undefined {
  const { modulus, exponent } = readRsaKey(key);
  const bits = bitLength(modulus);
  const exponentBits = bitLength(exponent);
  const isSound =
    bits >= rsaKeyLimits.leastBits &&
    bits <= rsaKeyLimits.mostBits &&
    isOdd(modulus) &&
    isOdd(exponent) &&
    exponentBits > 1 &&
    exponentBits <= rsaKeyLimits.mostExponentBits;
  return isSound ? { kind, work: bits > quickRsaBits ? slowRsaWork : 1 } : undefined;
}

function bitLength(number: Buffer): number {
  return number.length * 8 - (Math.clz32(number[0] ?? 0) - 24);
}

function isOdd(number: Buffer): boolean {
  return ((number.at(-1) ?? 0) & 1) === 1;
}
