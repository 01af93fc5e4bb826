/**
 * Domain names as the octets of the wire (RFC 1035 section 3.1, RFC 2181 section 11), never as text with dots in it:
 * the label `a.b` and the labels `a`, `b` are different names, and any octet may be in a label.
 *
 * Names compare without regard to the case of ASCII letters (RFC 4343) and keep the case they came with.
 *
 * Limitations: no internationalised names; text must be in its ASCII form.
 */
import { DnsFormatError } from './errors.ts';

/** Longest name, in octets of the wire (RFC 1035 section 2.3.4). */
export const maxNameOctets = 255;
/** Longest label, in octets (RFC 1035 section 2.3.4). */
export const maxLabelOctets = 63;

/** A domain name; immutable, absolute. */
export class Name {
  static readonly root = new Name(Buffer.from([0]), 0);

  /** Uncompressed wire form, the root label included; in the case it came with. Not to be written to. */
  readonly wire: Buffer;
  /** Number of labels; the root itself is not counted. */
  readonly labelCount: number;
  #key: string | undefined;

  private constructor(wire: Buffer, labelCount: number) {
    this.wire = wire;
    this.labelCount = labelCount;
  }

  /**
   * Reads presentation format (RFC 1035 section 5.1): `\DDD` and `\X` escapes, the trailing dot optional, `.` the root.
   * What `toString` escapes must be escaped here too. Throws DnsFormatError.
   */
  static parse(text: string): Name {
    if (text === '.') return Name.root;
    const usual = text.length <= maxNameOctets - 2 && isUsualName.test(text) ? wireOfUsual(text) : undefined;
    if (usual !== undefined) return Name.fromWire(usual);
    const labels: Buffer[] = [];
    let label: number[] = [];
    for (let at = 0; at < text.length;) {
      const code = text.charCodeAt(at);
      if (code === DOT) {
        labels.push(Buffer.from(label));
        label = [];
        at += 1;
      } else if (code === BACKSLASH) {
        const escape = parseEscape(text, at);
        label.push(escape.octet);
        at += escape.length;
      } else {
        if (!isPlain(code)) {
          throw new DnsFormatError('a character that must be escaped in a name', { offset: at });
        }
        label.push(code);
        at += 1;
      }
    }
    if (label.length > 0 || labels.length === 0) labels.push(Buffer.from(label));
    return Name.fromLabels(labels);
  }

  /** Reads exactly one uncompressed name; the octets are copied. Throws DnsFormatError. */
  static fromWire(octets: Buffer): Name {
    if (octets.length > maxNameOctets) throw new DnsFormatError('a name of more than 255 octets');
    let labelCount = 0;
    let at = 0;
    for (;;) {
      if (at >= octets.length) throw new DnsFormatError('a name without its end', { offset: at });
      const length = octets.readUInt8(at);
      at += length + 1;
      if (length === 0) break;
      if (length > maxLabelOctets) {
        throw new DnsFormatError('a label of more than 63 octets', { offset: at - length - 1 });
      }
      labelCount += 1;
    }
    if (at !== octets.length) throw new DnsFormatError('octets after a name', { offset: at });
    return labelCount === 0 ? Name.root : new Name(Buffer.from(octets), labelCount);
  }

  /** Makes a name of labels, the leftmost first, without the root label. Throws DnsFormatError. */
  static fromLabels(labels: readonly Buffer[]): Name {
    const parts: Buffer[] = [];
    for (const label of labels) {
      if (label.length === 0) throw new DnsFormatError('an empty label in a name');
      if (label.length > maxLabelOctets) throw new DnsFormatError('a label of more than 63 octets');
      parts.push(Buffer.from([label.length]), label);
    }
    return Name.fromWire(Buffer.concat([...parts, Buffer.from([0])]));
  }

  /** For Map keys and equality: the wire in lower case as latin1, so that two different names never share a key. */
  get key(): string {
    return (this.#key ??= foldCase(this.wire).toString('latin1'));
  }

  labels(): Buffer[] {
    const labels: Buffer[] = [];
    for (let at = 0; at < this.wire.length - 1;) {
      const end = at + 1 + this.wire.readUInt8(at);
      labels.push(this.wire.subarray(at + 1, end));
      at = end;
    }
    return labels;
  }

  /** Presentation format without the trailing dot; the root is `.`. `Name.parse` reads it back. */
  toString(): string {
    if (this.labelCount === 0) return '.';
    let text = '';
    for (let at = 0; at < this.wire.length - 1;) {
      const end = at + 1 + this.wire.readUInt8(at);
      if (at > 0) text += '.';
      text += presentLabel(this.wire.toString('latin1', at + 1, end));
      at = end;
    }
    return text;
  }

  /** Same name but for the case of ASCII letters (RFC 4343 section 3). */
  equals(other: Name): boolean {
    return this.key === other.key;
  }

  isAtOrBelow(ancestor: Name): boolean {
    const depth = this.labelCount - ancestor.labelCount;
    return depth >= 0 && this.key.slice(this.#offsetOfLabel(depth)) === ancestor.key;
  }

  isBelow(ancestor: Name): boolean {
    return this.labelCount > ancestor.labelCount && this.isAtOrBelow(ancestor);
  }

  /** The name without its leftmost label. Throws RangeError for the root, which has none. */
  parent(): Name {
    if (this.labelCount === 0) throw new RangeError('the root has no parent');
    return new Name(this.wire.subarray(this.#offsetOfLabel(1)), this.labelCount - 1);
  }

  /** The name with one more label on the left; a string is taken as ASCII, without escapes. Throws DnsFormatError. */
  prepend(label: string | Buffer): Name {
    return Name.fromLabels([Buffer.from(label), ...this.labels()]);
  }

  /** Canonical order (RFC 4034 section 6.1): negative, 0 or positive. */
  compare(other: Name): number {
    const mine = this.labels();
    const theirs = other.labels();
    for (let back = 1; back <= Math.min(mine.length, theirs.length); back += 1) {
      const a = mine.at(-back);
      const b = theirs.at(-back);
      const order = a !== undefined && b !== undefined ? Buffer.compare(foldCase(a), foldCase(b)) : 0;
      if (order !== 0) return order;
    }
    return mine.length - theirs.length;
  }

  /** The wire with ASCII letters in lower case (RFC 4034 section 6.2). Not to be written to. */
  canonicalWire(): Buffer {
    return foldCase(this.wire);
  }

  #offsetOfLabel(index: number): number {
    let at = 0;
    for (let skipped = 0; skipped < index; skipped += 1) at += this.wire.readUInt8(at) + 1;
    return at;
  }
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/**
 * Lower-cases A to Z only (RFC 4343 section 3.2); length octets are below 64, so they never look like a letter. The octets
 * themselves come back if there is no such letter.
 */
function foldCase(octets: Buffer): Buffer {
  let folded = octets;
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets.readUInt8(at);
    if (octet < 0x41 || octet > 0x5a) continue;
    if (folded === octets) folded = Buffer.from(octets);
    folded[at] = octet + 0x20;
  }
  return folded;
}

/** Printable, and without a meaning of its own in a zone file (RFC 1035 section 5.1). */
function isPlain(code: number): boolean {
  return code > 0x20 && code < 0x7f && !'"().;@$\\'.includes(String.fromCharCode(code));
}

/** What most labels are made of; nothing of it is escaped. */
const hasOnlyUsual = /^[\w-]*$/;
/** Labels of that and nothing else, with dots between. */
const isUsualName = /^[\w-]+(?:\.[\w-]+)*$/;

/** The wire form of a name without escapes and without the trailing dot; undefined if a label is too long. */
function wireOfUsual(text: string): Buffer | undefined {
  // Each label's length octet is where the dot before it was.
  const wire = Buffer.from(`.${text}\0`, 'latin1');
  for (let start = 0; start < wire.length - 1;) {
    const dot = wire.indexOf(DOT, start + 1);
    const end = dot === -1 ? wire.length - 1 : dot;
    if (end - start - 1 > maxLabelOctets) return undefined;
    wire[start] = end - start - 1;
    start = end;
  }
  return wire;
}

/** A label's octets are given as latin1. */
function presentLabel(label: string): string {
  if (hasOnlyUsual.test(label)) return label;
  let text = '';
  for (const octet of Buffer.from(label, 'latin1')) {
    if (isPlain(octet)) text += String.fromCharCode(octet);
    else if (octet > 0x20 && octet < 0x7f) text += '\\' + String.fromCharCode(octet);
    else text += '\\' + String(octet).padStart(3, '0');
  }
  return text;
}

function parseEscape(text: string, at: number): { octet: number; length: number } {
  const digits = /^[0-9]{3}$/.exec(text.slice(at + 1, at + 4))?.[0];
  if (digits !== undefined && Number(digits) <= 255) return { octet: Number(digits), length: 4 };
  const code = text.charCodeAt(at + 1);
  const isDigit = code >= 0x30 && code <= 0x39;
  if (!(code > 0x20 && code < 0x7f) || isDigit) {
    throw new DnsFormatError('a bad escape in a name: it is \\DDD up to \\255 or \\ and a character', {
      offset: at,
    });
  }
  return { octet: code, length: 2 };
}
