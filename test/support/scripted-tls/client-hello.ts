/**
 * The ClientHello of the scripted client (RFC 8446 section 4.1.2).
 *
 * Limitations: one cipher suite and one group, X25519; a server that wants another gets no second ClientHello.
 */
import { randomBytes } from 'node:crypto';
import {
  ExtensionType,
  HandshakeType,
  SignatureScheme,
  cipherSuite,
  tls12,
  tls13,
  x25519Group,
} from './numbers.ts';
import { encodeExtensions, handshakeMessage, uint, vector, type Extension } from './octets.ts';

/** What stands in the ClientHello besides what every handshake of TLS 1.3 needs. */
export interface ClientHelloScript {
  /** SNI; none without. */
  readonly serverName?: string;
  /** As `['dot']`; no ALPN extension without. */
  readonly alpn?: readonly string[];
  /** client_certificate_type (RFC 7250), the best first; no extension without. */
  readonly clientCertificateTypes?: readonly number[];
  /** server_certificate_type (RFC 7250). */
  readonly serverCertificateTypes?: readonly number[];
  /** signature_algorithms; all of `SignatureScheme` without. */
  readonly signatureSchemes?: readonly number[];
  /** Written after all others. */
  readonly extensions?: readonly Extension[];
  /** The last hand on the message's body; the handshake goes on with what it gives back. */
  readonly editClientHello?: (body: Buffer) => Buffer;
}

/** The whole message, with this key share. */
export function makeClientHello(script: ClientHelloScript, share: Buffer): Buffer {
  const body = Buffer.concat([
    uint(2, tls12),
    randomBytes(32),
    // No session identifier: the server then sends no change_cipher_spec (RFC 8446 appendix D.4).
    vector(1),
    vector(2, uint(2, cipherSuite)),
    vector(1, uint(1, 0)),
    encodeExtensions(extensionsOf(script, share)),
  ]);
  return handshakeMessage(HandshakeType.clientHello, script.editClientHello?.(body) ?? body);
}

function extensionsOf(script: ClientHelloScript, share: Buffer): Extension[] {
  const { serverName, alpn, clientCertificateTypes, serverCertificateTypes } = script;
  const schemes = script.signatureSchemes ?? Object.values(SignatureScheme);
  const found: Extension[] = [
    [ExtensionType.supportedVersions, vector(1, uint(2, tls13))],
    [ExtensionType.supportedGroups, vector(2, uint(2, x25519Group))],
    [ExtensionType.keyShare, vector(2, uint(2, x25519Group), vector(2, share))],
    [ExtensionType.signatureAlgorithms, vector(2, ...schemes.map((scheme) => uint(2, scheme)))],
  ];
  if (serverName !== undefined) {
    // RFC 6066 section 3: a list of names, each with its type, host_name.
    const name = Buffer.concat([uint(1, 0), vector(2, Buffer.from(serverName))]);
    found.push([ExtensionType.serverName, vector(2, name)]);
  }
  if (alpn !== undefined) {
    const protocols = alpn.map((protocol) => vector(1, Buffer.from(protocol)));
    found.push([ExtensionType.applicationLayerProtocolNegotiation, vector(2, ...protocols)]);
  }
  if (clientCertificateTypes !== undefined) {
    found.push([ExtensionType.clientCertificateType, vector(1, Buffer.from(clientCertificateTypes))]);
  }
  if (serverCertificateTypes !== undefined) {
    found.push([ExtensionType.serverCertificateType, vector(1, Buffer.from(serverCertificateTypes))]);
  }
  return [...found, ...(script.extensions ?? [])];
}
