/**
 * What danced wants to know of an X.509 certificate (RFC 5280 section 4.1), read from its octets: the exact
 * SubjectPublicKeyInfo, which a TLSA record with selector SPKI hashes (RFC 6698 section 2.1.2), the names, the dates.
 *
 * The octets are walked, not decoded: nothing is re-encoded, so that key types which node:crypto does not know
 * work too, and what is hashed is what the peer sent.
 *
 * Limitations: no signature is verified and no path is built; with DANE-EE none is needed (RFC 7671 section 5.1).
 * Extensions other than subjectAltName are passed over, critical or not.
 */
import type { Name } from '../dns/name.ts';
import { DerReader, DerTag } from './der.ts';
import type { DerElement } from './der.ts';
import { nameFromDnsName } from './dns-name.ts';
import { CertificateFormatError } from './errors.ts';

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

/** Bounds on what a certificate may hold; one that has more is refused, so that no peer can buy our time. */
export const certificateLimits = {
  /** Octets. A chain of RSA-4096 certificates has a few thousand; TLS itself would carry 16 MiB. */
  certificateOctets: 65_536,
  /** Extensions. Certificates have some ten. */
  extensions: 64,
  /** Names of any kind in subjectAltName. Public CAs stop at 100 to 250; a DNS server needs one. */
  alternativeNames: 256,
} as const;

const contextVersion = 0xa0;
const contextIssuerUniqueId = 0x81;
const contextSubjectUniqueId = 0x82;
const contextExtensions = 0xa3;
/** GeneralName's choices 0 to 8; [2], a dNSName, is primitive (RFC 5280 section 4.2.1.6). */
const generalNameTags: ReadonlySet<number> = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88]);
const contextDnsName = 0x82;
/** 2.5.29.17, id-ce-subjectAltName. */
const subjectAltName = '551d11';
const maxPrintedLength = 80;

/** The DER of SubjectPublicKeyInfo, a view of the certificate's octets. Throws CertificateFormatError. */
export function subjectPublicKeyInfo(certificateDer: Buffer): Buffer {
  const { publicKey } = walk(certificateDer);
  return certificateDer.subarray(publicKey.start, publicKey.end);
}

/** Throws CertificateFormatError unless the octets are exactly one SubjectPublicKeyInfo (a raw public key, RFC 7250). */
export function checkSubjectPublicKeyInfo(der: Buffer): void {
  const whole = new DerReader(der);
  checkPublicKey(whole.enter(DerTag.sequence, 'subjectPublicKeyInfo'));
  whole.finish('the public key');
}

/** The dNSNames of subjectAltName; the common name of the subject is never read. Throws CertificateFormatError. */
export function dnsNames(certificateDer: Buffer): CertificateNames {
  const { extensions } = walk(certificateDer);
  const encoded = extensions === undefined ? undefined : findSubjectAltName(extensions);
  return encoded === undefined ? { names: [], invalid: [] } : readAlternativeNames(encoded);
}

/** The dates of the certificate. DANE-EE ignores them (RFC 7671 section 5.1). Throws CertificateFormatError. */
export function validity(certificateDer: Buffer): CertificateValidity {
  const dates = walk(certificateDer).validity;
  const notBeforeMs = readTime(dates);
  const notAfterMs = readTime(dates);
  dates.finish('the validity');
  return { notBeforeMs, notAfterMs };
}

interface CertificateParts {
  readonly publicKey: DerElement;
  readonly validity: DerReader;
  readonly extensions: DerReader | undefined;
}

/** Certificate and TBSCertificate, RFC 5280 section 4.1, element by element. */
function walk(octets: Buffer): CertificateParts {
  if (octets.length > certificateLimits.certificateOctets) {
    throw new CertificateFormatError('the certificate is too long');
  }
  const whole = new DerReader(octets);
  const certificate = whole.enter(DerTag.sequence, 'certificate');
  // What follows the certificate is not of it; a hash over both would be of nothing that anybody published.
  whole.finish('the certificate');
  const tbs = certificate.enter(DerTag.sequence, 'tbsCertificate');
  certificate.read(DerTag.sequence, 'signatureAlgorithm');
  certificate.read(DerTag.bitString, 'signature');
  certificate.finish('the signature');

  if (tbs.isNext(contextVersion)) tbs.readAny();
  tbs.read(DerTag.integer, 'serial number');
  tbs.read(DerTag.sequence, 'signature algorithm');
  tbs.read(DerTag.sequence, 'issuer');
  const dates = tbs.enter(DerTag.sequence, 'validity');
  tbs.read(DerTag.sequence, 'subject');
  const publicKey = tbs.read(DerTag.sequence, 'subjectPublicKeyInfo');
  checkPublicKey(tbs.inside(publicKey));
  if (tbs.isNext(contextIssuerUniqueId)) tbs.readAny();
  if (tbs.isNext(contextSubjectUniqueId)) tbs.readAny();
  let extensions: DerReader | undefined;
  if (tbs.isNext(contextExtensions)) {
    const tagged = tbs.enter(contextExtensions, 'extensions');
    extensions = tagged.enter(DerTag.sequence, 'list of extensions');
    tagged.finish('the extensions');
  }
  tbs.finish('tbsCertificate');
  return { publicKey, validity: dates, extensions };
}

/** SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING } */
function checkPublicKey(publicKey: DerReader): void {
  publicKey.read(DerTag.sequence, 'algorithm of the public key');
  publicKey.read(DerTag.bitString, 'public key');
  publicKey.finish('the public key');
}

/** The content of the subjectAltName extension, DER in an octet string. */
function findSubjectAltName(extensions: DerReader): Buffer | undefined {
  const seen = new Set<string>();
  let found: Buffer | undefined;
  while (!extensions.atEnd) {
    const extension = extensions.enter(DerTag.sequence, 'extension');
    const identifier = extension.content(DerTag.objectIdentifier, 'extension identifier').toString('hex');
    if (extension.isNext(DerTag.boolean)) extension.readAny();
    const value = extension.content(DerTag.octetString, 'extension value');
    extension.finish('an extension');
    // RFC 5280 section 4.2: at most once each. Of two lists of names, two readers might take one each.
    if (seen.has(identifier)) throw new CertificateFormatError('the certificate has an extension twice');
    seen.add(identifier);
    if (seen.size > certificateLimits.extensions) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.extensions)} extensions`);
    }
    if (identifier === subjectAltName) found = value;
  }
  return found;
}

function readAlternativeNames(encoded: Buffer): CertificateNames {
  const whole = new DerReader(encoded);
  const list = whole.enter(DerTag.sequence, 'list of names');
  whole.finish('the list of names');
  const names: Name[] = [];
  const invalid: string[] = [];
  for (let count = 1; !list.atEnd; count++) {
    if (count > certificateLimits.alternativeNames) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.alternativeNames)} names`);
    }
    const element = list.readAny();
    if (!generalNameTags.has(element.tag)) throw new CertificateFormatError('a name of an unknown kind');
    if (element.tag !== contextDnsName) continue;
    const octets = encoded.subarray(element.contentStart, element.end);
    const name = nameFromDnsName(octets);
    if (name === undefined) invalid.push(printable(octets));
    else names.push(name);
  }
  return { names, invalid };
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

function printable(octets: Buffer): string {
  const text = octets
    .subarray(0, maxPrintedLength)
    .toString('latin1')
    .replace(/[^\x21-\x7e]|\\/g, (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return octets.length > maxPrintedLength ? `${text}…` : text;
}
