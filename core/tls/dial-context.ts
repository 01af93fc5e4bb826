/**
 * The TLS settings of a client (RFC 8310 section 9, RFC 9103 section 7): TLS 1.3, our certificate or raw public key, our
 * name for a server that asks for it, and a verdict on the server inside of the handshake.
 *
 * node:tls alone judges a server when the handshake is over, and then our certificate has gone out to whoever answered.
 * So a client context needs the addon.
 *
 * Limitations: TLS 1.3 only, also in the dialect draft-09, whose TLS 1.2 form would say our name in the clear and before
 * the server has said anything. A certificate is shown to every proved server that asks for one, whether it asks for a
 * name or not. No session is resumed: each handshake proves the server anew.
 */
import tls from 'node:tls';
import type { Name } from '../dns/name.ts';
import { encodeClientName, type Dialect } from './client-id.ts';
import { ExtensionTypeTaken, largestCertificateMessage, TlsAddonMissing } from './context.ts';
import type { LoadedIdentity } from './identity.ts';
import { nativeTls, rawPublicKeyType } from './native/native.ts';
import type { CertificateType, ContextOptions } from './native/native.ts';

/** Who we are, for servers that ask. */
export interface ClientCredentials {
  readonly identity: LoadedIdentity;
  /** Owner name of our TLSA record; without it no server is told a name. */
  readonly name?: Name;
  /**
   * What is shown. `either`: a certificate, or a raw public key to a server that takes no certificate. `raw-public-key`:
   * never the certificate; a server that does not know RFC 7250 gets nothing.
   */
  readonly shows: 'certificate' | 'raw-public-key' | 'either';
}

/** How a client speaks TLS. */
export interface DialTls {
  readonly dialect: Dialect;
  /** Number of the extension; see client-id.ts. */
  readonly extensionType: number;
  /** Octets to a multiple of which records are padded (RFC 8446 section 5.4); 0: not. */
  readonly recordPadding: number;
}

/**
 * Whether the server is the right one, by the body of its Certificate message. Called inside of the handshake, before
 * anything of ours is sent; whatever is not `true`, or an error, ends the handshake with an alert. Who gives it must keep an
 * error of its own: nobody else hears of it.
 */
export type VerifyServer = (certificateMessage: Buffer, type: CertificateType) => boolean;

export interface DialContextOptions {
  readonly tls: DialTls;
  readonly credentials?: ClientCredentials | undefined;
  /** Whether the server may show a raw public key; RFC 7671 section 5.1: only who can judge one asks for it. */
  readonly takesRawPublicKey: boolean;
  readonly verify: VerifyServer;
}

/**
 * A context for one connection: its verdict is that connection's.
 *
 * @throws TlsAddonMissing without the addon
 * @throws RangeError when our name does not fit into the extension, or OpenSSL does not take the number of it
 */
export function dialContext(options: DialContextOptions): tls.SecureContext {
  if (nativeTls === undefined) throw new TlsAddonMissing('dialling a server, which must be proved first,');
  const { credentials, takesRawPublicKey, verify } = options;
  const { dialect, extensionType, recordPadding } = options.tls;
  const context = tls.createSecureContext({
    ...(credentials && keyAndCertificate(credentials)),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // An empty list, not an absent one: the root certificates would be loaded and searched for nothing.
    ca: [],
  });
  const types = credentials && clientTypes(credentials.shows);
  const settings: ContextOptions = {
    isServer: false,
    isDraft09: dialect === 'draft-09',
    extensionType,
    // draft-ietf-dance-client-auth section 8.1: the name is complete, and goes only to a server that asked for it.
    ...(credentials?.name && { body: encodeClientName(credentials.name) }),
    ...(types && { clientCertificateTypes: Buffer.from(types) }),
    ...(takesRawPublicKey && { serverCertificateTypes: Buffer.from([rawPublicKeyType, x509Type]) }),
    largestCertificateMessage,
    recordPadding,
    verifyServer: verify,
  };
  try {
    nativeTls.setUpContext(context, settings);
  } catch (error) {
    // The number is the only thing here that an operator chooses and OpenSSL may not take.
    throw new ExtensionTypeTaken(extensionType, { cause: error });
  }
  return context;
}

const x509Type = 0;

/** RFC 7250 section 4.1: preferred first; a client that has only X.509 certificates leaves the list out. */
function clientTypes(shows: ClientCredentials['shows']): readonly CertificateType[] | undefined {
  if (shows === 'certificate') return undefined;
  return shows === 'raw-public-key' ? [rawPublicKeyType] : [x509Type, rawPublicKeyType];
}

function keyAndCertificate({ identity, shows }: ClientCredentials): tls.SecureContextOptions {
  // A server that does not know RFC 7250 passes over our list, and would get the certificate if there were one here.
  return shows === 'raw-public-key'
    ? { key: identity.keyPem }
    : { key: identity.keyPem, cert: identity.certificatePem };
}
