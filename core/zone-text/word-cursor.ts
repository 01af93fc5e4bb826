/**
 * Reads the words of a zone file (RFC 1035 section 5.1) as octets, and writes what they mean as octets of the wire: numbers,
 * names and types here, data in data-cursor.ts. Every method takes one word or the last words of an entry, and goes on to the
 * next word; what it does not know for sure it leaves alone (false, or -1), and the careful reader of core/dns decides.
 *
 * After the last octet of what is read stands a 0, which no word has in it: it ends every loop here.
 *
 * Limitations: no escapes; numbers in digits only; it never says what is wrong.
 */
import { blank, folded, Octet, plain, typeOfMnemonic, wordEnd } from './octet-tables.ts';

/** RFC 1035 section 2.3.4. */
const maxNameOctets = 255;
const maxLabelOctets = 63;
/** RFC 1035 section 3.2.1: RDLENGTH has two octets. */
export const maxRdataOctets = 0xffff;
/** Room for one of the two owner names at the beginning of `out`. */
export const ownerOctets = 256;
/** Where RDATA begins in `out`. */
export const rdataStart = 2 * ownerOctets;
/** An RDATA may be told to be too long only after it was written; then it may lack its end. */
const outOctets = rdataStart + maxRdataOctets + 1024;

/** Behind what is read, so that a few octets can be looked at at once. */
export const slackOctets = 512;

export class WordCursor {
  /** What is read, up to a 0; there is room of `slackOctets` behind it. */
  octets: Buffer = Buffer.alloc(slackOctets);
  /** The same octets. */
  view = viewOf(this.octets);
  at = 0;
  /** Lines that have ended within entries. */
  line = 1;
  /** Within parentheses. */
  isOpen = false;
  /** Owner names at 0 and at `ownerOctets`, RDATA at `rdataStart`. */
  readonly out = Buffer.alloc(outOctets);
  readonly outView = viewOf(this.out);
  outAt = rdataStart;
  /** Of relative names, in wire form. */
  origin: Buffer = Buffer.alloc(1);

  /** Goes to the next word, or to the newline that ends the entry. False for parentheses that do not fit. */
  blanks(): boolean {
    const { octets } = this;
    let { at } = this;
    let octet = octets[at] ?? 0;
    while (octet === Octet.SPACE || octet === Octet.TAB) {
      at += 1;
      octet = octets[at] ?? 0;
    }
    this.at = at;
    return wordEnd[octet] === 0 || this.#otherBlanks();
  }

  /** Comments, and the lines that parentheses make one. */
  #otherBlanks(): boolean {
    const { octets } = this;
    let { at } = this;
    for (;;) {
      const octet = octets[at] ?? 0;
      if (wordEnd[octet] === 0 || (octet === Octet.NEWLINE && !this.isOpen)) break;
      if (octet === Octet.SEMICOLON) {
        at = endOfLine(octets, at);
        continue;
      }
      if (octet === Octet.NEWLINE) {
        this.line += 1;
      } else if (blank[octet] === 0) {
        if (this.isOpen === (octet === Octet.OPEN)) return false;
        this.isOpen = octet === Octet.OPEN;
      }
      at += 1;
    }
    this.at = at;
    return true;
  }

  get isAtEnd(): boolean {
    return this.octets[this.at] === Octet.NEWLINE;
  }

  /** A whole number up to `max`; -1 for what is none. */
  number(max: number): number {
    const { octets } = this;
    const start = this.at;
    let at = start;
    let value = 0;
    for (;;) {
      const digit = (octets[at] ?? 0) - Octet.ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at += 1;
    }
    if (at === start || at > start + 10 || value > max || wordEnd[octets[at] ?? 0] === 0) return -1;
    this.at = at;
    return this.blanks() ? value : -1;
  }

  /** A whole number of at most `octets` octets, written to `out`. */
  unsigned8(): boolean {
    const value = this.number(0xff);
    this.out[this.outAt] = value;
    this.outAt += 1;
    return value >= 0;
  }

  unsigned16(): boolean {
    const value = this.number(0xffff);
    this.put16(value);
    return value >= 0;
  }

  unsigned32(): boolean {
    const value = this.number(0xffff_ffff);
    this.put32(value);
    return value >= 0;
  }

  put16(value: number): void {
    this.outView.setUint16(this.outAt, value);
    this.outAt += 2;
  }

  put32(value: number): void {
    this.outView.setUint32(this.outAt, value);
    this.outAt += 4;
  }

  /** A name, completed with the origin if it is relative, written to `out`. */
  name(): boolean {
    const end = this.nameHere();
    if (end < 0) return false;
    this.at = end;
    return this.blanks();
  }

  /** The same, but the cursor stays where it is: gives where the word ends, -1 for what is no plain name. */
  nameHere(): number {
    const { octets, out } = this;
    const start = this.outAt;
    let { at } = this;
    let lengthAt = start;
    let to = start + 1;
    for (;;) {
      const octet = octets[at] ?? 0;
      // Most octets are small letters.
      if ((octet > 0x60 && octet < 0x7b) || plain[octet] === 1) {
        out[to] = octet;
        to += 1;
      } else if (octet === Octet.DOT) {
        const length = to - lengthAt - 1;
        if (length > maxLabelOctets || length === 0) {
          // The root alone is a dot without a label before it.
          if (length !== 0 || to !== start + 1 || wordEnd[octets[at + 1] ?? 0] === 0) return -1;
          at += 1;
          break;
        }
        out[lengthAt] = length;
        lengthAt = to;
        to += 1;
      } else {
        break;
      }
      at += 1;
    }
    const length = to - lengthAt - 1;
    if (octets[at] === Octet.AT && at === this.at) {
      at += 1;
      to = this.#complete(start);
    } else if (length > 0) {
      if (length > maxLabelOctets) return -1;
      out[lengthAt] = length;
      to = this.#complete(to);
    } else {
      // After a dot.
      if (at === this.at) return -1;
      out[lengthAt] = 0;
    }
    if (wordEnd[octets[at] ?? 0] === 0 || to - start > maxNameOctets) return -1;
    this.outAt = to;
    return at;
  }

  #complete(from: number): number {
    const { origin, out } = this;
    for (let index = 0; index < origin.length; index += 1) out[from + index] = origin[index] ?? 0;
    return from + origin.length;
  }

  /** A type, as mnemonic or as TYPEn (RFC 3597 section 5); -1 for what is none. */
  type(): number {
    const { octets } = this;
    const start = this.at;
    let at = start;
    while (plain[octets[at] ?? 0] === 1) at += 1;
    if (wordEnd[octets[at] ?? 0] === 0 || at === start) return -1;
    let type = typeOfMnemonic(octets, start, at);
    if (type < 0) type = numberedType(octets, start, at);
    this.at = at;
    return type >= 0 && this.blanks() ? type : -1;
  }

  /** Whether the word here is `IN`, in any case; goes behind it then. */
  isClassIn(): boolean {
    const { octets, at } = this;
    if (folded[octets[at] ?? 0] !== 0x69 || folded[octets[at + 1] ?? 0] !== 0x6e) return false;
    if (wordEnd[octets[at + 2] ?? 0] === 0) return false;
    this.at = at + 2;
    return true;
  }

  /** Whether the word here is that text, of `length` octets; both have slack behind them. */
  isWord(text: DataView, length: number): boolean {
    const { view, at } = this;
    let index = 0;
    for (; index + 4 <= length; index += 4) {
      if (view.getInt32(at + index) !== text.getInt32(index)) return false;
    }
    for (; index < length; index += 1) {
      if (view.getUint8(at + index) !== text.getUint8(index)) return false;
    }
    return wordEnd[view.getUint8(at + length)] === 1;
  }

  /** What is to be read. */
  use(octets: Buffer): void {
    this.octets = octets;
    this.view = viewOf(octets);
  }
}

export function viewOf(octets: Buffer): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}

/** The newline after `at`, or a 0 that comes before it. */
export function endOfLine(octets: Buffer, at: number): number {
  let end = at;
  for (;;) {
    const octet = octets[end] ?? 0;
    if (octet === Octet.NEWLINE || octet === 0) return end;
    end += 1;
  }
}

/** Whether the name in wire form at `start` is `apex`, which is small, or below. */
export function isWithin(octets: Buffer, start: number, end: number, apex: Buffer): boolean {
  const cut = end - apex.length;
  let at = start;
  while (at < cut) at += (octets[at] ?? 0) + 1;
  if (at !== cut) return false;
  for (let index = 0; index < apex.length; index += 1) {
    if (folded[octets[cut + index] ?? 0] !== apex[index]) return false;
  }
  return true;
}

/** TYPEn without leading zeros; -1 for what is none. */
function numberedType(octets: Buffer, start: number, end: number): number {
  const first = octets[start + 4] ?? 0;
  if (end - start < 5 || end - start > 9 || (first === Octet.ZERO && end - start > 5)) return -1;
  for (let index = 0; index < 4; index += 1) {
    if (folded[octets[start + index] ?? 0] !== typeWord.charCodeAt(index)) return -1;
  }
  let type = 0;
  for (let at = start + 4; at < end; at += 1) {
    const digit = (octets[at] ?? 0) - Octet.ZERO;
    if (digit < 0 || digit > 9) return -1;
    type = type * 10 + digit;
  }
  return type <= 0xffff ? type : -1;
}

const typeWord = 'type';
