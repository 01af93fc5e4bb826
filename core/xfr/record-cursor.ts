/**
 * Goes over the records of stored messages (zone-version.ts), fast, with a hash of each owner: names are followed for the hash
 * and not made. A record that is wanted is expanded.
 *
 * Every message was checked when it was stored; what is not well-formed all the same (a file that somebody changed) is an error,
 * and no endless loop. Work is bounded by the length of the message: chains of pointers are followed once.
 */
import { hasFoldedNames } from '../dns/canonical-rdata.ts';
import { RrClass } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { maxLabelOctets, maxNameOctets, Name } from '../dns/name.ts';
import { NameReader } from '../dns/name-reader.ts';
import { endOfField, NAME, rdataLayout } from '../dns/rdata-layout.ts';
import { headerOctets } from '../dns/walker.ts';

const pointerMark = 0xc0;
/** Places that a pointer can reach (RFC 1035 section 4.1.4). */
const pointerReach = 0x4000;
const recordFixedOctets = 10;
const maxRdataOctets = 0xffff;

/** By octet: the same for a capital letter and its small one (RFC 4343). */
const folded = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

export class RecordCursor {
  /** Fields of the record that `next` moved to. */
  recordStart = 0;
  /** Where the first label of its owner stands. */
  ownerStart = 0;
  type = 0;
  ttl = 0;
  rdataStart = 0;
  rdataEnd = 0;
  /** Of its owner, without regard to case; 32 bits, signed. */
  hash = 0;

  /** Where `expand` puts a record: its owner up to `plainNameEnd`, then its RDATA up to `plainEnd`. */
  readonly plain = Buffer.alloc(maxNameOctets + maxRdataOctets);
  plainNameEnd = 0;
  plainEnd = 0;

  readonly #plainReader = new NameReader(this.plain);
  readonly #seed: number;
  #octets: Buffer = Buffer.alloc(0);
  #reader = new NameReader(this.#octets);
  #at = 0;
  #left = 0;
  /** Whose octets `plain` has. */
  #plainOwner = -1;
  /** Of the messages opened: what is noted below counts if it has this number. */
  #message = 0;
  readonly #hashes = new Int32Array(pointerReach);
  readonly #hashedIn = new Uint32Array(pointerReach);
  readonly #targets = new Uint16Array(pointerReach);
  readonly #followedIn = new Uint32Array(pointerReach);
  /** Where the labels of the names under way begin. */
  readonly #labels = new Uint16Array(maxNameOctets + 1);

  /** @param seed any number, unknown to those who choose names: they could else choose names of one hash */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Throws DnsFormatError, as all of its functions do. */
  open(message: Buffer): void {
    if (message.length < headerOctets) throw malformed(0);
    this.#octets = message;
    this.#reader = new NameReader(message);
    this.#message += 1;
    this.#plainOwner = -1;
    this.#left = message.readUInt16BE(6);
    this.#at = headerOctets;
    for (let questions = message.readUInt16BE(4); questions > 0; questions -= 1) {
      this.#at = this.#endOfName(this.#at) + 4;
    }
  }

  /** Moves to a record of the message by its `recordStart`. */
  seek(start: number): void {
    this.#at = start;
    this.#left = 1;
    this.next();
  }

  /** Moves to the next record; false after the last one. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    const octets = this.#octets;
    const start = this.#at;
    this.recordStart = start;
    let fields = start + 2;
    if ((octets[start] ?? 0) >= pointerMark) {
      this.ownerStart = this.#follow(start, start);
    } else {
      this.ownerStart = start;
      fields = this.#endOfName(start);
    }
    const rdataStart = fields + recordFixedOctets;
    if (rdataStart > octets.length) throw malformed(start);
    this.hash = this.#hashAt(this.ownerStart, 0);
    this.type = ((octets[fields] ?? 0) << 8) | (octets[fields + 1] ?? 0);
    this.ttl = octets.readUInt32BE(fields + 4);
    this.rdataStart = rdataStart;
    this.rdataEnd = rdataStart + (((octets[fields + 8] ?? 0) << 8) | (octets[fields + 9] ?? 0));
    if (this.rdataEnd > octets.length) throw malformed(start);
    this.#at = this.rdataEnd;
    return true;
  }

  /** Puts the record into `plain`, names without pointers. */
  expand(): void {
    const { plain } = this;
    // The records of one owner mostly stand together.
    if (this.ownerStart !== this.#plainOwner) {
      this.plainNameEnd = this.#expandName(this.ownerStart, 0);
      this.#plainOwner = this.ownerStart;
    }
    const octets = this.#octets;
    const layout = rdataLayout(this.type, RrClass.IN);
    let out = this.plainNameEnd;
    if (layout === undefined || layout.compression === 'never' || !layout.hasNames) {
      this.plainEnd = out + octets.copy(plain, out, this.rdataStart, this.rdataEnd);
      return;
    }
    let at = this.rdataStart;
    for (const field of layout.fields) {
      if (field === NAME) {
        out = this.#expandName(at, out);
        at = this.#endOfName(at);
      } else {
        const end = endOfField(this.#reader, field, at, this.rdataEnd, true);
        out += octets.copy(plain, out, at, end);
        at = end;
      }
    }
    if (at !== this.rdataEnd) throw malformed(this.rdataStart);
    this.plainEnd = out;
  }

  /** As `expand`, with the RDATA in canonical form (RFC 4034 section 6.2); the owner is not. */
  expandCanonical(): void {
    this.expand();
    if (!hasFoldedNames(this.type)) return;
    const { plain } = this;
    let at = this.plainNameEnd;
    for (const field of rdataLayout(this.type, RrClass.IN)?.fields ?? []) {
      const end = endOfField(this.#plainReader, field, at, this.plainEnd, false);
      // Lengths of labels are below 64, so they never look like a letter.
      if (field === NAME)
        for (let index = at; index < end; index += 1) plain[index] = folded[plain[index] ?? 0] ?? 0;
      at = end;
    }
  }

  /** Of the record that `expandCanonical` expanded: a hash of all but its TTL. */
  hashExpanded(): number {
    const { plain } = this;
    let hash = mixed(mixed(this.hash, this.type >> 8), this.type & 0xff);
    for (let index = this.plainNameEnd; index < this.plainEnd; index += 1)
      hash = mixed(hash, plain[index] ?? 0);
    return hash;
  }

  /** Whether two records that `expandCanonical` expanded are the same, but for the TTL and the case of the owner. */
  isSameExpanded(other: RecordCursor): boolean {
    const length = this.plainNameEnd;
    if (this.type !== other.type || length !== other.plainNameEnd || this.plainEnd !== other.plainEnd)
      return false;
    for (let index = 0; index < length; index += 1) {
      if (folded[this.plain[index] ?? 0] !== folded[other.plain[index] ?? 0]) return false;
    }
    return this.plain.compare(other.plain, length, this.plainEnd, length, this.plainEnd) === 0;
  }

  /** The record in octets of its own. */
  record(): ResourceRecord {
    this.expand();
    return {
      name: Name.fromWire(this.plain.subarray(0, this.plainNameEnd)),
      type: this.type,
      class: RrClass.IN,
      ttl: this.ttl,
      rdata: Buffer.from(this.plain.subarray(this.plainNameEnd, this.plainEnd)),
    };
  }

  /** The hash that a record of this owner has. */
  hashOf(name: Name): number {
    this.#octets = name.wire;
    this.#left = 0;
    this.#message += 1;
    return this.#hashAt(0, 0);
  }

  /** Where the octets after a name begin. */
  #endOfName(start: number): number {
    const octets = this.#octets;
    let at = start;
    for (;;) {
      const length = octets[at];
      if (length === undefined) throw malformed(start);
      if (length === 0) return at + 1;
      if (length >= pointerMark) return at + 2;
      if (length > maxLabelOctets) throw malformed(start);
      at += length + 1;
    }
  }

  /** Hash of the name at a place that has no pointer; `depth` labels of the name that it ends are noted. */
  #hashAt(place: number, depth: number): number {
    if (place < pointerReach && this.#hashedIn[place] === this.#message) return this.#hashes[place] ?? 0;
    const octets = this.#octets;
    const labels = this.#labels;
    let at = place;
    let count = depth;
    let length = octets[at] ?? 0;
    while (length > 0 && length <= maxLabelOctets) {
      if (count > maxNameOctets) throw malformed(place);
      labels[count] = at;
      count += 1;
      at += length + 1;
      length = octets[at] ?? 0;
    }
    let hash = this.#seed;
    if (length > 0) hash = this.#hashAt(this.#follow(at, place), count);
    while (count > depth) {
      count -= 1;
      const label = labels[count] ?? 0;
      const end = label + (octets[label] ?? 0);
      for (let index = label; index <= end; index += 1) hash = mixed(hash, folded[octets[index] ?? 0] ?? 0);
    }
    if (place < pointerReach) {
      this.#hashes[place] = hash;
      this.#hashedIn[place] = this.#message;
    }
    return hash;
  }

  #expandName(start: number, outStart: number): number {
    const octets = this.#octets;
    const { plain } = this;
    let out = outStart;
    let at = start;
    let runStart = start;
    for (;;) {
      const length = octets[at];
      if (length === undefined) throw malformed(start);
      if (length > maxLabelOctets) {
        runStart = at = this.#follow(at, runStart);
        continue;
      }
      const end = at + length;
      if (out - outStart + length >= maxNameOctets || end >= octets.length) throw malformed(start);
      for (; at <= end; at += 1, out += 1) plain[out] = octets[at] ?? 0;
      if (length === 0) return out;
    }
  }

  /** Where the pointer at a place leads, through all pointers that stand there; `runStart` as in NameReader. */
  #follow(pointer: number, runStart: number): number {
    const octets = this.#octets;
    const first = this.#target(pointer, runStart);
    if ((octets[first] ?? 0) < pointerMark) return first;
    let target = first;
    while ((octets[target] ?? 0) >= pointerMark) {
      if (this.#followedIn[target] === this.#message) target = this.#targets[target] ?? 0;
      else target = this.#target(target, target);
    }
    for (let at = first; (octets[at] ?? 0) >= pointerMark && this.#followedIn[at] !== this.#message;) {
      const next = this.#target(at, at);
      this.#targets[at] = target;
      this.#followedIn[at] = this.#message;
      at = next;
    }
    return target;
  }

  #target(pointer: number, runStart: number): number {
    const octets = this.#octets;
    const mark = octets[pointer] ?? 0;
    const target = ((mark & 0x3f) << 8) | (octets[pointer + 1] ?? 0);
    if (mark < pointerMark || target >= runStart) throw malformed(pointer);
    return target;
  }
}

/** The shift lets each bit of the seed count for each octet. */
function mixed(hash: number, octet: number): number {
  const product = Math.imul(hash ^ octet, 0x01000193);
  return product ^ (product >>> 15);
}

function malformed(offset: number): DnsFormatError {
  return new DnsFormatError('a stored message that is not well-formed', { offset });
}
