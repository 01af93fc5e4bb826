/**
 * The server's first flight, read (RFC 8446 sections 4.1.3, 4.3 and 4.4).
 *
 * Limitations: nobody judges the server's certificate or its CertificateVerify; its Finished is checked elsewhere.
 */
import type { HandshakeMessage } from './conversation.ts';
import { ExtensionType, HandshakeType, cipherSuite, tls12, tls13, x25519Group } from './numbers.ts';
import { OctetReader, ScriptedTlsError, extensionBody, type Extension } from './octets.ts';

export interface CertificateRequest {
  /** certificate_request_context; empty in a handshake. */
  readonly context: Buffer;
  readonly extensions: readonly Extension[];
  /** The whole handshake message as it came. */
  readonly octets: Buffer;
}

export interface CertificateEntry {
  /** A certificate in DER, or a SubjectPublicKeyInfo where raw public keys were agreed on. */
  readonly data: Buffer;
  readonly extensions: readonly Extension[];
}

export interface ServerCertificate {
  readonly context: Buffer;
  readonly entries: readonly CertificateEntry[];
  /** The whole handshake message as it came. */
  readonly octets: Buffer;
}

/** What the server said before its Finished. */
export interface ServerFlight {
  readonly encryptedExtensions: readonly Extension[];
  /** undefined if the server asks for no certificate. */
  readonly certificateRequest: CertificateRequest | undefined;
  readonly certificate: ServerCertificate;
  /** What the server chose by ALPN. */
  readonly selectedProtocol: string | undefined;
  /** Every message from EncryptedExtensions to Finished. */
  readonly messages: readonly HandshakeMessage[];
}

// RFC 8446 section 4.1.3: a ServerHello with this random is a HelloRetryRequest.
const retryRandom = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

/** The server's key share. Throws ScriptedTlsError if the server chose anything but what was offered. */
export function parseServerHello({ type, name, body }: HandshakeMessage): Buffer {
  if (type !== HandshakeType.serverHello) throw new ScriptedTlsError(`the server began with ${name}`);
  const reader = new OctetReader(body, 'ServerHello');
  const legacyVersion = reader.uint(2);
  if (reader.take(32).equals(retryRandom)) {
    throw new ScriptedTlsError('the server sent a HelloRetryRequest; allow X25519 there');
  }
  reader.vector(1);
  const suite = reader.uint(2);
  reader.uint(1);
  const extensions = reader.extensions();
  reader.end();
  const version = extensionBody(extensions, ExtensionType.supportedVersions)?.readUInt16BE(0);
  if (legacyVersion !== tls12 || version !== tls13)
    throw new ScriptedTlsError('the server did not choose TLS 1.3');
  if (suite !== cipherSuite) throw new ScriptedTlsError(`the server chose cipher suite ${suite}`);
  const share = new OctetReader(
    extensionBody(extensions, ExtensionType.keyShare) ?? Buffer.alloc(0),
    'key share',
  );
  if (share.uint(2) !== x25519Group) throw new ScriptedTlsError('the server did not choose X25519');
  return share.vector(2);
}

/** Throws ScriptedTlsError if a message is missing, one too many, or out of order. */
export function parseServerFlight(messages: readonly HandshakeMessage[]): ServerFlight {
  const { encryptedExtensions, certificateRequest, certificate, certificateVerify, finished } = HandshakeType;
  const asked = messages[1]?.type === certificateRequest;
  const expected = [
    encryptedExtensions,
    ...(asked ? [certificateRequest] : []),
    certificate,
    certificateVerify,
    finished,
  ];
  if (messages.map(({ type }) => type).join() !== expected.join()) {
    throw new ScriptedTlsError(`the server's flight is ${messages.map(({ name }) => name).join(', ')}`);
  }
  const [first, ...rest] = messages as [HandshakeMessage, ...HandshakeMessage[]];
  const request = asked ? rest.shift() : undefined;
  const reader = new OctetReader(first.body, 'EncryptedExtensions');
  const extensions = reader.extensions();
  reader.end();
  return {
    encryptedExtensions: extensions,
    certificateRequest: request && parseCertificateRequest(request),
    certificate: parseCertificate(rest[0]!),
    selectedProtocol: selectedProtocol(extensions),
    messages,
  };
}

function parseCertificateRequest({ body, octets }: HandshakeMessage): CertificateRequest {
  const reader = new OctetReader(body, 'CertificateRequest');
  const request = { context: reader.vector(1), extensions: reader.extensions(), octets };
  reader.end();
  return request;
}

function parseCertificate({ body, octets }: HandshakeMessage): ServerCertificate {
  const reader = new OctetReader(body, 'Certificate');
  const context = reader.vector(1);
  const list = new OctetReader(reader.vector(3), 'certificate_list');
  reader.end();
  const entries: CertificateEntry[] = [];
  while (!list.isAtEnd) entries.push({ data: list.vector(3), extensions: list.extensions() });
  return { context, entries, octets };
}

function selectedProtocol(extensions: readonly Extension[]): string | undefined {
  const body = extensionBody(extensions, ExtensionType.applicationLayerProtocolNegotiation);
  if (body === undefined) return undefined;
  return new OctetReader(new OctetReader(body, 'ALPN').vector(2), 'ALPN').vector(1).toString('latin1');
}
