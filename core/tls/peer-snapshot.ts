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
import { CertificateFormatError } from '../pki/errors.ts';
import { CertificateMemory } from './certificate-memory.ts';
import { clientNameOf } from './client-id.ts';
import { nativeTls, type NativeTls } from './native/native.ts';
import { readCredentials, withinLimits, type ReadCertificate } from './shown-credentials.ts';

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
    ...shownOr(() => readCredentials(shown.certificate, version, shown.certificateType, remembered)),
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
  return shownOr(() => {
    const certificate = shown?.raw;
    return certificate && { ...remembered(certificate), chain: withinLimits(certificatesAfter(shown)) };
  });
}

function* certificatesAfter(endEntity: X509Certificate): Generator<Buffer> {
  for (let next = endEntity.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    yield next.raw;
  }
}

/** One for all listeners: what a certificate says does not depend on where it is shown. */
const memory = new CertificateMemory();
const remembered = (certificate: Buffer): ReadCertificate => memory.read(certificate);

/** The credentials, or why there are none. */
function shownOr(read: () => PeerCredentials | undefined): PeerSnapshot {
  try {
    const credentials = read();
    return credentials ? { credentials } : { reason: 'no-certificate', detail: '' };
  } catch (error) {
    if (error instanceof CertificateFormatError) return { reason: 'bad-certificate', detail: error.message };
    throw error;
  }
}
