/**
 * Distinguished names (RFC 5280 section 4.1.2.4), made comparable. RFC 5280 section 7.1: names are compared after preparing
 * their strings, so that "Example CA" as PrintableString and "example  ca" as UTF8String are one name.
 *
 * Prepared are: the kind of string, the case of ASCII letters, spaces at the ends and runs of spaces (as OpenSSL does).
 *
 * Limitations: no Unicode normalization and no case folding beyond ASCII (RFC 4518): names that differ in these differ
 * here. Whether one certificate issued another is decided by the signature, so the worst is a path that is not found;
 * the same holds for an excluded subtree that a CA writes in another form than its own certificates.
 */
import { DerReader, DerTag } from './der.ts';
import { CertificateFormatError } from './errors.ts';

/** The relative distinguished names, from the root down; two are the same name if their texts are equal. */
export type DistinguishedName = readonly string[];

const tags = {
  utf8: 0x0c,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  visible: 0x1a,
  universal: 0x1c,
  bmp: 0x1e,
};
/** 1.2.840.113549.1.9.1, the old place for a mailbox (RFC 5280 section 4.1.2.6). */
const emailAddress = '2a864886f70d010901';

/** Reads the DER of a Name. Throws CertificateFormatError. */
export function readDistinguishedName(der: Buffer): DistinguishedName {
  const whole = new DerReader(der);
  const sequence = whole.enter(DerTag.sequence, 'name');
  whole.finish('the name');
  const names: string[] = [];
  while (!sequence.atEnd) {
    const set = sequence.enter(DerTag.set, 'relative name');
    const attributes: string[] = [];
    while (!set.atEnd) attributes.push(readAttribute(der, set));
    if (attributes.length === 0) throw new CertificateFormatError('a name with an empty part');
    names.push(prefixed(attributes.sort().map(prefixed).join('')));
  }
  return names;
}

/** One text for the whole name. */
export function nameText(name: DistinguishedName): string {
  return name.join('');
}

/** Whether `name` is `base` or below it. */
export function isNameWithin(name: DistinguishedName, base: DistinguishedName): boolean {
  return base.length <= name.length && base.every((part, index) => part === name[index]);
}

/** Whether a mailbox stands in the name, where constraints on mailboxes apply to it. */
export function hasMailbox(name: DistinguishedName): boolean {
  return name.some((part) => part.includes(`${emailAddress}=`));
}

/** AttributeTypeAndValue. */
function readAttribute(der: Buffer, set: DerReader): string {
  const attribute = set.enter(DerTag.sequence, 'attribute of a name');
  const type = attribute.content(DerTag.objectIdentifier, 'type of an attribute').toString('hex');
  const value = attribute.readAny();
  attribute.finish('an attribute');
  return `${type}=${prepare(value.tag, der.subarray(value.contentStart, value.end))}`;
}

/** The value as octets of UTF-8, one character each, if it is a string; else tag and octets as they are. */
function prepare(tag: number, octets: Buffer): string {
  const text = decode(tag, octets);
  if (text === undefined) return `${String(tag)}#${octets.toString('hex')}`;
  return text
    .replace(/[\t-\r ]+/g, ' ')
    .replace(/^ | $/g, '')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function decode(tag: number, octets: Buffer): string | undefined {
  switch (tag) {
    case tags.utf8:
    case tags.printable:
    case tags.ia5:
    case tags.visible:
      // Octet by octet: a decoder would give two broken strings the same replacement characters.
      return octets.toString('latin1');
    case tags.teletex:
      return asUtf8(octets.toString('latin1'));
    case tags.bmp:
      return octets.length % 2 === 0 ? asUtf8(Buffer.from(octets).swap16().toString('utf16le')) : undefined;
    case tags.universal:
      return decodeUniversal(octets);
    default:
      return undefined;
  }
}

function decodeUniversal(octets: Buffer): string | undefined {
  if (octets.length % 4 !== 0) return undefined;
  let text = '';
  for (let offset = 0; offset < octets.length; offset += 4) {
    const point = octets.readUInt32BE(offset);
    if (point > 0x10ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return asUtf8(text);
}

function asUtf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** With its length before it, so that texts joined to one another have one reading. */
function prefixed(text: string): string {
  return `${String(text.length)}:${text}`;
}
