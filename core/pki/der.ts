/**
 * Reading DER (ITU-T X.690 section 10): a cursor over tag, length and content, for octets that a peer sent.
 *
 * Strict where BER is lax: definite lengths only, in the fewest octets, and no element may pass the end of the one
 * that holds it. The reader never copies and never recurses by itself: whoever reads says which tag must come next.
 *
 * Limitations: tag numbers above 30 are refused (certificates have none outside of opaque octet strings); the content
 * of primitive types is the caller's matter.
 */
import { CertificateFormatError } from './errors.ts';

/** Identifier octets used in certificates. Context-specific tags are written out where they are read. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Elements may lie this deep in one another. The deepest thing read here, a dNSName, lies at depth 7. */
export const maxDerDepth = 12;

/** Where one element lies in the octets. */
export interface DerElement {
  readonly tag: number;
  /** Offset of the identifier octet. */
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

const highTagNumber = 0x1f;
const longForm = 0x80;
// Three length octets reach 16 MiB, more than TLS can carry in a certificate (RFC 8446 section 4.4.2).
const maxLengthOctets = 3;

/** A cursor over the elements that follow one another in a range of octets. */
export class DerReader {
  readonly #octets: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #offset: number;

  constructor(octets: Buffer, start = 0, end = octets.length, depth = 0) {
    if (depth > maxDerDepth) throw new CertificateFormatError('DER elements are nested too deeply');
    this.#octets = octets;
    this.#offset = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** Whether all elements of the range have been read. */
  get atEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** Whether the next element has this tag; false at the end. */
  isNext(tag: number): boolean {
    return this.#offset < this.#end && this.#octets[this.#offset] === tag;
  }

  /** Moves over the next element, whatever its tag. Throws CertificateFormatError if it is not whole or not DER. */
  readAny(): DerElement {
    const start = this.#offset;
    const tag = this.#readOctet();
    if ((tag & highTagNumber) === highTagNumber) throw this.#wrong('a tag number above 30');
    const length = this.#readLength();
    const contentStart = this.#offset;
    const end = contentStart + length;
    if (end > this.#end) throw this.#wrong('an element that passes the end of the one around it');
    this.#offset = end;
    return { tag, start, contentStart, end };
  }

  /** Moves over the next element, which must have this tag. */
  read(tag: number, what: string): DerElement {
    if (!this.isNext(tag)) throw this.#wrong(`no ${what}`);
    return this.readAny();
  }

  /** Moves over the next element, which must have this tag, and gives its content. */
  content(tag: number, what: string): Buffer {
    const element = this.read(tag, what);
    return this.#octets.subarray(element.contentStart, element.end);
  }

  /** Moves over the next element, which must have this tag, and gives a reader of what lies in it. */
  enter(tag: number, what: string): DerReader {
    return this.inside(this.read(tag, what));
  }

  /** Moves over the next element, a BOOLEAN. X.690 section 11.1: TRUE has one encoding in DER. */
  boolean(what: string): boolean {
    const octets = this.content(DerTag.boolean, what);
    if (octets.length !== 1 || (octets[0] !== 0 && octets[0] !== 0xff)) throw this.#wrong(`no ${what}`);
    return octets[0] === 0xff;
  }

  /** Moves over the next element, an INTEGER, and gives its content without a leading zero; none is negative here. */
  unsigned(what: string): Buffer {
    const octets = this.content(DerTag.integer, what);
    const [first = 0x80, second = 0] = octets;
    // X.690 section 8.3.2: in the fewest octets, in two's complement.
    if (first >= 0x80 || (first === 0 && octets.length > 1 && second < 0x80)) {
      throw this.#wrong(`a ${what} that is negative or not in its shortest form`);
    }
    return first === 0 && octets.length > 1 ? octets.subarray(1) : octets;
  }

  /** A reader of what lies in an element that was read before. */
  inside(element: DerElement): DerReader {
    return new DerReader(this.#octets, element.contentStart, element.end, this.#depth + 1);
  }

  /** Throws CertificateFormatError unless everything has been read. */
  finish(what: string): void {
    if (!this.atEnd) throw this.#wrong(`octets after the end of ${what}`);
  }

  #readLength(): number {
    const first = this.#readOctet();
    if (first < longForm) return first;
    const count = first - longForm;
    // X.690 section 10.1: DER has definite lengths only.
    if (count === 0) throw this.#wrong('an indefinite length');
    if (count > maxLengthOctets) throw this.#wrong('an impossible length');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#readOctet();
    // X.690 section 10.1: in the fewest octets. One value must not have two encodings.
    const fewest = length < longForm ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    if (count !== fewest) throw this.#wrong('a length that is not in its shortest form');
    return length;
  }

  #readOctet(): number {
    const octet = this.#offset < this.#end ? this.#octets[this.#offset] : undefined;
    if (octet === undefined) throw this.#wrong('an element that is cut off');
    this.#offset++;
    return octet;
  }

  #wrong(what: string): CertificateFormatError {
    return new CertificateFormatError(
      `not a certificate or public key: ${what} at octet ${String(this.#offset)}`,
    );
  }
}
