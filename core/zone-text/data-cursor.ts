/**
 * Reads the data of records in a zone file as octets: base 64, 32 and 16 (RFC 4648), character strings (RFC 1035 section 3.3), and
 * times of signatures (RFC 4034 section 3.2). As word-cursor.ts does: false for what is not plain, and only what one text stands
 * for is taken.
 */
import { nibbles, none, Octet, quintets, sextetPairs, sextets, wordEnd } from './octet-tables.ts';
import { WordCursor } from './word-cursor.ts';

/** All signatures of a zone have few dates. */
const dateSlots = 16;

export class DataCursor extends WordCursor {
  /** Days since 1970 of the last dates that were met. */
  readonly #dates = new Int32Array(dateSlots).fill(-1);
  readonly #days = new Int32Array(dateSlots);

  /** The rest of the entry as base 64, written to `out`. */
  base64(): boolean {
    const { view, outView } = this;
    let { at, outAt } = this;
    if (view.getUint8(at) === Octet.NEWLINE) return false;
    for (;;) {
      const four = view.getInt32(at);
      const first = sextetPairs[four >>> 16] ?? none;
      const second = sextetPairs[four & 0xffff] ?? none;
      if ((first | second) < 1 << 12) {
        // The fourth octet is written over by the next.
        outView.setInt32(outAt, (first << 20) | (second << 8));
        at += 4;
        outAt += 3;
        continue;
      }
      this.at = at;
      this.outAt = outAt;
      if (wordEnd[view.getUint8(at)] === 0) return this.#lastOfBase64();
      if (!this.blanks()) return false;
      if (this.isAtEnd) return true;
      at = this.at;
    }
  }

  /** Base 64 whose groups of four are cut by blanks, and its end. Only what one text stands for is taken. */
  #lastOfBase64(): boolean {
    const { octets, out } = this;
    let held = 0;
    let count = 0;
    let padding = 0;
    for (;;) {
      const octet = octets[this.at] ?? 0;
      const value = sextets[octet] ?? none;
      if (value !== none && padding === 0) {
        held = (held << 6) | value;
        count += 1;
        this.at += 1;
        if (count < 4) continue;
        out[this.outAt] = held >> 16;
        out[this.outAt + 1] = held >> 8;
        out[this.outAt + 2] = held;
        this.outAt += 3;
        held = 0;
        count = 0;
      } else if (octet === Octet.EQUALS) {
        padding += 1;
        this.at += 1;
      } else {
        if (wordEnd[octet] === 0 || !this.blanks()) return false;
        if (this.isAtEnd) break;
      }
    }
    if (count === 0) return padding === 0;
    // Whole octets only, and what is left over is 0.
    if (count === 1 || count + padding !== 4 || (held & (count === 2 ? 0x0f : 0x03)) !== 0) return false;
    held <<= 6 * padding;
    out[this.outAt] = held >> 16;
    out[this.outAt + 1] = held >> 8;
    this.outAt += count - 1;
    return true;
  }

  /** The rest of the entry as base 16, of at least one octet, written to `out`. */
  hex(): boolean {
    const { octets, out } = this;
    let { at, outAt } = this;
    let held = none;
    if (octets[at] === Octet.NEWLINE) return false;
    for (;;) {
      const octet = octets[at] ?? 0;
      const value = nibbles[octet] ?? none;
      at += 1;
      if (value === none) {
        this.at = at - 1;
        if (wordEnd[octet] === 0 || !this.blanks()) return false;
        if (this.isAtEnd) break;
        at = this.at;
      } else if (held === none) {
        held = value;
      } else {
        out[outAt] = (held << 4) | value;
        outAt += 1;
        held = none;
      }
    }
    this.outAt = outAt;
    return held === none;
  }

  /** One word of base 16 after its length, or a dash for none: the salt of RFC 5155 section 3.3. */
  salt(): boolean {
    const { octets, out } = this;
    const lengthAt = this.outAt;
    let { at } = this;
    let to = lengthAt + 1;
    if (octets[at] === Octet.DASH) {
      at += 1;
    } else {
      for (;;) {
        const high = nibbles[octets[at] ?? 0] ?? none;
        if (high === none) break;
        const low = nibbles[octets[at + 1] ?? 0] ?? none;
        if (low === none) return false;
        out[to] = (high << 4) | low;
        to += 1;
        at += 2;
      }
      if (at === this.at) return false;
    }
    return this.#endString(lengthAt, to, at);
  }

  /** One word of base 32 after its length: the hash of RFC 5155 section 3.3. */
  base32(): boolean {
    const { octets, out } = this;
    const lengthAt = this.outAt;
    let { at } = this;
    let to = lengthAt + 1;
    let held = 0;
    let bits = 0;
    for (;;) {
      const value = quintets[octets[at] ?? 0] ?? none;
      if (value === none) break;
      held = ((held << 5) | value) & 0xfff;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        out[to] = held >> bits;
        to += 1;
      }
      at += 1;
    }
    if (to === lengthAt + 1 || bits >= 5 || (held & ((1 << bits) - 1)) !== 0) return false;
    return this.#endString(lengthAt, to, at);
  }

  /** Ends what stands in `out` after a length. */
  #endString(lengthAt: number, to: number, at: number): boolean {
    const length = to - lengthAt - 1;
    if (length > 255 || wordEnd[this.octets[at] ?? 0] === 0) return false;
    this.out[lengthAt] = length;
    this.outAt = to;
    this.at = at;
    return this.blanks();
  }

  /** One character string after its length (RFC 1035 section 3.3), with or without quotes; each octet is one of `taken`. */
  string(quoted: Uint8Array, unquoted: Uint8Array): boolean {
    const lengthAt = this.outAt;
    const end = this.characters(lengthAt + 1, quoted, unquoted);
    return end >= 0 && this.#endString(lengthAt, this.outAt, end);
  }

  /** Writes the octets of a character string from `to` on; gives where it ends, -1 for what has an escape in it. */
  characters(to: number, quoted: Uint8Array, unquoted: Uint8Array): number {
    const { octets, out } = this;
    const isQuoted = octets[this.at] === Octet.QUOTE;
    const taken = isQuoted ? quoted : unquoted;
    let at = isQuoted ? this.at + 1 : this.at;
    const start = at;
    for (;;) {
      const octet = octets[at] ?? 0;
      if (taken[octet] === 0) break;
      out[to] = octet;
      to += 1;
      at += 1;
    }
    if (isQuoted ? octets[at] !== Octet.QUOTE : at === start) return -1;
    this.outAt = to;
    return isQuoted ? at + 1 : at;
  }

  /** A time of RFC 4034 section 3.2, as YYYYMMDDHHmmSS of the years 1970 to 2105 or in seconds, written to `out`. */
  time(): boolean {
    const { octets, at } = this;
    if (wordEnd[octets[at + 14] ?? 0] === 0) return this.unsigned32();
    const date = this.#digits(at, at + 8);
    const time = this.#digits(at + 8, at + 14);
    if (date < 0 || time < 0) return this.unsigned32();
    const slot = Math.imul(date, 0x9e37_79b1) >>> 28;
    if (this.#dates[slot] !== date) {
      const days = daysOf(date);
      if (days < 0) return false;
      this.#dates[slot] = date;
      this.#days[slot] = days;
    }
    const hour = Math.trunc(time / 10_000);
    const minute = Math.trunc(time / 100) % 100;
    const second = time % 100;
    if (hour > 23 || minute > 59 || second > 59) return false;
    this.put32((this.#days[slot] ?? 0) * 86_400 + hour * 3600 + minute * 60 + second);
    this.at = at + 14;
    return this.blanks();
  }

  /** At most 8 digits; -1 if they are none. */
  #digits(start: number, end: number): number {
    const { octets } = this;
    let value = 0;
    for (let at = start; at < end; at += 1) {
      const digit = (octets[at] ?? 0) - Octet.ZERO;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    return value;
  }
}

/** Days since 1970 of YYYYMMDD; -1 for what is no day, or of another time. */
function daysOf(date: number): number {
  const year = Math.trunc(date / 10_000);
  const month = Math.trunc(date / 100) % 100;
  const day = date % 100;
  const time = Date.UTC(year, month - 1, day);
  const parsed = new Date(time);
  const isDay = parsed.getUTCMonth() === month - 1 && parsed.getUTCDate() === day;
  return isDay && year >= 1970 && year < 2106 ? time / 86_400_000 : -1;
}
