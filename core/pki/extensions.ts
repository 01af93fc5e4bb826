/**
 * The extensions that decide about a certification path (RFC 5280 section 4.2), each from the DER of its value.
 * All functions throw CertificateFormatError for what is not DER of the right shape.
 *
 * Limitations: nothing here reads policies or revocation; nameConstraints are in name-constraints.ts.
 */
import { certificateLimits } from './certificate-walk.ts';
import { DerReader, DerTag } from './der.ts';
import { CertificateFormatError } from './errors.ts';
import { NameForm, readGeneralName, readGeneralNameElement } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

/** Extensions by the content of their object identifiers, in hexadecimal. */
export const ExtensionId = {
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  policyMappings: '551d21',
  authorityKeyIdentifier: '551d23',
  extendedKeyUsage: '551d25',
  inhibitAnyPolicy: '551d36',
} as const;

/** The bits of keyUsage (RFC 5280 section 4.2.1.3) that matter here, by their number. */
export const KeyUsage = { digitalSignature: 0, keyCertSign: 5 } as const;

/** Purposes of extendedKeyUsage (RFC 5280 section 4.2.1.12): id-kp-clientAuth and id-kp-serverAuth. */
export const KeyPurpose = { client: '2b06010505070302', server: '2b06010505070301' } as const;

export interface BasicConstraints {
  readonly isCa: boolean;
  /** Without one any number of intermediate certificates may follow. */
  readonly pathLength: number | undefined;
}

/** RFC 5280 section 4.2.1.9. */
export function readBasicConstraints(value: Buffer): BasicConstraints {
  const sequence = enterWhole(value, 'basicConstraints');
  const isCa = sequence.isNext(DerTag.boolean) && sequence.boolean('cA');
  let pathLength: number | undefined;
  if (sequence.isNext(DerTag.integer)) {
    const octets = sequence.unsigned('pathLenConstraint');
    // More than four octets of length are no limit to any path that is built.
    pathLength = octets.length > 4 ? Infinity : octets.readUIntBE(0, octets.length);
  }
  sequence.finish('basicConstraints');
  return { isCa, pathLength };
}

/** The numbers of the bits that are set. */
export function readKeyUsage(value: Buffer): ReadonlySet<number> {
  const whole = new DerReader(value);
  const [unused = 8, ...octets] = whole.content(DerTag.bitString, 'keyUsage');
  whole.finish('keyUsage');
  if (unused > 7 || octets.length > 2)
    throw new CertificateFormatError('keyUsage that RFC 5280 does not know');
  const bits = new Set<number>();
  for (const [index, octet] of octets.entries()) {
    for (let bit = 0; bit < 8; bit++) if (((octet << bit) & 0x80) !== 0) bits.add(index * 8 + bit);
  }
  return bits;
}

/** The purposes, each the content of its object identifier in hexadecimal. */
export function readExtendedKeyUsage(value: Buffer): ReadonlySet<string> {
  const sequence = enterWhole(value, 'extendedKeyUsage');
  const purposes = new Set<string>();
  for (let count = 0; !sequence.atEnd; count++) {
    if (count === certificateLimits.purposes) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.purposes)} purposes`);
    }
    purposes.add(sequence.content(DerTag.objectIdentifier, 'purpose').toString('hex'));
  }
  return purposes;
}

/** Every name in subjectAltName, in order. */
export function readAlternativeNames(value: Buffer): GeneralName[] {
  return readNames(value, (list) => readGeneralName(value, list));
}

/** The octets of every dNSName in subjectAltName, in order; names of the other forms are not looked into. */
export function readDnsNames(value: Buffer): Buffer[] {
  return readNames(value, readGeneralNameElement)
    .filter(({ tag }) => tag === NameForm.dns)
    .map(({ contentStart, end }) => value.subarray(contentStart, end));
}

function readNames<T>(value: Buffer, readName: (list: DerReader) => T): T[] {
  const list = enterWhole(value, 'list of names');
  const names: T[] = [];
  while (!list.atEnd) {
    if (names.length === certificateLimits.alternativeNames) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.alternativeNames)} names`);
    }
    names.push(readName(list));
  }
  return names;
}

/** RFC 5280 section 4.2.1.2, in hexadecimal. */
export function readSubjectKeyIdentifier(value: Buffer): string {
  const whole = new DerReader(value);
  const identifier = whole.content(DerTag.octetString, 'subjectKeyIdentifier');
  whole.finish('subjectKeyIdentifier');
  return identifier.toString('hex');
}

const contextKeyIdentifier = 0x80;

/** The key identifier in authorityKeyIdentifier (RFC 5280 section 4.2.1.1), in hexadecimal. */
export function readAuthorityKeyIdentifier(value: Buffer): string | undefined {
  const sequence = enterWhole(value, 'authorityKeyIdentifier');
  if (!sequence.isNext(contextKeyIdentifier)) return undefined;
  return sequence.content(contextKeyIdentifier, 'key identifier').toString('hex');
}

function enterWhole(value: Buffer, what: string): DerReader {
  const whole = new DerReader(value);
  const sequence = whole.enter(DerTag.sequence, what);
  whole.finish(what);
  return sequence;
}
