/**
 * What the peer showed, taken once, directly after the handshake.
 *
 * `getPeerX509Certificate` is asked, and of what it gives only the octets: names and keys are read from the DER by
 * core/pki. Never `getPeerCertificate`: it builds an object with the parameters of the key, and for an EC key on a curve
 * that has no NIST name (brainpool, secp256k1) Node 26.10 reads through a null pointer there, so a stranger's certificate,
 * or one in its chain, would end the process. Never `socket.authorized` either: it has been true for resumed sessions
 * without a certificate.
 *
 * Limitations: the end-entity certificate alone; DANE-EE needs no other.
 */
import type { TLSSocket } from 'node:tls';
import type { PeerCredentials } from '../dane/types.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { dnsNames, subjectPublicKeyInfo } from '../pki/certificate.ts';

export type PeerSnapshot =
  | { readonly credentials: PeerCredentials }
  | {
      readonly credentials?: undefined;
      readonly reason: 'no-certificate' | 'bad-certificate';
      readonly detail: string;
    };

/** Takes the snapshot of a connection whose handshake is complete. */
export function snapshotPeer(socket: TLSSocket): PeerSnapshot {
  const certificate = socket.getPeerX509Certificate()?.raw;
  if (!certificate) return { reason: 'no-certificate', detail: '' };
  try {
    const { names } = dnsNames(certificate);
    return {
      credentials: { certificate, subjectPublicKeyInfo: subjectPublicKeyInfo(certificate), dnsNames: names },
    };
  } catch (error) {
    if (error instanceof CertificateFormatError) return { reason: 'bad-certificate', detail: error.message };
    throw error;
  }
}
