/**
 * GeneralNames (RFC 5280 section 4.2.1.6): the names in subjectAltName, and, as bases of subtrees, in nameConstraints.
 *
 * Limitations: of the nine forms dNSName, directoryName and iPAddress are read; of the others only the form is kept,
 * which is enough to know that a constraint applies to a name and cannot be judged.
 */
import type { DerElement, DerReader } from './der.ts';
import { readDistinguishedName } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { CertificateFormatError } from './errors.ts';

/** A name. Names of one form, which is its tag, are what a constraint of that form is about. */
export type GeneralName =
  | { readonly kind: 'dns'; readonly form: number; readonly octets: Buffer }
  | { readonly kind: 'ip'; readonly form: number; readonly octets: Buffer }
  | { readonly kind: 'directory'; readonly form: number; readonly name: DistinguishedName }
  | { readonly kind: 'other'; readonly form: number };

/** The forms that are told apart here, by their tags. */
export const NameForm = { mailbox: 0x81, dns: 0x82, directory: 0xa4, ip: 0x87 } as const;

/** GeneralName's choices 0 to 8; [2], a dNSName, is primitive. */
const tags: ReadonlySet<number> = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88]);

/** Moves over the next GeneralName, which must be of one of the nine forms. */
export function readGeneralNameElement(reader: DerReader): DerElement {
  const element = reader.readAny();
  if (!tags.has(element.tag)) throw new CertificateFormatError('a name of an unknown kind');
  return element;
}

/** Moves over the next GeneralName and gives it; `octets` are those that the reader reads. */
export function readGeneralName(octets: Buffer, reader: DerReader): GeneralName {
  const { tag, contentStart, end } = readGeneralNameElement(reader);
  const content = octets.subarray(contentStart, end);
  switch (tag) {
    case NameForm.dns:
      return { kind: 'dns', form: tag, octets: content };
    case NameForm.ip:
      return { kind: 'ip', form: tag, octets: content };
    case NameForm.directory:
      // RFC 5280 appendix A.2: explicitly tagged, since Name is a choice.
      return { kind: 'directory', form: tag, name: readDistinguishedName(content) };
    default:
      return { kind: 'other', form: tag };
  }
}
