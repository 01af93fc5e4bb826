/**
 * What a peer showed of itself: the octets of its Certificate message (RFC 8446 section 4.4.2, RFC 5246 section 7.4.2), or in
 * TLS 1.2 those of its raw public key (RFC 7250 section 3), as what is judged.
 *
 * Pure. Limitations: of what follows the end entity, as much as core/pki/path-limits.ts allows.
 */
import type { PeerCredentials } from '../dane/types.ts';
import type { Name } from '../dns/name.ts';
import { checkSubjectPublicKeyInfo, dnsNames, subjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { defaultPathLimits } from '../pki/path-limits.ts';
import { parseCertificateMessage } from './certificate-message.ts';
import { rawPublicKeyType, type CertificateType } from './native/native.ts';

/** What one end-entity certificate says. */
export interface ReadCertificate {
  /** DER. */
  readonly certificate: Buffer;
  /** DER. */
  readonly subjectPublicKeyInfo: Buffer;
  readonly dnsNames: readonly Name[];
}

/**
 * Reads a Certificate message without its header. Undefined: the peer showed nothing, by an empty message or by none. Throws
 * CertificateFormatError.
 *
 * @param read gives what an end-entity certificate says, or throws CertificateFormatError; one that remembers may stand here
 */
export function readCredentials(
  message: Buffer,
  version: 'TLSv1.3' | 'TLSv1.2',
  type: CertificateType,
  read: (certificate: Buffer) => ReadCertificate = readCertificate,
): PeerCredentials | undefined {
  const isBareKey = type === rawPublicKeyType && version === 'TLSv1.2';
  const [first, ...others] = isBareKey ? bareKey(message) : parseCertificateMessage(message, version);
  if (first === undefined) return undefined;
  if (type !== rawPublicKeyType) return { ...read(first), chain: withinLimits(others) };
  // RFC 7250 section 3: exactly one key.
  if (others.length > 0) throw new CertificateFormatError('more than one raw public key');
  checkSubjectPublicKeyInfo(first);
  return { subjectPublicKeyInfo: first, dnsNames: [], chain: [] };
}

/** Reads an end-entity certificate (DER). Throws CertificateFormatError. */
export function readCertificate(certificate: Buffer): ReadCertificate {
  return {
    certificate,
    subjectPublicKeyInfo: subjectPublicKeyInfo(certificate),
    dnsNames: dnsNames(certificate).names,
  };
}

/** The first of the certificates that follow the end entity, within the limits of a search for a path. */
export function withinLimits(certificates: Iterable<Buffer>): Buffer[] {
  const limits = defaultPathLimits;
  const chain: Buffer[] = [];
  let octets = 0;
  for (const certificate of certificates) {
    octets += certificate.length;
    if (chain.length === limits['chain-certificates'] || octets > limits['chain-octets']) break;
    chain.push(certificate);
  }
  return chain;
}

/** RFC 7250 section 3: ASN.1_subjectPublicKeyInfo<1..2^24-1>, in no list; of no octets it is none. */
function bareKey(message: Buffer): Buffer[] {
  if (message.length === 0) return [];
  if (message.length < 3 || message.readUIntBE(0, 3) !== message.length - 3) {
    throw new CertificateFormatError('a malformed Certificate message');
  }
  return message.length === 3 ? [] : [message.subarray(3)];
}
