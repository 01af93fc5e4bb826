/**
 * The outline of an X.509 certificate (RFC 5280 section 4.1): where each field lies, without a look into most of them.
 *
 * The octets are walked, not decoded: nothing is re-encoded, so that key types which node:crypto does not know
 * work too, and what is hashed is what the peer sent.
 *
 * Limitations: what a field holds is for the other files of core/pki to judge; no signature is verified here.
 */
import { DerReader, DerTag } from './der.ts';
import type { DerElement } from './der.ts';
import { CertificateFormatError } from './errors.ts';

/** Bounds on what a certificate may hold; one that has more is refused, so that no peer can buy our time. */
export const certificateLimits = {
  /** Octets. A chain of RSA-4096 certificates has a few thousand; TLS itself would carry 16 MiB. */
  certificateOctets: 65_536,
  /** Extensions. Certificates have some ten. */
  extensions: 64,
  /** Names of any kind in subjectAltName. Public CAs stop at 100 to 250; a DNS server needs one. */
  alternativeNames: 256,
  /** Subtrees in nameConstraints. The longest of public CAs have some hundred. */
  constraints: 512,
  /** Purposes in extendedKeyUsage. */
  purposes: 64,
} as const;

/** The fields of a certificate; readers stand before the first element of what they read. */
export interface CertificateOutline {
  readonly tbs: DerElement;
  /** Of the certificate and of its signed part, which must be the same (RFC 5280 section 4.1.1.2). */
  readonly signatureAlgorithm: DerElement;
  readonly signedAlgorithm: DerElement;
  readonly signature: DerElement;
  /** [0], absent in a certificate of version 1. */
  readonly version: DerElement | undefined;
  readonly issuer: DerElement;
  readonly validity: DerReader;
  readonly subject: DerElement;
  readonly publicKey: DerElement;
  readonly extensions: DerReader | undefined;
}

/** One extension; `identifier` is the content of its object identifier in hexadecimal. */
export interface Extension {
  readonly identifier: string;
  readonly isCritical: boolean;
  /** DER. */
  readonly value: Buffer;
}

const contextVersion = 0xa0;
const contextIssuerUniqueId = 0x81;
const contextSubjectUniqueId = 0x82;
const contextExtensions = 0xa3;

/** Certificate and TBSCertificate, RFC 5280 section 4.1, element by element. Throws CertificateFormatError. */
export function walkCertificate(octets: Buffer): CertificateOutline {
  if (octets.length > certificateLimits.certificateOctets) {
    throw new CertificateFormatError('the certificate is too long');
  }
  const whole = new DerReader(octets);
  const certificate = whole.enter(DerTag.sequence, 'certificate');
  // What follows the certificate is not of it; a hash over both would be of nothing that anybody published.
  whole.finish('the certificate');
  const tbs = certificate.read(DerTag.sequence, 'tbsCertificate');
  const signatureAlgorithm = certificate.read(DerTag.sequence, 'signatureAlgorithm');
  const signature = certificate.read(DerTag.bitString, 'signature');
  certificate.finish('the signature');

  const fields = certificate.inside(tbs);
  const version = fields.isNext(contextVersion) ? fields.readAny() : undefined;
  fields.read(DerTag.integer, 'serial number');
  const signedAlgorithm = fields.read(DerTag.sequence, 'signature algorithm');
  const issuer = fields.read(DerTag.sequence, 'issuer');
  const validity = fields.enter(DerTag.sequence, 'validity');
  const subject = fields.read(DerTag.sequence, 'subject');
  const publicKey = fields.read(DerTag.sequence, 'subjectPublicKeyInfo');
  checkPublicKey(fields.inside(publicKey));
  if (fields.isNext(contextIssuerUniqueId)) fields.readAny();
  if (fields.isNext(contextSubjectUniqueId)) fields.readAny();
  let extensions: DerReader | undefined;
  if (fields.isNext(contextExtensions)) {
    const tagged = fields.enter(contextExtensions, 'extensions');
    extensions = tagged.enter(DerTag.sequence, 'list of extensions');
    tagged.finish('the extensions');
  }
  fields.finish('tbsCertificate');
  return {
    tbs,
    signatureAlgorithm,
    signedAlgorithm,
    signature,
    version,
    issuer,
    validity,
    subject,
    publicKey,
    extensions,
  };
}

/** SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING } */
export function checkPublicKey(publicKey: DerReader): void {
  publicKey.read(DerTag.sequence, 'algorithm of the public key');
  publicKey.read(DerTag.bitString, 'public key');
  publicKey.finish('the public key');
}

/** Every extension, in order. Throws CertificateFormatError. */
export function readExtensions(extensions: DerReader): Extension[] {
  const seen = new Set<string>();
  const found: Extension[] = [];
  while (!extensions.atEnd) {
    const extension = extensions.enter(DerTag.sequence, 'extension');
    const identifier = extension.content(DerTag.objectIdentifier, 'extension identifier').toString('hex');
    const isCritical = extension.isNext(DerTag.boolean) && extension.boolean('critical flag');
    const value = extension.content(DerTag.octetString, 'extension value');
    extension.finish('an extension');
    // RFC 5280 section 4.2: at most once each. Of two lists of names, two readers might take one each.
    if (seen.has(identifier)) throw new CertificateFormatError('the certificate has an extension twice');
    seen.add(identifier);
    if (seen.size > certificateLimits.extensions) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.extensions)} extensions`);
    }
    found.push({ identifier, isCritical, value });
  }
  return found;
}
