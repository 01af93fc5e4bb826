/**
 * Where the records of a version stand, by a hash: numbers only, no objects, for millions of them. Part of compare.ts.
 */

const leastSlots = 1024;
/** Slots for each record, at least. */
const roominess = 1.5;

export class RecordTable {
  #count = 0;
  readonly #hashes: Int32Array;
  readonly #messages: Uint32Array;
  readonly #places: Uint16Array;
  /** 1 for records that `mark` was called for. */
  readonly #marks: Uint8Array;
  /** Number of a record and 1; 0 where there is none. */
  readonly #slots: Uint32Array;
  #marked = 0;

  /** @param capacity of records; more are not taken */
  constructor(capacity: number) {
    this.#hashes = new Int32Array(capacity);
    this.#messages = new Uint32Array(capacity);
    this.#places = new Uint16Array(capacity);
    this.#marks = new Uint8Array(capacity);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(leastSlots, capacity * roominess))));
  }

  get size(): number {
    return this.#count;
  }

  /** Records that are not marked. */
  get unmarked(): number {
    return this.#count - this.#marked;
  }

  /** Slot of a record with this hash, or of none, from a slot on; begin with `firstSlot`, go on with the one after. */
  slotFor(hash: number, from: number): number {
    const mask = this.#slots.length - 1;
    let slot = from & mask;
    for (;;) {
      const record = this.recordIn(slot);
      if (record < 0 || this.#hashes[record] === hash) return slot;
      slot = (slot + 1) & mask;
    }
  }

  firstSlot(hash: number): number {
    return (hash ^ (hash >>> 16)) & (this.#slots.length - 1);
  }

  /** Number of the record in a slot; -1 for none. */
  recordIn(slot: number): number {
    return (this.#slots[slot] ?? 0) - 1;
  }

  /** Throws RangeError if there is no room. */
  add(slot: number, hash: number, message: number, place: number): void {
    const record = this.#count;
    if (record >= this.#hashes.length) throw new RangeError('a version has more records than it says');
    this.#hashes[record] = hash;
    this.#messages[record] = message;
    this.#places[record] = place;
    this.#slots[slot] = record + 1;
    this.#count += 1;
  }

  /** Number of its message. */
  messageOf(record: number): number {
    return this.#messages[record] ?? 0;
  }

  /** Where in its message it begins. */
  placeOf(record: number): number {
    return this.#places[record] ?? 0;
  }

  isMarked(record: number): boolean {
    return this.#marks[record] === 1;
  }

  mark(record: number): void {
    if (this.isMarked(record)) return;
    this.#marks[record] = 1;
    this.#marked += 1;
  }
}
