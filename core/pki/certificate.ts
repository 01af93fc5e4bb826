/**
 * What danced wants to know of an X.509 certificate (RFC 5280 section 4.1), read from its octets.
 *
 * In two depths. The exact SubjectPublicKeyInfo, which a TLSA record with selector SPKI hashes (RFC 6698 section 2.1.2),
 * the claimed names and the dates come out of any certificate with the right outline: with DANE-EE nothing else of it
 * counts (RFC 7671 section 5.1). `parseCertificate` reads everything that a certification path is judged by.
 *
 * Limitations: policies, revocation and the unique identifiers are passed over.
 */
import type { Name } from '../dns/name.ts';
import { checkPublicKey, readExtensions, walkCertificate } from './certificate-walk.ts';
import { DerReader, DerTag } from './der.ts';
import type { DerElement } from './der.ts';
import { nameText, readDistinguishedName } from './distinguished-name.ts';
import { nameFromDnsName } from './dns-name.ts';
import type { DnsPattern } from './dns-name.ts';
import { CertificateFormatError } from './errors.ts';
import {
  ExtensionId,
  readAlternativeNames,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readDnsNames,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from './extensions.ts';
import type { BasicConstraints } from './extensions.ts';
import { constrainedNames, readNameConstraints } from './name-constraints.ts';
import type { ConstrainedName, NameConstraints } from './name-constraints.ts';

export { certificateLimits } from './certificate-walk.ts';

/** The names that a certificate says it is for. */
export interface CertificateNames {
  /** The dNSNames that are domain names, in order. */
  readonly names: readonly Name[];
  /** The others, each shortened and escaped so that it can be printed. */
  readonly invalid: readonly string[];
}

/** From when to when a certificate says it is valid, in milliseconds since the epoch. */
export interface CertificateValidity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A certificate with everything that a certification path is judged by (RFC 5280 section 6.1). */
export interface Certificate extends CertificateValidity {
  readonly der: Buffer;
  /** DER, a view of the certificate's octets. */
  readonly subjectPublicKeyInfo: Buffer;
  readonly version: 1 | 2 | 3;
  /** The names as texts that are equal when the names are; `''` is no name. */
  readonly subject: string;
  readonly issuer: string;
  /** What was signed, how, and the signature. */
  readonly signed: Buffer;
  /** DER of the AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  /** The dNSNames that a name can be compared with. */
  readonly dnsPatterns: readonly DnsPattern[];
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<number> | undefined;
  readonly extendedKeyUsage: ReadonlySet<string> | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  /** The names to which the constraints of its issuers apply. */
  readonly constrainedNames: readonly ConstrainedName[];
  /** Key identifiers in hexadecimal: hints, which no decision rests on. */
  readonly subjectKeyIdentifier: string | undefined;
  readonly authorityKeyIdentifier: string | undefined;
  /** Whether an extension is critical and not one that is processed here. */
  readonly hasUnknownCritical: boolean;
}

const maxPrintedLength = 80;

/** Extensions that are processed, and so may be critical. */
const processed: ReadonlySet<string> = new Set([
  ExtensionId.basicConstraints,
  ExtensionId.keyUsage,
  ExtensionId.extendedKeyUsage,
  ExtensionId.subjectAltName,
  ExtensionId.nameConstraints,
  // RFC 5280 section 6.1: as long as no certificate and no user demands a policy, these cannot make a path invalid;
  // policyConstraints, which can demand one, is not in this list.
  ExtensionId.certificatePolicies,
  ExtensionId.policyMappings,
  ExtensionId.inhibitAnyPolicy,
]);

/** The DER of SubjectPublicKeyInfo, a view of the certificate's octets. Throws CertificateFormatError. */
export function subjectPublicKeyInfo(certificateDer: Buffer): Buffer {
  return slice(certificateDer, walkCertificate(certificateDer).publicKey);
}

/** Throws CertificateFormatError unless the octets are exactly one SubjectPublicKeyInfo (a raw public key, RFC 7250). */
export function checkSubjectPublicKeyInfo(der: Buffer): void {
  const whole = new DerReader(der);
  checkPublicKey(whole.enter(DerTag.sequence, 'subjectPublicKeyInfo'));
  whole.finish('the public key');
}

/** The dNSNames of subjectAltName; the common name of the subject is never read. Throws CertificateFormatError. */
export function dnsNames(certificateDer: Buffer): CertificateNames {
  const { extensions } = walkCertificate(certificateDer);
  const list = extensions === undefined ? [] : readExtensions(extensions);
  const encoded = list.find(({ identifier }) => identifier === ExtensionId.subjectAltName);
  const names: Name[] = [];
  const invalid: string[] = [];
  for (const octets of encoded === undefined ? [] : readDnsNames(encoded.value)) {
    const name = nameFromDnsName(octets);
    if (name === undefined) invalid.push(printable(octets));
    else names.push(name);
  }
  return { names, invalid };
}

/** The dates of the certificate. DANE-EE ignores them (RFC 7671 section 5.1). Throws CertificateFormatError. */
export function validity(certificateDer: Buffer): CertificateValidity {
  return readValidity(walkCertificate(certificateDer).validity);
}

/** Reads the whole certificate. Throws CertificateFormatError. */
export function parseCertificate(der: Buffer): Certificate {
  const outline = walkCertificate(der);
  const signatureAlgorithm = slice(der, outline.signatureAlgorithm);
  // RFC 5280 section 4.1.1.2: the same inside, where it is signed, and outside, where it is not.
  if (!signatureAlgorithm.equals(slice(der, outline.signedAlgorithm))) {
    throw new CertificateFormatError('two signature algorithms');
  }
  const version = outline.version === undefined ? 1 : readVersion(der, outline.version);
  // RFC 5280 section 4.1.2.9: only version 3 has extensions.
  if (version !== 3 && outline.extensions !== undefined) {
    throw new CertificateFormatError(`extensions in a certificate of version ${String(version)}`);
  }
  const list = outline.extensions === undefined ? [] : readExtensions(outline.extensions);
  const read = <T>(wanted: string, reader: (value: Buffer) => T): T | undefined => {
    const found = list.find(({ identifier }) => identifier === wanted);
    return found === undefined ? undefined : reader(found.value);
  };
  const subject = readDistinguishedName(slice(der, outline.subject));
  const alternativeNames = read(ExtensionId.subjectAltName, readAlternativeNames) ?? [];
  const constrained = constrainedNames(subject, alternativeNames);
  return {
    der,
    subjectPublicKeyInfo: slice(der, outline.publicKey),
    version,
    subject: nameText(subject),
    issuer: nameText(readDistinguishedName(slice(der, outline.issuer))),
    ...readValidity(outline.validity),
    signed: slice(der, outline.tbs),
    signatureAlgorithm,
    signature: bitString(der, outline.signature),
    dnsPatterns: constrained
      .map((name) => (name.kind === 'dns' ? name.pattern : undefined))
      .filter((pattern) => pattern !== undefined),
    basicConstraints: read(ExtensionId.basicConstraints, readBasicConstraints),
    keyUsage: read(ExtensionId.keyUsage, readKeyUsage),
    extendedKeyUsage: read(ExtensionId.extendedKeyUsage, readExtendedKeyUsage),
    nameConstraints: read(ExtensionId.nameConstraints, readNameConstraints),
    constrainedNames: constrained,
    subjectKeyIdentifier: read(ExtensionId.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyIdentifier: read(ExtensionId.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    hasUnknownCritical: list.some(({ identifier, isCritical }) => isCritical && !processed.has(identifier)),
  };
}

/** Version ::= INTEGER { v1(0), v2(1), v3(2) } */
function readVersion(der: Buffer, element: DerElement): 1 | 2 | 3 {
  const tagged = new DerReader(der, element.contentStart, element.end);
  const octets = tagged.unsigned('version');
  tagged.finish('the version');
  const value = octets.length === 1 ? octets[0] : undefined;
  if (value === 1) return 2;
  if (value === 2) return 3;
  // DER leaves out the default, which is version 1; it is harmless where it is written.
  if (value === 0) return 1;
  throw new CertificateFormatError('a version of certificate that does not exist');
}

function readValidity(dates: DerReader): CertificateValidity {
  const notBeforeMs = readTime(dates);
  const notAfterMs = readTime(dates);
  dates.finish('the validity');
  return { notBeforeMs, notAfterMs };
}

/** UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5 leaves of each. */
function readTime(dates: DerReader): number {
  const isUtcTime = dates.isNext(DerTag.utcTime);
  const tag = isUtcTime ? DerTag.utcTime : DerTag.generalizedTime;
  const digits = dates.content(tag, 'date').toString('latin1');
  // RFC 5280 section 4.1.2.5.1: two digits of the year from 50 on are of the last century.
  const text = isUtcTime ? (digits >= '50' ? '19' : '20') + digits : digits;
  const fields = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (fields === null) throw new CertificateFormatError('a date that RFC 5280 does not know');
  const [year, month, ...rest] = fields.slice(1);
  const iso = `${String(year)}-${String(month)}-${String(rest[0])}T${rest.slice(1).join(':')}.000Z`;
  const time = Date.parse(iso);
  // Date.parse takes 24:00:00 and some engines 30 February; the way back shows it.
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso) {
    throw new CertificateFormatError('a date that does not exist');
  }
  return time;
}

/** The octets of a BIT STRING that has whole octets. */
function bitString(der: Buffer, element: DerElement): Buffer {
  if (der[element.contentStart] !== 0 || element.end === element.contentStart) {
    throw new CertificateFormatError('a signature that is not whole octets');
  }
  return der.subarray(element.contentStart + 1, element.end);
}

function slice(octets: Buffer, element: DerElement): Buffer {
  return octets.subarray(element.start, element.end);
}

function printable(octets: Buffer): string {
  const text = octets
    .subarray(0, maxPrintedLength)
    .toString('latin1')
    .replace(/[^\x21-\x7e]|\\/g, (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return octets.length > maxPrintedLength ? `${text}…` : text;
}
