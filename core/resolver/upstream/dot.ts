/**
 * DNS over TLS to a configured resolver (RFC 7858), in the strict profile (RFC 8310 section 5): the server proves by its
 * certificate that it has the authentication domain name, or not one query is sent.
 *
 * Limitations: authentication by the PKIX alone, not by pins or DANE; certificates are not checked for revocation.
 */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import type { StreamTransport } from './stream.ts';
import type { UpstreamServer, UpstreamTls } from './server.ts';

/** The way to a server of DNS over TLS. Throws when the CAs cannot be read. */
export function dnsOverTls(server: UpstreamServer, { name, ca }: UpstreamTls): StreamTransport {
  // Node passes over what it cannot read, and would then trust nobody.
  ca?.forEach((pem) => new X509Certificate(pem));
  // RFC 8310 section 9: TLS 1.2 at least.
  const secureContext = tls.createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });
  return {
    word: 'TLS',
    ready: 'secureConnect',
    pad: true,
    wordsFor,
    open: () => {
      const socket = tls.connect({
        host: server.address,
        port: server.port,
        servername: name,
        secureContext,
        ALPNProtocols: ['dot'],
        rejectUnauthorized: true,
        checkServerIdentity: (_host, { raw }) => wrongIdentity(name, raw),
      });
      socket.setNoDelay(true);
      return socket;
    },
  };
}

/** OpenSSL's codes for a path that ends at nobody who is known. */
const unknownAuthority: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Node's own words for these advise what its users can do, who write programs. */
function wordsFor(error: Error): string {
  return 'code' in error && unknownAuthority.has(error.code)
    ? 'its certificate is from an authority that is not known here; name the file of the authority with `ca`'
    : error.message;
}

/**
 * Why the certificate, whose path is good, is not the server's. RFC 8310 section 8.1: only the subjectAltNames count, the
 * subject's common name never does; RFC 9525 section 6.3: a wildcard is one whole label, the leftmost.
 */
function wrongIdentity(name: string, certificate: Buffer): Error | undefined {
  const isGood =
    new X509Certificate(certificate).checkHost(name, { subject: 'never', partialWildcards: false }) !==
    undefined;
  return isGood ? undefined : new Error(`its certificate is not for ${name}`);
}
