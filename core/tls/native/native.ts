/**
 * The addon for what node:tls lacks: the extension dane_clientid, raw public keys (RFC 7250), a fatal alert after the
 * handshake, a verdict on the server inside the handshake, padded records. Its sources are beside this file, in src/;
 * scripts/build-native.js builds it, one file for each platform and version of Node's binary interface.
 *
 * Where it is not built danced works without it; `nativeProblem` says why it is missing, and who needs it refuses.
 *
 * Limitations: Linux, and other systems whose Node exports OpenSSL; elsewhere it does not load.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SecureContext } from 'node:tls';

/** RFC 7250 section 3: 0 is X.509, 2 is a raw public key. */
export type CertificateType = 0 | 2;
export const rawPublicKeyType = 2;

/** How a context is to behave; all optional parts are off if not given. */
export interface ContextOptions {
  readonly isServer: boolean;
  /** Which version of the draft; see client-id.ts. */
  readonly isDraft09?: boolean;
  /** Number of dane_clientid; 0: the extension is not there. */
  readonly extensionType?: number;
  /** Body of our extension, its vector included: a server's for the CertificateRequest, a client's for the Certificate. */
  readonly body?: Buffer;
  /** The extension is known and never sent: a client that sends it unasked gets the alert unsupported_extension. */
  readonly isSilent?: boolean;
  /** TLS 1.2, draft-09: the extension in the Hello messages, in the clear. */
  readonly inHello?: boolean;
  /** Types of certificate that a client may show (a server's list) or will show (a client's), preferred first. */
  readonly clientCertificateTypes?: Buffer;
  /** The same for the server's certificate. */
  readonly serverCertificateTypes?: Buffer;
  /** Octets of a Certificate message that are taken from the peer; more are an alert. */
  readonly largestCertificateMessage: number;
  /** Octets to a multiple of which records are padded; 0: not. */
  readonly recordPadding?: number;
  /**
   * Client only, and needed there: whether the server is the right one. Called inside of the handshake with the body of its
   * Certificate message, before anything of ours is sent; whatever is not `true` ends the handshake.
   */
  readonly verifyServer?: (certificateMessage: Buffer, type: CertificateType) => boolean;
}

/** What the peer showed in a handshake, as octets. */
export interface ShownHandshake {
  /** Names the connection for `sendAlert`. */
  readonly id: number;
  readonly certificateType: CertificateType;
  /** Body of the peer's Certificate message as it was sent; empty if it sent none. */
  readonly certificate: Buffer;
  /** Body of the peer's extension in TLS 1.3: in its Certificate (from a client) or its CertificateRequest (from a server). */
  readonly claim?: Buffer;
  /** Body of the peer's extension in its Hello (TLS 1.2). */
  readonly helloClaim?: Buffer;
}

/** What the addon exports. */
export interface NativeTls {
  /** Makes a new context behave so, once. Throws when OpenSSL does not take it, as an extension number that it has itself. */
  setUpContext(context: SecureContext, options: ContextOptions): void;
  /** What the peer showed, found by `socket.getPeerFinished()`, once for each connection whose context was set up. */
  takeHandshake(peerFinished: Buffer): ShownHandshake | undefined;
  /** Puts a fatal alert into what the socket writes next, and no close_notify after it; false when it cannot be sent. Nothing may be written then. */
  sendAlert(id: number, description: number): boolean;
  /** Connections that the addon remembers now; for tests. */
  connectionsKept(): number;
  readonly hasAlerts: boolean;
  /** Version of OpenSSL, as "3.5.8". */
  readonly openssl: string;
}

/** What this Node can do with and without the addon. */
export interface TlsFeatures {
  readonly addon: boolean;
  readonly extension: boolean;
  readonly rawPublicKeys: boolean;
  readonly alerts: boolean;
  readonly recordPadding: boolean;
  readonly openssl: string;
  /** Why the addon is missing, and how to mend it. */
  readonly problem?: string;
}

/** Set to anything, danced runs as if the addon were not built: to see what a machine without compiler will do. */
const switchOff = 'DANCED_WITHOUT_ADDON';

interface Loading {
  readonly addon?: NativeTls;
  readonly problem?: string;
}

function load(): Loading {
  if (process.env[switchOff])
    return { problem: `it is switched off; unset ${switchOff} in the environment to have it` };
  const require = createRequire(import.meta.url);
  // The package itself: core/ lies at another depth in a checkout than in an installed package.
  const root = dirname(require.resolve('danced/package.json'));
  const { platform, arch, versions } = process;
  const file = join(root, 'prebuilds', `${platform}-${arch}`, `danced-tls-abi${versions.modules}.node`);
  if (!existsSync(file)) {
    return { problem: `it is not built for Node ${versions.node}; build it with: npm run build:native` };
  }
  try {
    return { addon: require(file) as NativeTls };
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
    return { problem: `${file} does not load: ${why ?? ''}; build it anew with: npm run build:native` };
  }
}

const loading = load();

/** The addon, or undefined where it is missing. */
export const nativeTls: NativeTls | undefined = loading.addon;
/** Why the addon is missing, and how to mend it. */
export const nativeProblem: string | undefined = loading.problem;

export function tlsFeatures(): TlsFeatures {
  const addon = nativeTls !== undefined;
  return {
    addon,
    extension: addon,
    rawPublicKeys: addon,
    alerts: nativeTls?.hasAlerts ?? false,
    recordPadding: addon,
    openssl: process.versions.openssl,
    ...(nativeProblem !== undefined && { problem: nativeProblem }),
  };
}
