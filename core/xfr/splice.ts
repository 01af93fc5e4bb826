/**
 * Takes records out of a stored message and puts others at its end, without writing the rest anew: what stands after them moves
 * up, and the pointers to it are mended. A tenth of the work of writing all records again. Part of apply.ts.
 *
 * Limitations: it cannot be done when a name that is left has a pointer to what is taken out, or to what is no name of a known type.
 */
import { RrClass } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { maxLabelOctets } from '../dns/name.ts';
import { NameReader } from '../dns/name-reader.ts';
import { endOfField, NAME, rdataLayout } from '../dns/rdata-layout.ts';
import { headerOctets, maxMessageOctets } from '../dns/walker.ts';
import { pointerLimit } from './name-table.ts';
import { usualMessageOctets } from './zone-writer.ts';

const pointerMark = 0xc0;
const recordFixedOctets = 10;

/** From where to before where a record stands. */
export interface Cut {
  readonly start: number;
  readonly end: number;
}

export class Splicer {
  readonly #out = Buffer.alloc(maxMessageOctets);
  #old: Buffer = this.#out;
  #cuts: readonly Cut[] = [];
  /** 1 where a label begins, of a name that is left. */
  readonly #names = new Uint8Array(pointerLimit);
  #length = 0;
  #records = 0;

  /** Takes the records out, at least one, in their order; false if it cannot be done. */
  cut(old: Buffer, cuts: readonly Cut[]): boolean {
    this.#old = old;
    this.#cuts = cuts;
    this.#records = old.readUInt16BE(6) - cuts.length;
    let from = 0;
    this.#length = 0;
    for (const { start, end } of cuts) {
      this.#length += old.copy(this.#out, this.#length, from, start);
      from = end;
    }
    this.#length += old.copy(this.#out, this.#length, from);
    return this.#mendPointers();
  }

  /** Adds a record, if it fits; `ownerAt` is where in the old message its owner stands, if it does. */
  tryAdd({ name, type, ttl, rdata }: ResourceRecord, ownerAt: number | undefined): boolean {
    const { wire } = name;
    if (this.#length + wire.length + recordFixedOctets + rdata.length > usualMessageOctets) return false;
    const out = this.#out;
    const place = ownerAt === undefined || this.#names[ownerAt] !== 1 ? 0 : this.#moved(ownerAt);
    if (place > 0 && place < pointerLimit && this.#isAt(place, wire)) {
      out.writeUInt16BE((pointerMark << 8) | place, this.#length);
      this.#length += 2;
    } else {
      this.#length += wire.copy(out, this.#length);
    }
    out.writeUInt16BE(type, this.#length);
    out.writeUInt16BE(RrClass.IN, this.#length + 2);
    out.writeUInt32BE(ttl, this.#length + 4);
    out.writeUInt16BE(rdata.length, this.#length + 8);
    this.#length += recordFixedOctets;
    this.#length += rdata.copy(out, this.#length);
    this.#records += 1;
    return true;
  }

  /** The message; undefined if no record is left. */
  take(): Buffer | undefined {
    if (this.#records === 0) return undefined;
    const message = Buffer.allocUnsafeSlow(this.#length);
    this.#out.writeUInt16BE(this.#records, 6);
    this.#out.copy(message, 0, 0, this.#length);
    return message;
  }

  #mendPointers(): boolean {
    const old = this.#old;
    const reader = new NameReader(old);
    let at = headerOctets;
    let shift = 0;
    let next = 0;
    this.#names.fill(0);
    for (let questions = old.readUInt16BE(4); questions > 0; questions -= 1) at = this.#mendName(at, 0) + 4;
    while (at < old.length) {
      const cut = this.#cuts[next];
      if (cut?.start === at) {
        shift += cut.end - cut.start;
        at = cut.end;
        next += 1;
        continue;
      }
      const fields = this.#mendName(at, shift);
      if (fields < 0) return false;
      const type = old.readUInt16BE(fields);
      let part = fields + recordFixedOctets;
      const end = part + old.readUInt16BE(fields + 8);
      const layout = rdataLayout(type, RrClass.IN);
      if (layout?.hasNames === true) {
        for (const field of layout.fields) {
          part = field === NAME ? this.#mendName(part, shift) : endOfField(reader, field, part, end, true);
          if (part < 0) return false;
        }
      }
      at = end;
    }
    return true;
  }

  /**
   * Mends the pointer that a name ends with; `shift` octets were taken out before it. Where it ends; -1 if it cannot be done:
   * what it points to must be a label of a name that is left, or else its end may have been taken out.
   */
  #mendName(start: number, shift: number): number {
    const old = this.#old;
    const names = this.#names;
    let at = start;
    let length = old.readUInt8(at);
    while (length > 0 && length <= maxLabelOctets) {
      if (at < pointerLimit) names[at] = 1;
      at += length + 1;
      length = old.readUInt8(at);
    }
    if (length === 0) return at + 1;
    const target = old.readUInt16BE(at) & (pointerLimit - 1);
    if (names[target] !== 1) return -1;
    const moved = this.#moved(target);
    if (moved !== target) this.#out.writeUInt16BE((pointerMark << 8) | moved, at - shift);
    return at + 2;
  }

  /** Where an octet of the old message stands now; -1 if it was taken out. */
  #moved(place: number): number {
    let shift = 0;
    for (const { start, end } of this.#cuts) {
      if (place < start) break;
      if (place < end) return -1;
      shift += end - start;
    }
    return place - shift;
  }

  /** Whether a name stands at a place of the new message, in these octets. */
  #isAt(place: number, wire: Buffer): boolean {
    const out = this.#out;
    let at = place;
    for (let index = 0; index < wire.length;) {
      const length = out[at] ?? 0;
      if (length > maxLabelOctets) {
        at = out.readUInt16BE(at) & (pointerLimit - 1);
        continue;
      }
      for (const end = index + length; index <= end; index += 1, at += 1) {
        if (out[at] !== wire[index]) return false;
      }
      if (length === 0) return index === wire.length;
    }
    return false;
  }
}
