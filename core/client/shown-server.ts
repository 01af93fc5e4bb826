/**
 * What a server showed: the octets of its Certificate message as what is judged.
 *
 * Limitations: of what follows the end entity, as much as core/pki/path-limits.ts allows.
 */
import type { PeerCredentials } from '../dane/types.ts';
import { checkSubjectPublicKeyInfo, dnsNames, subjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { defaultPathLimits } from '../pki/path-limits.ts';
import { parseCertificateMessage } from '../tls/certificate-message.ts';
import { rawPublicKeyType, type CertificateType } from '../tls/native/native.ts';

/** Reads a Certificate message of TLS 1.3, without its header. Throws CertificateFormatError. */
export function readShownServer(message: Buffer, type: CertificateType): PeerCredentials {
  const [first, ...others] = parseCertificateMessage(message, 'TLSv1.3');
  if (first === undefined) throw new CertificateFormatError('no certificate');
  if (type === rawPublicKeyType) {
    // RFC 7250 section 3: exactly one key.
    if (others.length > 0) throw new CertificateFormatError('more than one raw public key');
    checkSubjectPublicKeyInfo(first);
    return { subjectPublicKeyInfo: first, dnsNames: [], chain: [] };
  }
  return {
    certificate: first,
    subjectPublicKeyInfo: subjectPublicKeyInfo(first),
    dnsNames: dnsNames(first).names,
    chain: withinLimits(others),
  };
}

function withinLimits(certificates: readonly Buffer[]): Buffer[] {
  const limits = defaultPathLimits;
  const chain: Buffer[] = [];
  let octets = 0;
  for (const certificate of certificates.slice(0, limits['chain-certificates'])) {
    octets += certificate.length;
    if (octets > limits['chain-octets']) break;
    chain.push(certificate);
  }
  return chain;
}
