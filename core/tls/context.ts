/**
 * The TLS settings of a gate (RFC 9103 section 7, RFC 7858): TLS 1.3 only, ALPN "dot", a certificate asked for, no
 * session resumed.
 *
 * The certificate is asked for and not judged: DANE judges it (core/dane), and no certification authority is known
 * here, so the list of authorities in the CertificateRequest is empty and no client withholds a self-signed certificate.
 */
import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { LoadedIdentity } from './identity.ts';

/** RFC 9103 section 7.1, RFC 7858: DNS over TLS, zone transfers included. */
export const alpnProtocol = 'dot';

/** A context for all connections of a gate; make a new one when the identity changes. */
export function gateContext(identity: LoadedIdentity): tls.SecureContext {
  return tls.createSecureContext({
    cert: identity.certificatePem,
    key: identity.keyPem,
    // RFC 9103 section 7.2: only TLS 1.3 or later. It also keeps names and certificates encrypted.
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // An empty list, not an absent one: the root certificates would be loaded and searched for nothing.
    ca: [],
    // No session is resumed: a resumed one keeps the leaf but not the chain, and must never be better authenticated than
    // its first handshake. With TLS 1.3 OpenSSL still sends tickets then, which name a session that nobody has kept.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}
