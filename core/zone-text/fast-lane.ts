/**
 * The quick way through a zone file (RFC 1035 section 5.1): entries that are plain records, blank lines and comments. An entry
 * that is anything else is left as it is found, for the careful reader of core/dns/zone-file.ts. What the quick way takes, the
 * careful one would read in the same way.
 */
import { DataCursor } from './data-cursor.ts';
import { readFastRdata } from './fast-rdata.ts';
import { blank, Octet } from './octet-tables.ts';
import { endOfLine, isWithin, maxRdataOctets, ownerOctets, rdataStart, viewOf } from './word-cursor.ts';

/** What an entry was. */
export const Entry = {
  /** Something else, or not whole; the cursor is where it was. */
  ODD: 0,
  /** Nothing but blanks and comments. */
  EMPTY: 1,
  /** A record: its owner is `out` from `ownerAt` to `ownerEnd`, its RDATA from `rdataStart` to `cursor.outAt`. */
  RECORD: 2,
} as const;

const maxTtl = 0x7fff_ffff;
/** A longer one is read each time. */
const maxOwnerText = 256;

export class FastLane {
  readonly cursor = new DataCursor();
  /** Where the owner name is in `out`: in one of two places, so that the one before stays till the entry is known to be whole. */
  ownerAt = 0;
  /** 0 while there is none. */
  ownerEnd = 0;
  /** The owner is the same, octet by octet, as that of the record before. */
  isSameOwner = false;
  /** There was no record of this owner since it came back. */
  isResumed = false;
  type = 0;
  /** Seconds. */
  ttl = 0;
  /** Of $TTL (RFC 2308 section 4); -1 while there is none. */
  defaultTtl = -1;
  /** The last that a record stated (RFC 1035 section 5.1); -1 while there is none. */
  lastTtl = -1;
  /** Apex of the zone in wire form, with small letters. */
  readonly #apex: Buffer;
  /** How the owner was written last; valid while the origin stays. */
  readonly #ownerText = Buffer.alloc(maxOwnerText);
  readonly #ownerTextView = viewOf(this.#ownerText);
  #ownerTextLength = 0;

  constructor(apex: Buffer) {
    this.#apex = apex;
  }

  /** What relative names are completed with from here on. */
  setOrigin(wire: Buffer): void {
    this.cursor.origin = wire;
    this.#ownerTextLength = 0;
  }

  /** The owner of entries that begin with a space, after those of another file; of no octets if there is none. */
  resumeOwner(wire: Buffer): void {
    this.setOwner(wire);
    this.isResumed = true;
  }

  /** The owner of the record that was just read. */
  setOwner(wire: Buffer): void {
    this.isResumed = false;
    wire.copy(this.cursor.out, this.ownerAt);
    this.ownerEnd = wire.length === 0 ? 0 : this.ownerAt + wire.length;
    this.#ownerTextLength = 0;
  }

  /** Takes the entry at the cursor, if it is plain. */
  take(): number {
    const { cursor, ownerAt, ownerEnd } = this;
    const { at, line } = cursor;
    const entry = this.#entry();
    if (entry === Entry.ODD) {
      cursor.at = at;
      cursor.line = line;
      cursor.isOpen = false;
      if (this.ownerAt !== ownerAt) {
        this.ownerAt = ownerAt;
        this.ownerEnd = ownerEnd;
        this.#ownerTextLength = 0;
      }
    } else {
      // After the newline.
      cursor.at += 1;
      cursor.line += 1;
    }
    return entry;
  }

  #entry(): number {
    const { cursor } = this;
    const first = cursor.octets[cursor.at] ?? 0;
    if (first === Octet.NEWLINE) return Entry.EMPTY;
    if (first === Octet.SEMICOLON) {
      cursor.at = endOfLine(cursor.octets, cursor.at);
      return cursor.isAtEnd ? Entry.EMPTY : Entry.ODD;
    }
    const isIndented = blank[first] === 1;
    if (!isIndented && !this.#owner()) return Entry.ODD;
    if (!cursor.blanks()) return Entry.ODD;
    if (cursor.isAtEnd) return isIndented && !cursor.isOpen ? Entry.EMPTY : Entry.ODD;
    if (this.ownerEnd === 0) return Entry.ODD;
    if (isIndented) this.isSameOwner = !this.isResumed;
    if (!this.#rest()) return Entry.ODD;
    this.isResumed = false;
    return Entry.RECORD;
  }

  /** TTL and class in either order, type, RDATA. */
  #rest(): boolean {
    const { cursor } = this;
    const { octets } = cursor;
    let ttl = -1;
    let hasClass = false;
    for (;;) {
      const octet = octets[cursor.at] ?? 0;
      if (ttl < 0 && octet >= Octet.ZERO && octet <= Octet.NINE) {
        ttl = cursor.number(maxTtl);
        if (ttl < 0) return false;
      } else if (!hasClass && (octet === 0x49 || octet === 0x69) && cursor.isClassIn()) {
        if (!cursor.blanks()) return false;
        hasClass = true;
      } else {
        break;
      }
    }
    const type = cursor.type();
    if (type < 0) return false;
    cursor.outAt = rdataStart;
    if (!readFastRdata(cursor, type)) return false;
    if (!cursor.isAtEnd || cursor.isOpen || cursor.outAt - rdataStart > maxRdataOctets) return false;
    if (ttl < 0) {
      this.ttl = this.defaultTtl >= 0 ? this.defaultTtl : this.lastTtl;
      if (this.ttl < 0) return false;
    } else {
      this.ttl = this.lastTtl = ttl;
    }
    this.type = type;
    return true;
  }

  /** Reads the owner into `out`; false for one that is not plain, or not of the zone. */
  #owner(): boolean {
    const { cursor } = this;
    const { octets, at } = cursor;
    const length = this.#ownerTextLength;
    if (length > 0 && cursor.isWord(this.#ownerTextView, length)) {
      cursor.at = at + length;
      this.isSameOwner = true;
      return true;
    }
    const ownerAt = this.ownerAt === 0 ? ownerOctets : 0;
    cursor.outAt = ownerAt;
    const end = cursor.nameHere();
    if (end < 0 || !isWithin(cursor.out, ownerAt, cursor.outAt, this.#apex)) return false;
    this.isSameOwner = false;
    this.ownerAt = ownerAt;
    this.ownerEnd = cursor.outAt;
    this.#ownerTextLength = 0;
    if (end - at <= maxOwnerText) {
      for (let index = at; index < end; index += 1) this.#ownerText[index - at] = octets[index] ?? 0;
      this.#ownerTextLength = end - at;
    }
    cursor.at = end;
    return true;
  }
}
