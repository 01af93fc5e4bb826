/**
 * The records of a zone in canonical form (RFC 4034 section 6.2): owner without compression and in lower case, type, class,
 * TTL, length, RDATA with its names likewise. They stand one after the other in blocks of memory, each record known by its
 * place, so that a million of them are not a million objects.
 *
 * Limitations: the blocks of one store have 4 GiB at most, since a place has 32 bits.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { maxNameOctets } from '../dns/name.ts';
import type { Name } from '../dns/name.ts';
import { NameReader } from '../dns/name-reader.ts';
import { endOfField, NAME, rdataLayout } from '../dns/rdata-layout.ts';
import { MessageWalker } from '../dns/walker.ts';

/** Type, class, TTL and RDLENGTH. */
export const fixedOctets = 10;
const blockOctets = 1 << 20;
/** A record of any size fits, and its names may grow by being expanded. */
const recordRoom = maxNameOctets + fixedOctets + 0xffff + 2 * maxNameOctets;
/** Pointers of one message that are followed: honest ones have a few for each record (see NameReader). */
const maximumPointers = 1 << 17;
const pointerMark = 0xc0;

/** A list of numbers below 2^32 that grows. */
export class Uint32List {
  #values = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  /** What is in it, without a copy; valid until the next `push`. */
  view(): Uint32Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Octets by their place. */
export class Blocks {
  readonly #blocks: Buffer[] = [];
  #used = blockOctets;

  /** Room for so many octets in one block, at most 2^20; say by `grow` how many it became. */
  reserve(octets: number): { readonly block: Buffer; readonly offset: number; readonly place: number } {
    if (blockOctets - this.#used < octets) {
      this.#blocks.push(Buffer.allocUnsafeSlow(blockOctets));
      this.#used = 0;
    }
    const index = this.#blocks.length - 1;
    return {
      block: this.block(index * blockOctets),
      offset: this.#used,
      place: index * blockOctets + this.#used,
    };
  }

  grow(octets: number): void {
    this.#used += octets;
  }

  get octets(): number {
    return (this.#blocks.length - 1) * blockOctets + this.#used;
  }

  /** The block that a place is in; the place within it is `offsetOf`. */
  block(place: number): Buffer {
    const block = this.#blocks[Math.floor(place / blockOctets)];
    if (block === undefined) throw new RangeError('no such place');
    return block;
  }

  slice(place: number, octets: number): Buffer {
    const offset = offsetOf(place);
    return this.block(place).subarray(offset, offset + octets);
  }
}

/** Where in its block a place is. */
export function offsetOf(place: number): number {
  return place & (blockOctets - 1);
}

/** Takes the records of messages, one after the other. */
export class CanonicalRecords {
  readonly blocks = new Blocks();
  /** Owner of the record that was added last, in canonical form; the octets are used again. */
  owner = Buffer.alloc(maxNameOctets);
  ownerOctets = 0;
  #other = Buffer.alloc(maxNameOctets);
  readonly #zone: Buffer;

  constructor(zone: Name) {
    this.#zone = zone.canonicalWire();
  }

  /**
   * Adds the records of a message that are of class IN and in the zone, and tells of each. Throws DnsFormatError for a message
   * that is malformed.
   */
  addMessage(message: Buffer, added: (place: number, isNewOwner: boolean) => void): void {
    const walker = new MessageWalker(message);
    const names = new NameReader(message);
    const copier = new NameCopier(message);
    let lastPointer = -1;
    let isInside = false;
    while (walker.next()) {
      if (walker.class !== RrClass.IN || walker.section !== 'answer') continue;
      const start = walker.recordStart;
      const pointer = message.readUInt8(start) >= pointerMark ? message.readUInt16BE(start) : -1;
      let isNewOwner = false;
      if (pointer === -1 || pointer !== lastPointer) {
        const octets = copier.copy(start, this.#other, 0);
        isNewOwner =
          octets !== this.ownerOctets || this.#other.compare(this.owner, 0, octets, 0, octets) !== 0;
        if (isNewOwner) {
          [this.owner, this.#other] = [this.#other, this.owner];
          this.ownerOctets = octets;
        }
        isInside = isBelow(this.owner, this.ownerOctets, this.#zone);
        lastPointer = pointer;
      }
      if (isInside) added(this.#add(walker, names, copier), isNewOwner);
    }
  }

  #add(walker: MessageWalker, names: NameReader, copier: NameCopier): number {
    const { octets: message, type, rdataStart, rdataEnd } = walker;
    const { block, offset, place } = this.blocks.reserve(recordRoom);
    const fields = offset + this.ownerOctets;
    this.owner.copy(block, offset, 0, this.ownerOctets);
    message.copy(block, fields, rdataStart - fixedOctets, rdataStart);
    const start = fields + fixedOctets;
    let to = start;
    // RFC 6840 section 5.1: the next name of an NSEC record keeps its case.
    const layout = type === RrType.NSEC ? undefined : rdataLayout(type, RrClass.IN);
    if (layout?.hasNames === true) {
      let at = rdataStart;
      for (const field of layout.fields) {
        const end = endOfField(names, field, at, rdataEnd, true);
        to = field === NAME ? copier.copy(at, block, to) : to + message.copy(block, to, at, end);
        at = end;
      }
      if (to - start > 0xffff) throw new DnsFormatError('an RDATA that expands to more than 65535 octets');
      block.writeUInt16BE(to - start, start - 2);
    } else {
      to += message.copy(block, to, rdataStart, rdataEnd);
    }
    this.blocks.grow(to - offset);
    return place;
  }
}

/** Copies names out of one message, expanded and in lower case. The names were checked by a walker. */
export class NameCopier {
  readonly #octets: Buffer;
  #pointers = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  /** Gives where the octets after the copy begin. Throws DnsFormatError for more pointers than a message needs. */
  copy(start: number, target: Buffer, at: number): number {
    const octets = this.#octets;
    let from = start;
    let to = at;
    for (;;) {
      const length = octets.readUInt8(from);
      if (length >= pointerMark) {
        // A few octets could otherwise stand for thousands of steps, in every record of a message.
        this.#pointers += 1;
        if (this.#pointers > maximumPointers) {
          throw new DnsFormatError('the names of the message have too many pointers', { offset: start });
        }
        from = octets.readUInt16BE(from) & 0x3fff;
        continue;
      }
      target[to] = length;
      from += 1;
      to += 1;
      if (length === 0) return to;
      for (const end = from + length; from < end; from += 1, to += 1) {
        const octet = octets[from] ?? 0;
        target[to] = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
      }
    }
  }
}

/** Whether a name in canonical form is at or below a zone in canonical form. */
export function isBelow(name: Buffer, octets: number, zone: Buffer): boolean {
  let at = 0;
  while (octets - at > zone.length) at += name.readUInt8(at) + 1;
  return octets - at === zone.length && name.compare(zone, 0, zone.length, at, octets) === 0;
}
