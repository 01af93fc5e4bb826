/**
 * What the peer showed, taken once, directly after the handshake.
 *
 * `getPeerX509Certificate` is asked, and of what it gives only the octets: names and keys are read from the DER by
 * core/pki. Never `getPeerCertificate`: it builds an object with the parameters of the key, and for an EC key on a curve
 * that has no NIST name (brainpool, secp256k1) Node 26.10 reads through a null pointer there, so a stranger's certificate,
 * or one in its chain, would end the process. Never `socket.authorized` either: it has been true for resumed sessions
 * without a certificate.
 *
 * `issuerCertificate` of that object is, despite its name, the certificate that was sent next, whoever issued it, so that a
 * chain in any order is seen whole. Before Node 26.10 asking a socket twice loses the chain: it is asked once.
 *
 * Limitations: of what follows the end entity, as much as core/pki/path-limits.ts allows; a raw public key shows as nothing.
 * Asking costs some 70 microseconds for each certificate that was sent, whether it is looked at or not. The octets are as
 * OpenSSL writes them again: the same as sent if they were DER.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerCredentials } from '../dane/types.ts';
import { dnsNames, subjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { defaultPathLimits } from '../pki/path-limits.ts';

export type PeerSnapshot =
  | { readonly credentials: PeerCredentials }
  | {
      readonly credentials?: undefined;
      readonly reason: 'no-certificate' | 'bad-certificate';
      readonly detail: string;
    };

/** Takes the snapshot of a connection whose handshake is complete. */
export function snapshotPeer(socket: TLSSocket): PeerSnapshot {
  const shown = socket.getPeerX509Certificate();
  const certificate = shown?.raw;
  if (!certificate) return { reason: 'no-certificate', detail: '' };
  try {
    const { names } = dnsNames(certificate);
    const publicKey = subjectPublicKeyInfo(certificate);
    return {
      credentials: {
        certificate,
        subjectPublicKeyInfo: publicKey,
        dnsNames: names,
        chain: certificatesAfter(shown),
      },
    };
  } catch (error) {
    if (error instanceof CertificateFormatError) return { reason: 'bad-certificate', detail: error.message };
    throw error;
  }
}

/** DER of the certificates that were sent after this one, in their order, within the limits of a search for a path. */
function certificatesAfter(endEntity: X509Certificate): Buffer[] {
  const limits = defaultPathLimits;
  const chain: Buffer[] = [];
  let octets = 0;
  for (let next = endEntity.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (chain.length === limits['chain-certificates']) break;
    const { raw } = next;
    octets += raw.length;
    if (octets > limits['chain-octets']) break;
    chain.push(raw);
  }
  return chain;
}
