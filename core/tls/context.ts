/**
 * The TLS settings of a listener (RFC 9103 section 7, RFC 7858): TLS 1.3, a certificate or raw public key asked for, the
 * client's name asked for, no session resumed.
 *
 * The certificate is asked for and not judged: DANE judges it (core/dane), and no certification authority is known
 * here, so the list of authorities in the CertificateRequest is empty and no client withholds a self-signed certificate.
 */
import { constants } from 'node:crypto';
import tls from 'node:tls';
import { askingBody, type Dialect } from './client-id.ts';
import type { LoadedIdentity } from './identity.ts';
import { nativeProblem, nativeTls, rawPublicKeyType, type CertificateType } from './native/native.ts';

/** RFC 9103 section 7.1, RFC 7858: DNS over TLS, zone transfers included. */
export const alpnProtocol = 'dot';

/** How a listener speaks TLS. All but the certificate needs the addon. */
export interface GateTls {
  /** Whether it asks for the client's name by the extension dane_clientid. */
  readonly asksForName: boolean;
  readonly dialect: Dialect;
  /** Number of the extension; see client-id.ts. */
  readonly extensionType: number;
  /** Whether clients may show a raw public key instead of a certificate (RFC 7250), and get ours so if they ask. */
  readonly rawPublicKeys: boolean;
  /** Octets to a multiple of which records are padded (RFC 8446 section 5.4); 0: not. */
  readonly recordPadding: number;
  /** TLS 1.2 as well, where names and certificates are in the clear; only with draft-09, and never for RFC 9103. */
  readonly allowsTls12: boolean;
}

/** A listener that takes certificates alone, as it is without the addon. */
export const certificatesOnly: Omit<GateTls, 'extensionType'> & { extensionType: 0 } = {
  asksForName: false,
  dialect: 'draft-13',
  extensionType: 0,
  rawPublicKeys: false,
  recordPadding: 0,
  allowsTls12: false,
};

/** Something was asked of TLS that takes the addon, which is not there. */
export class TlsAddonMissing extends Error {
  override readonly name = 'TlsAddonMissing';
  readonly code = 'TLS_ADDON';
  readonly blame = 'config';

  constructor(what: string) {
    super(`${what} needs the TLS addon: ${nativeProblem ?? 'it is missing'}`);
  }
}

/** The extension cannot have the number that it was given. */
export class ExtensionTypeTaken extends RangeError {
  override readonly name = 'ExtensionTypeTaken';
  readonly code = 'TLS_EXTENSION_TYPE';
  readonly blame = 'config';

  constructor(extensionType: number, options?: ErrorOptions) {
    super(
      `the TLS library does not take the extension ${String(extensionType)}: it has one of that number itself`,
      options,
    );
  }
}

/**
 * Octets of a client's Certificate message: chains have one to five thousand, those with post-quantum signatures some twenty.
 * OpenSSL takes each certificate apart before we see it, some 20 microseconds each; it takes 100 KB if not told.
 */
export const largestCertificateMessage = 32_768;

/** The first is what a small machine is quickest with; nobody breaks any of the three. */
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
/** For our own preferred first: a raw public key has fewer octets. Of a client's it is the client's list that decides. */
const allTypes: readonly CertificateType[] = [rawPublicKeyType, 0];

/**
 * A context for all connections of a listener; make a new one when the identity changes.
 *
 * @throws TlsAddonMissing when `gate` needs it
 * @throws ExtensionTypeTaken when OpenSSL does not take the number of the extension, as one that it has itself
 */
export function gateContext(identity: LoadedIdentity, gate: GateTls): tls.SecureContext {
  const context = tls.createSecureContext({
    cert: identity.certificatePem,
    key: identity.keyPem,
    // RFC 9103 section 7.2: only TLS 1.3 or later. It also keeps names and certificates encrypted.
    minVersion: gate.allowsTls12 ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: gate.allowsTls12 ? `${ciphers}:ECDHE+AESGCM:ECDHE+CHACHA20` : ciphers,
    honorCipherOrder: true,
    // An empty list, not an absent one: the root certificates would be loaded and searched for nothing.
    ca: [],
    // No session is resumed: a resumed one keeps the leaf but not the chain, and must never be better authenticated than
    // its first handshake. Nor is a handshake done again under an identity that the first one proved (TLS 1.2).
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  });
  // To the addon 0 means none.
  if (gate.asksForName && gate.extensionType === 0) throw new ExtensionTypeTaken(0);
  if (nativeTls === undefined) {
    if (gate.asksForName) throw new TlsAddonMissing('the extension dane_clientid');
    if (gate.rawPublicKeys) throw new TlsAddonMissing('taking raw public keys');
    if (gate.recordPadding > 0) throw new TlsAddonMissing('padding of TLS records');
    return context;
  }
  try {
    nativeTls.setUpContext(context, {
      isServer: true,
      isDraft09: gate.dialect === 'draft-09',
      extensionType: gate.extensionType,
      isSilent: !gate.asksForName,
      body: askingBody(gate.dialect),
      inHello: gate.allowsTls12 && gate.asksForName,
      ...(gate.rawPublicKeys && {
        clientCertificateTypes: Buffer.from(allTypes),
        serverCertificateTypes: Buffer.from(allTypes),
      }),
      largestCertificateMessage,
      recordPadding: gate.recordPadding,
    });
  } catch (error) {
    // The number is the only thing here that an operator chooses and OpenSSL may not take.
    throw new ExtensionTypeTaken(gate.extensionType, { cause: error });
  }
  return context;
}

/** Whether the extension can have this number here: a few are OpenSSL's own. Without the addon it has none. */
export function takesExtensionType(extensionType: number): boolean {
  if (nativeTls === undefined) return true;
  try {
    const settings = {
      isServer: true,
      extensionType,
      body: askingBody('draft-13'),
      largestCertificateMessage,
    };
    nativeTls.setUpContext(tls.createSecureContext({ ca: [] }), settings);
    return true;
  } catch {
    return false;
  }
}
