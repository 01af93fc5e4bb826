/**
 * Signatures of certificates (RFC 5280 section 4.1.1.2): RSA PKCS #1 v1.5 and PSS, ECDSA, Ed25519 and Ed448, with
 * SHA-256, SHA-384 and SHA-512.
 *
 * MD5 and SHA-1 are refused: chosen-prefix collisions have made CA certificates (RFC 6151, RFC 9155).
 *
 * Limitations: RSA-PSS with different hashes for the message and the mask is refused, as is SHA-224.
 */
import { constants, verify } from 'node:crypto';
import { DerReader, DerTag } from './der.ts';
import { CertificateFormatError } from './errors.ts';
import type { KeyKind, PublicKey } from './public-key.ts';

/** How something was signed: with which kinds of key, and with which hash (null: the algorithm has its own). */
interface Scheme {
  readonly keys: readonly KeyKind[];
  readonly hash: string | null;
  /** Octets; RSA-PSS only. */
  readonly saltLength?: number;
}

const rsassaPss = '2a864886f70d01010a';
const mgf1 = '2a864886f70d010108';

/** RFC 4055 section 2.1. */
const hashes: ReadonlyMap<string, string> = new Map([
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
]);

/** RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3. */
const schemes: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['2a864886f70d01010b', { keys: ['rsa'], hash: 'sha256' }],
  ['2a864886f70d01010c', { keys: ['rsa'], hash: 'sha384' }],
  ['2a864886f70d01010d', { keys: ['rsa'], hash: 'sha512' }],
  ['2a8648ce3d040302', { keys: ['ec'], hash: 'sha256' }],
  ['2a8648ce3d040303', { keys: ['ec'], hash: 'sha384' }],
  ['2a8648ce3d040304', { keys: ['ec'], hash: 'sha512' }],
  ['2b6570', { keys: ['ed25519'], hash: null }],
  ['2b6571', { keys: ['ed448'], hash: null }],
]);

/** What a signature needs: the octets that were signed, the DER of its AlgorithmIdentifier, and its octets. */
export interface Signed {
  readonly signed: Buffer;
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
}

/** A scheme that the key can have signed by; undefined means that nothing need be computed. */
export function schemeFor(signed: Signed, key: PublicKey): Scheme | undefined {
  const scheme = readScheme(signed.signatureAlgorithm);
  return scheme?.keys.includes(key.kind) === true ? scheme : undefined;
}

/** Whether the key made the signature. One public-key operation. */
export function isSignedBy({ signed, signature }: Signed, scheme: Scheme, { key }: PublicKey): boolean {
  const { hash, saltLength } = scheme;
  const padding = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  try {
    return verify(hash, signed, { key, ...padding }, signature);
  } catch {
    // OpenSSL throws where a key of RSA-PSS is restricted to another hash or salt.
    return false;
  }
}

function readScheme(der: Buffer): Scheme | undefined {
  try {
    const algorithm = new DerReader(der).enter(DerTag.sequence, 'signature algorithm');
    const identifier = algorithm.content(DerTag.objectIdentifier, 'signature algorithm').toString('hex');
    if (identifier === rsassaPss) return readPss(algorithm);
    const scheme = schemes.get(identifier);
    // RFC 4055 section 5: NULL with RSA, where other readers take nothing too; nothing with the others.
    if (scheme?.keys.includes('rsa') === true) skipNull(algorithm);
    return algorithm.atEnd ? scheme : undefined;
  } catch (error) {
    if (error instanceof CertificateFormatError) return undefined;
    throw error;
  }
}

/** RSASSA-PSS-params (RFC 4055 section 3.1); what is absent would be SHA-1. */
function readPss(algorithm: DerReader): Scheme | undefined {
  const parameters = algorithm.enter(DerTag.sequence, 'parameters of RSASSA-PSS');
  const hash = readHash(parameters.enter(0xa0, 'hash'));
  const mask = parameters.enter(0xa1, 'mask generation').enter(DerTag.sequence, 'mask generation');
  const isMgf1 = mask.content(DerTag.objectIdentifier, 'mask generation').toString('hex') === mgf1;
  const maskHash = readHash(mask);
  const salt = parameters.enter(0xa2, 'salt length').unsigned('salt length');
  if (hash === undefined || !isMgf1 || maskHash !== hash || salt.length !== 1) return undefined;
  // A trailer field could only have its default, which DER leaves out.
  return parameters.atEnd && algorithm.atEnd
    ? { keys: ['rsa', 'rsa-pss'], hash, saltLength: salt.readUInt8(0) }
    : undefined;
}

function readHash(reader: DerReader): string | undefined {
  const algorithm = reader.enter(DerTag.sequence, 'hash');
  const identifier = algorithm.content(DerTag.objectIdentifier, 'hash').toString('hex');
  skipNull(algorithm);
  return algorithm.atEnd && reader.atEnd ? hashes.get(identifier) : undefined;
}

function skipNull(reader: DerReader): void {
  if (reader.isNext(DerTag.null)) reader.content(DerTag.null, 'NULL');
}
