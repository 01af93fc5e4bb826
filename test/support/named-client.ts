/**
 * The TLS settings of a client that says its name by dane_clientid, right or wrong, and believes any server: the addon as
 * OpenSSL lets it be misused. test/support/scripted-tls goes further and decides about every octet.
 */
import { constants } from 'node:crypto';
import tls from 'node:tls';
import { defaultExtensionType, type Dialect } from '../../core/tls/client-id.ts';
import { nativeTls, rawPublicKeyType } from '../../core/tls/native/native.ts';
import type { Credentials } from './gate.ts';

export interface NamedClient {
  /** What it shows; none: nothing. */
  readonly credentials: Credentials;
  /** The name as text, put into the vector as it is; or the whole body of the extension. None: the extension is not sent. */
  readonly name?: string | Buffer;
  readonly rawPublicKey?: boolean;
  readonly dialect?: Dialect;
  readonly extensionType?: number;
  /** TLS 1.2, with the extension in the ClientHello. */
  readonly tls12?: boolean;
}

/** A vector with these octets, which may be too many for it. */
export function vectorOf(octets: Buffer): Buffer {
  return Buffer.concat([Buffer.from([octets.length & 0xff]), octets]);
}

export function namedClientContext(client: NamedClient): tls.SecureContext {
  const { credentials, name, rawPublicKey = false, dialect = 'draft-13', tls12 = false } = client;
  const version = tls12 ? 'TLSv1.2' : 'TLSv1.3';
  const context = tls.createSecureContext({
    minVersion: version,
    maxVersion: version,
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(credentials && { cert: credentials.certificatePem, key: credentials.privateKeyPem }),
  });
  if (!nativeTls) throw new Error('the tests need the TLS addon: npm run build:native');
  const body = typeof name === 'string' ? vectorOf(Buffer.from(name, 'utf8')) : name;
  nativeTls.setUpContext(context, {
    isServer: false,
    isDraft09: dialect === 'draft-09',
    extensionType: client.extensionType ?? defaultExtensionType,
    ...(body && { body }),
    inHello: tls12,
    ...(rawPublicKey && { clientCertificateTypes: Buffer.from([rawPublicKeyType]) }),
    largestCertificateMessage: 65_536,
    verifyServer: () => true,
  });
  return context;
}
