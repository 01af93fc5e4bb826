/**
 * Names inside a message: compression pointers followed (RFC 1035 section 4.1.4), strictly and in bounded work.
 *
 * A pointer must point before the run of labels that it ends, so a loop cannot be written. Chains of pointers can:
 * skipping remembers the length of each name that a pointer led to, and so follows a chain once, not once a record;
 * expanding draws on a budget.
 */
import { DnsFormatError } from './errors.ts';
import { maxLabelOctets, maxNameOctets, Name } from './name.ts';

/**
 * Octets that the names of one message may expand to; a pointer followed counts as one. 14 octets of a record can
 * stand for two names of 255, or for a chain of 8,000 pointers, so a message of 64 KiB could be made to cost 2.4 MB
 * or 30 million steps; real ones (thousands of NS or PTR records) stay below 300 KB.
 */
export const maxExpandedNameOctets = 1 << 19;

const headerOctets = 12;
const pointerMark = 0xc0;
/** RFC 1035 section 4.1.4: 14 bits. */
const pointerReach = 1 << 14;
/**
 * Tables that all readers share, since one for each message would cost more than what it saves: what a reader notes has its number
 * with it, and what another one overwrites is found out again.
 *
 * By offset of a pointer's target: the number of the reader that found the name there to be within its zone; and number and
 * length, expanded, of the name there.
 */
const withinBy = new Uint32Array(pointerReach);
const lengthsBy = new Uint32Array(1 << 16);
const lengthBits = 8;
const maxNumber = 2 ** (32 - lengthBits) - 1;
let lastNumber = 0;

function nextNumber(): number {
  if (lastNumber === maxNumber) {
    lastNumber = 0;
    withinBy.fill(0);
    lengthsBy.fill(0);
  }
  lastNumber += 1;
  return lastNumber;
}

export class NameReader {
  readonly octets: Buffer;
  /** How much of the budget is spent. */
  #expanded = 0;
  /** Tells what this reader noted in the tables below from what others did. */
  readonly #number = nextNumber();
  #sharedTarget = -1;
  #sharedName = Name.root;

  constructor(octets: Buffer) {
    this.octets = octets;
  }

  /**
   * Checks the name at an offset and returns where the octets after it begin. Allocates nothing. Throws DnsFormatError; also for a pointer where `pointersAllowed` is false.
   */
  skip(start: number, pointersAllowed: boolean): number {
    const { octets } = this;
    let at = start;
    let length = 0;
    for (;;) {
      if (at >= octets.length) throw pastTheEnd(at);
      const octet = octets.readUInt8(at);
      if (octet === 0) return at + 1;
      if (octet > maxLabelOctets) {
        const target = this.#target(at, start);
        if (!pointersAllowed) throw new DnsFormatError('a compression pointer not allowed', { offset: at });
        if (length + this.#lengthAt(target) > maxNameOctets) throw tooLong(start);
        return at + 2;
      }
      length += octet + 1;
      if (length >= maxNameOctets) throw tooLong(start);
      at += octet + 1;
    }
  }

  /** The name at an offset. Throws DnsFormatError. */
  read(start: number): Name {
    const { octets } = this;
    this.skip(start, true);
    // The records of an RRset mostly share one owner, written as a pointer: they share one Name too.
    const target = octets.readUInt8(start) >= pointerMark ? octets.readUInt16BE(start) & 0x3fff : -1;
    if (target !== -1 && target === this.#sharedTarget) return this.#sharedName;
    const name = Name.fromWire(this.#expand(start));
    if (target !== -1) {
      this.#sharedTarget = target;
      this.#sharedName = name;
    }
    return name;
  }

  /**
   * Whether the name at an offset is `zone` or below it; the name was checked. `zone` is a name in wire form, lower case.
   * Allocates nothing; ask a reader for one zone only.
   */
  isWithin(start: number, zone: Buffer): boolean {
    const { octets } = this;
    let at = start;
    for (let octet = octets.readUInt8(at); octet !== 0; octet = octets.readUInt8(at)) {
      if (octet <= maxLabelOctets) {
        at += octet + 1;
        continue;
      }
      const target = octets.readUInt16BE(at) & 0x3fff;
      if (withinBy[target] === this.#number) return true;
      // A name above the zone may be completed to the zone by the labels before the pointer: only a "yes" can be kept.
      if (this.isWithin(target, zone)) {
        withinBy[target] = this.#number;
        return true;
      }
      return endsWith(this.#expand(start), zone);
    }
    return endsWith(octets.subarray(start, at + 1), zone);
  }

  /** Where the pointer at an offset points; `runStart` is where the labels before it began. */
  #target(at: number, runStart: number): number {
    const { octets } = this;
    if (octets.readUInt8(at) < pointerMark) {
      // RFC 6891 section 5 retired the extended label types 0x40; 0x80 was never assigned.
      throw new DnsFormatError('an unknown label type', { offset: at });
    }
    if (at + 2 > octets.length) throw new DnsFormatError('half a compression pointer', { offset: at });
    const target = octets.readUInt16BE(at) & 0x3fff;
    if (target >= runStart || target < headerOctets) {
      throw new DnsFormatError('a compression pointer that does not point back to a name', { offset: at });
    }
    return target;
  }

  /** Expanded length of the name at a pointer's target. */
  #lengthAt(target: number): number {
    const { octets } = this;
    let at = target;
    let runStart = target;
    let length = this.#known(target);
    if (length !== 0) return length;
    for (;;) {
      if (at >= octets.length) throw pastTheEnd(at);
      const octet = octets.readUInt8(at);
      if (octet === 0) {
        length += 1;
        break;
      }
      if (octet <= maxLabelOctets) {
        length += octet + 1;
        at += octet + 1;
        if (length >= maxNameOctets) throw tooLong(target);
        continue;
      }
      runStart = at = this.#target(at, runStart);
      // Only here: at a label in mid-run, what is remembered was checked against another start of the run.
      const known = this.#known(at);
      length += known;
      if (known !== 0) break;
    }
    if (length > maxNameOctets) throw tooLong(target);
    this.#remember(target, length);
    return length;
  }

  /** Length, expanded, of the name at an offset; 0 if it was not reached through a pointer yet. */
  #known(at: number): number {
    const noted = lengthsBy[at] ?? 0;
    return noted >>> lengthBits === this.#number ? noted & maxNameOctets : 0;
  }

  /** Notes the length of the name at `target` and of every name inside it. */
  #remember(target: number, length: number): void {
    let at = target;
    let left = length;
    while (this.#known(at) === 0) {
      lengthsBy[at] = (this.#number << lengthBits) | left;
      const octet = this.octets.readUInt8(at);
      if (octet === 0) return;
      if (octet > maxLabelOctets) {
        at = this.octets.readUInt16BE(at) & 0x3fff;
      } else {
        left -= octet + 1;
        at += octet + 1;
      }
    }
  }

  /** The wire form, in a buffer that the next call uses again; the name was checked. */
  #expand(start: number): Buffer {
    const { octets } = this;
    let at = start;
    let length = 0;
    for (;;) {
      const octet = octets.readUInt8(at);
      if (octet > maxLabelOctets) {
        this.#spend(1, start);
        at = octets.readUInt16BE(at) & 0x3fff;
        continue;
      }
      octets.copy(scratch, length, at, at + octet + 1);
      length += octet + 1;
      if (octet === 0) break;
      at += octet + 1;
    }
    this.#spend(length, start);
    return scratch.subarray(0, length);
  }

  #spend(count: number, offset: number): void {
    this.#expanded += count;
    if (this.#expanded <= maxExpandedNameOctets) return;
    throw new DnsFormatError('the names of the message expand to too many octets', { offset });
  }
}

const scratch = Buffer.alloc(maxNameOctets);

/** Whether a name in wire form ends with another, which is in lower case, at a label. */
function endsWith(name: Buffer, zone: Buffer): boolean {
  const tail = name.length - zone.length;
  if (tail < 0) return false;
  let at = 0;
  while (at < tail) at += (name[at] ?? 0) + 1;
  if (at !== tail) return false;
  for (let index = 0; index < zone.length; index++) {
    const octet = name[tail + index] ?? 0;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    if (lower !== zone[index]) return false;
  }
  return true;
}

function pastTheEnd(offset: number): DnsFormatError {
  return new DnsFormatError('a name goes past the end of its octets', { offset });
}

function tooLong(offset: number): DnsFormatError {
  return new DnsFormatError('a name of more than 255 octets', { offset });
}
