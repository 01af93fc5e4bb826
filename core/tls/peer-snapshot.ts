/**
 * What the peer showed, taken once, directly after the handshake: octets, which core/pki reads.
 *
 * With the addon they are the octets of the Certificate message as the peer sent them, so that DANE compares what was sent
 * and not what OpenSSL would write again; a raw public key and the name in dane_clientid come the same way. Without it
 * `getPeerX509Certificate` is asked, and of what it gives only the octets.
 *
 * Never `getPeerCertificate`: it builds an object with the parameters of the key, and for an EC key on a curve
 * that has no NIST name (brainpool, secp256k1) Node 26.10 reads through a null pointer there, so a stranger's certificate,
 * or one in its chain, would end the process. Never `socket.authorized` either: it has been true for resumed sessions
 * without a certificate.
 *
 * Limitations: of what follows the end entity, as much as core/pki/path-limits.ts allows. Without the addon: no raw
 * public keys and no names; some 70 microseconds for each certificate that was sent.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerCredentials } from '../dane/types.ts';
import { checkSubjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { defaultPathLimits } from '../pki/path-limits.ts';
import { CertificateMemory } from './certificate-memory.ts';
import { parseCertificateMessage } from './certificate-message.ts';
import { clientNameOf } from './client-id.ts';
import { nativeTls, rawPublicKeyType, type NativeTls } from './native/native.ts';

/** The credentials, or why there are none; and what came beside them. */
export type PeerSnapshot = Beside &
  (
    | { readonly credentials: PeerCredentials }
    | {
        readonly credentials?: undefined;
        readonly reason: 'no-certificate' | 'bad-certificate';
        readonly detail: string;
      }
  );

interface Beside {
  /** Octets of the name in dane_clientid, not checked yet; none: the client leaves it to its certificate (draft-09). */
  readonly clientId?: Buffer;
  /** Names the connection for `closeWithAlert`. */
  readonly connectionId?: number;
}

/** Takes the snapshot of a connection whose handshake is complete, and whose context is from context.ts; once. */
export function snapshotPeer(socket: TLSSocket): PeerSnapshot {
  return nativeTls ? sentOctets(socket, nativeTls) : snapshotWithoutAddon(socket);
}

function sentOctets(socket: TLSSocket, native: NativeTls): PeerSnapshot {
  const finished = socket.getPeerFinished();
  if (!finished) return { reason: 'no-certificate', detail: '' };
  const shown = native.takeHandshake(finished);
  if (!shown) throw new Error('the TLS addon does not know this connection');
  const version = socket.getProtocol() === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2';
  const claim = version === 'TLSv1.3' ? shown.claim : shown.helloClaim;
  const beside: Beside = { connectionId: shown.id, ...(claim && { clientId: clientNameOf(claim) }) };
  return {
    ...beside,
    ...readCredentials(() => {
      const [first, ...others] = parseCertificateMessage(shown.certificate, version);
      if (first === undefined) return undefined;
      if (shown.certificateType !== rawPublicKeyType) return ofCertificate(first, withinLimits(others));
      checkSubjectPublicKeyInfo(first);
      // RFC 7250 section 3: exactly one key.
      if (others.length > 0) throw new CertificateFormatError('more than one raw public key');
      return { subjectPublicKeyInfo: first, dnsNames: [], chain: [] };
    }),
  };
}

/**
 * The snapshot by the means of Node alone.
 *
 * `issuerCertificate` of Node's object is, despite its name, the certificate that was sent next, whoever issued it, so that a
 * chain in any order is seen whole. Before Node 26.10 asking a socket twice loses the chain: it is asked once.
 */
export function snapshotWithoutAddon(socket: TLSSocket): PeerSnapshot {
  const shown = socket.getPeerX509Certificate();
  return readCredentials(() => {
    const certificate = shown?.raw;
    return certificate && ofCertificate(certificate, withinLimits(certificatesAfter(shown)));
  });
}

function* certificatesAfter(endEntity: X509Certificate): Generator<Buffer> {
  for (let next = endEntity.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    yield next.raw;
  }
}

/** One for all listeners: what a certificate says does not depend on where it is shown. */
const memory = new CertificateMemory();

function ofCertificate(certificate: Buffer, chain: readonly Buffer[]): PeerCredentials {
  return { ...memory.read(certificate), chain };
}

/** The first of the certificates that follow the end entity, within the limits of a search for a path. */
function withinLimits(certificates: Iterable<Buffer>): Buffer[] {
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

function readCredentials(read: () => PeerCredentials | undefined): PeerSnapshot {
  try {
    const credentials = read();
    return credentials ? { credentials } : { reason: 'no-certificate', detail: '' };
  } catch (error) {
    if (error instanceof CertificateFormatError) return { reason: 'bad-certificate', detail: error.message };
    throw error;
  }
}
