/** What an end of node:tls shows: keys and certificates, as its options have them. Loads no addon. */
import type tls from 'node:tls';
import { encodePem } from '../../core/pki/pem.ts';
import { endEntity, sharedKey, type KeyKind, type TestCertificate } from './certificate-factory.ts';

/** The key and the certificate, and what follows it in the chain. */
export function shows(
  certificate: TestCertificate,
  ...chain: readonly TestCertificate[]
): tls.SecureContextOptions {
  const cert = [certificate, ...chain].map(({ der }) => encodePem(der, 'CERTIFICATE')).join('');
  return { cert, key: certificate.key.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

/** An end entity's certificate with a key of this kind, made once for each label. */
export function certificateOf(kind: KeyKind, label = 'native'): TestCertificate {
  const made = certificates.get(`${kind} ${label}`);
  const certificate = made ?? endEntity({ key: sharedKey(label, kind), names: [`${kind}.example`] });
  certificates.set(`${kind} ${label}`, certificate);
  return certificate;
}

const certificates = new Map<string, TestCertificate>();
