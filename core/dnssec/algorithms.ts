/**
 * The algorithms of DNSSEC signatures and DS digests: RSA with SHA-256 and SHA-512 (RFC 5702 sections 2 and 3, keys by
 * RFC 3110 section 2), ECDSA with P-256 and P-384 (RFC 6605 section 4), Ed25519 and Ed448 (RFC 8080 sections 3 and 4);
 * DS digests SHA-256 (RFC 4509) and SHA-384 (RFC 6605 section 2).
 *
 * Everything else counts as unsupported, SHA-1 included, and a zone that has nothing else is insecure, not bogus
 * (RFC 4035 section 5.2).
 *
 * Limitations: RSA keys of 1024 to 4096 bits with an exponent of at most 35 bits. A shorter modulus is in reach of
 * those who would forge, a longer exponent only makes verifying slow. RSA/SHA-1, and RSA keys from 512 bits on, work
 * where the caller asks for them by number (`alsoAlgorithms`): the examples of RFC 4035, RFC 5155 and RFC 5702 need it.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { DnssecAlgorithm, DsDigest } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Dnskey } from '../dns/rdata.ts';

interface Algorithm {
  /** Undefined for a public key that is malformed or out of bounds. */
  readonly makeKey: (publicKey: Buffer, alsoShort: boolean) => KeyObject | undefined;
  /** Null where the algorithm hashes by itself. */
  readonly hash: string | null;
  /** Exact length, where that does not depend on the key. */
  readonly signatureOctets?: number;
  /** How much a verification costs, where RSA and P-256 are 1. */
  readonly weight?: number;
}

const rsaBits = { least: 1024, leastOfExamples: 512, most: 4096 } as const;
const rsaExponentBits = 35;

const supported: ReadonlyMap<number, Algorithm> = new Map<number, Algorithm>([
  [DnssecAlgorithm.RSASHA256, { makeKey: makeRsaKey, hash: 'sha256' }],
  [DnssecAlgorithm.RSASHA512, { makeKey: makeRsaKey, hash: 'sha512' }],
  // RFC 6605 section 4: two integers of 32 or 48 octets, as key and as signature.
  [DnssecAlgorithm.ECDSAP256SHA256, { makeKey: makeEcKey('P-256', 32), hash: 'sha256', signatureOctets: 64 }],
  [
    DnssecAlgorithm.ECDSAP384SHA384,
    { makeKey: makeEcKey('P-384', 48), hash: 'sha384', signatureOctets: 96, weight: 4 },
  ],
  // RFC 8080 sections 3 and 4.
  [DnssecAlgorithm.ED25519, { makeKey: makeEdKey('Ed25519', 32), hash: null, signatureOctets: 64 }],
  [DnssecAlgorithm.ED448, { makeKey: makeEdKey('Ed448', 57), hash: null, signatureOctets: 114, weight: 2 }],
]);

const onlyOnRequest: ReadonlyMap<number, Algorithm> = new Map<number, Algorithm>([
  [DnssecAlgorithm.RSASHA1, { makeKey: makeRsaKey, hash: 'sha1' }],
  [DnssecAlgorithm['RSASHA1-NSEC3-SHA1'], { makeKey: makeRsaKey, hash: 'sha1' }],
]);

const digests: ReadonlyMap<number, string> = new Map([
  [DsDigest.SHA256, 'sha256'],
  [DsDigest.SHA384, 'sha384'],
]);

/** Importing a key takes longer than some verifications; null: the key is malformed. */
const preparedKeys = new WeakMap<Dnskey, KeyObject | null>();

/** Whether signatures of the algorithm can be verified. */
export function isSupportedAlgorithm(algorithm: number, alsoAlgorithms: readonly number[] = []): boolean {
  return algorithmOf(algorithm, alsoAlgorithms) !== undefined;
}

/** What one verification counts as in a budget (budget.ts). */
export function verificationWeight(algorithm: number): number {
  return supported.get(algorithm)?.weight ?? 1;
}

/** Whether a DS digest of the type can be computed. */
export function isSupportedDigest(digestType: number): boolean {
  return digests.has(digestType);
}

/**
 * The digest that a DS record of the type has for a key: over the owner in canonical form and the RDATA
 * (RFC 4034 section 5.1.4). Undefined for an unsupported type.
 */
export function dsDigest(digestType: number, owner: Name, dnskeyRdata: Buffer): Buffer | undefined {
  const hash = digests.get(digestType);
  if (hash === undefined) return undefined;
  return createHash(hash).update(owner.canonicalWire()).update(dnskeyRdata).digest();
}

/** The key to verify with, made once for each Dnskey object; undefined for an unsupported or malformed one. */
export function prepareKey(dnskey: Dnskey, alsoAlgorithms: readonly number[] = []): KeyObject | undefined {
  const algorithm = algorithmOf(dnskey.algorithm, alsoAlgorithms);
  if (algorithm === undefined) return undefined;
  const known = preparedKeys.get(dnskey);
  if (known !== undefined) return known ?? undefined;
  const key = algorithm.makeKey(dnskey.publicKey, alsoAlgorithms.includes(dnskey.algorithm));
  preparedKeys.set(dnskey, key ?? null);
  return key;
}

/** Whether the signature is the key's over the octets. The key is one of `prepareKey` for the same algorithm. */
export function verifySignature(
  algorithm: number,
  key: KeyObject,
  octets: Buffer,
  signature: Buffer,
): boolean {
  const { hash, signatureOctets } = supported.get(algorithm) ?? onlyOnRequest.get(algorithm) ?? {};
  if (hash === undefined) return false;
  if (signatureOctets !== undefined && signature.length !== signatureOctets) return false;
  return verify(hash, octets, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

function algorithmOf(algorithm: number, alsoAlgorithms: readonly number[]): Algorithm | undefined {
  return (
    supported.get(algorithm) ??
    (alsoAlgorithms.includes(algorithm) ? onlyOnRequest.get(algorithm) : undefined)
  );
}

/** RFC 3110 section 2: length of the exponent in one octet, or in two after a 0; exponent; modulus. */
function makeRsaKey(publicKey: Buffer, alsoShort: boolean): KeyObject | undefined {
  const short = publicKey[0] ?? 0;
  const start = short === 0 ? 3 : 1;
  if (publicKey.length < start) return undefined;
  const exponentOctets = short === 0 ? publicKey.readUInt16BE(1) : short;
  const exponent = publicKey.subarray(start, start + exponentOctets);
  const modulus = publicKey.subarray(start + exponentOctets);
  const bits = bitLength(modulus);
  const isBounded =
    bits >= (alsoShort ? rsaBits.leastOfExamples : rsaBits.least) &&
    bits <= rsaBits.most &&
    bitLength(exponent) <= rsaExponentBits;
  // An exponent of 1 would make every text its own signature; even ones are no exponents at all.
  const isSound = bitLength(exponent) >= 2 && isOdd(exponent) && isOdd(modulus);
  if (!isBounded || !isSound) return undefined;
  return importKey({ kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') });
}

function makeEcKey(curve: string, octets: number): Algorithm['makeKey'] {
  return (publicKey) => {
    if (publicKey.length !== 2 * octets) return undefined;
    const x = publicKey.toString('base64url', 0, octets);
    const y = publicKey.toString('base64url', octets);
    return importKey({ kty: 'EC', crv: curve, x, y });
  };
}

function makeEdKey(curve: string, octets: number): Algorithm['makeKey'] {
  return (publicKey) =>
    publicKey.length === octets
      ? importKey({ kty: 'OKP', crv: curve, x: publicKey.toString('base64url') })
      : undefined;
}

function importKey(key: Record<string, string>): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    // It throws for what is no key, a point beside the curve for one; there is nothing else to throw for.
    return undefined;
  }
}

/** Bits of an unsigned number; 0 where it begins with a zero octet, which RFC 3110 section 2 prohibits. */
function bitLength(number: Buffer): number {
  const first = number[0] ?? 0;
  return first === 0 ? 0 : number.length * 8 - (Math.clz32(first) - 24);
}

function isOdd(number: Buffer): boolean {
  return ((number.at(-1) ?? 0) & 1) === 1;
}
