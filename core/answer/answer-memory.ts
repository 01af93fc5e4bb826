/**
 * Answers in wire form, by question, flags and scope (QueryReader.key): what one scope was told is never found by another.
 *
 * All of it is one piece of memory, so that a million answers are nothing to the garbage collector: records are written one
 * after the other, and when the end is reached from the beginning again, over the oldest. One that is found when it is soon to
 * be written over is written once more first. A table of hashes says where each is.
 *
 * Pure; the time is an argument. The memory is taken from the system as it is used.
 */
import type { Answer } from './answer.ts';
import type { AnswerScanner } from './answer-scanner.ts';
import type { KeySought } from './key-table.ts';

export interface MemoryBounds {
  readonly entries: number;
  readonly octets: number;
  /** Milliseconds that an answer is kept after it has grown too old, for when nobody can be asked (RFC 8767). */
  readonly staleMs: number;
}

/*
 * A record: words of four octets, then places of TTLs (two octets each), key, message, errors.
 */
const sizeWord = 0;
const hashWord = 1;
const storedWord = 2;
const freshWord = 3;
const recheckWord = 4;
/** Octets of the message, and of the key. */
const lengthsWord = 5;
/** Places, and octets of errors. */
const countsWord = 6;
const rcodeWord = 7;
const headerWords = 8;
/** The hash of a record that only fills the memory up to its end. */
const filler = -1;

/** Times are kept in tenths of a second since the memory was made. */
const ticksPerSecond = 10;
const tickMs = 1000 / ticksPerSecond;
/** A clock may be set back by this much before what was stored later counts for nothing. */
const clockStepTicks = 10;
/** Places of the table that a hash may be found at; when all are taken, the first is given to the newcomer. */
const slotsPerHash = 8;
/** Nobody's names have fewer, and 64 KiB of message have to fit. */
const leastOctets = 1 << 18;

export class AnswerMemory implements Answer {
  // What `find` or `put` came to, until the next of them.
  readonly octets: Buffer;
  start = 0;
  length = 0;
  rcode = 0;
  readonly places: Uint16Array;
  placesAt = 0;
  placeCount = 0;
  readonly errors: Buffer;
  errorsAt = 0;
  errorsLength = 0;
  /** Seconds since it was stored. */
  ageSeconds = 0;
  /** Whether it is as young as its TTLs say. */
  isFresh = false;
  /** Whether it may be given although it is old: a fresher one could not be had a moment ago (RFC 8767 section 5). */
  mayBeStale = false;

  readonly #words: Int32Array;
  readonly #mask: number;
  /** Two numbers each, side by side: a hash, and the place of its record in words, plus 1; 0: free. */
  readonly #table: Int32Array;
  readonly #mostEntries: number;
  readonly #beginMs: number;
  #staleTicks = 0;
  /** Failures that were noted to count until then count no more. */
  #forgotten = 0;
  /** In words: where the next record goes, and where the oldest is. */
  #head = 0;
  #tail = 0;
  #usedWords = 0;
  #entries = 0;
  #spare: Int32Array = new Int32Array(0);

  /** @param nowMs milliseconds since the epoch */
  constructor({ entries, octets, staleMs }: MemoryBounds, nowMs: number) {
    const isNone = entries === 0 || octets === 0;
    const memory = new ArrayBuffer(isNone ? 0 : Math.ceil(Math.max(leastOctets, octets) / 8) * 8);
    this.octets = Buffer.from(memory);
    this.errors = this.octets;
    this.#words = new Int32Array(memory);
    this.places = new Uint16Array(memory);
    const slots = isNone ? slotsPerHash : 2 ** Math.ceil(Math.log2(Math.max(slotsPerHash, entries * 2)));
    this.#table = new Int32Array(slots * 2);
    this.#mask = slots * 2 - 1;
    this.#mostEntries = isNone ? 0 : entries;
    this.#beginMs = nowMs;
    this.setStale(staleMs);
  }

  get size(): number {
    return this.#entries;
  }

  /** Octets that are in use. */
  get used(): number {
    return this.#usedWords * 4;
  }

  setStale(staleMs: number): void {
    this.#staleTicks = Math.ceil(staleMs / tickMs);
  }

  /** Whether there is an answer, fresh or not, that may be given in some case; then its fields stand here. */
  find(sought: KeySought, nowMs: number): boolean {
    let record = this.#recordOf(sought);
    if (record < 0) return false;
    const words = this.#words;
    const now = this.#ticks(nowMs);
    const fresh = words[record + freshWord]!;
    const stored = words[record + storedWord]!;
    // A clock that was set back must not make an answer last for ever.
    if (now >= fresh + this.#staleTicks || now < stored - clockStepTicks) return false;
    this.isFresh = now < fresh;
    const recheck = words[record + recheckWord]!;
    this.mayBeStale = now < recheck && recheck > this.#forgotten;
    this.ageSeconds = now > stored ? Math.floor((now - stored) / ticksPerSecond) : 0;
    if (this.isFresh && this.#isOld(record)) record = this.#renew(record, sought);
    this.#show(record);
    return true;
  }

  /** Notes that there is no fresher answer to be had, and when that may be tried again. */
  noteFailure(sought: KeySought, recheckMs: number): void {
    const record = this.#recordOf(sought);
    if (record >= 0) this.#words[record + recheckWord] = this.#ticks(recheckMs);
  }

  /** From now on everything may be tried again that was to wait until then, or until before. */
  forgetFailures(recheckMs: number): void {
    this.#forgotten = this.#ticks(recheckMs);
  }

  /**
   * Keeps a message that was scanned for so many seconds, in place of what was there before, and shows it. False if it has no
   * room at all.
   */
  put(
    sought: KeySought,
    message: Buffer,
    scanned: AnswerScanner,
    keepSeconds: number,
    nowMs: number,
  ): boolean {
    const { length, placeCount, errorsLength } = scanned;
    const octets = placeCount * 2 + sought.keyLength + length + errorsLength;
    // An even number of words, so that what is left at the end has room for what says that it is empty.
    const size = headerWords + Math.ceil(octets / 8) * 2;
    if (this.#mostEntries === 0 || size > this.#words.length / 2) return false;
    const record = this.#makeRoom(size);
    const words = this.#words;
    const now = this.#ticks(nowMs);
    words[record + sizeWord] = size;
    words[record + hashWord] = sought.hash;
    words[record + storedWord] = now;
    words[record + freshWord] = now + keepSeconds * ticksPerSecond;
    words[record + recheckWord] = 0;
    words[record + lengthsWord] = (length << 16) | sought.keyLength;
    words[record + countsWord] = (placeCount << 16) | errorsLength;
    words[record + rcodeWord] = scanned.rcode;
    this.#show(record);
    this.#fill(sought, message, scanned);
    this.#link(sought, record);
    return true;
  }

  #fill({ key, keyLength }: KeySought, message: Buffer, scanned: AnswerScanner): void {
    const { octets, places, placesAt, placeCount, start } = this;
    for (let index = 0; index < placeCount; index += 1) places[placesAt + index] = scanned.places[index]!;
    const keyAt = start - keyLength;
    for (let index = 0; index < keyLength; index += 1) octets[keyAt + index] = key[index]!;
    message.copy(octets, start, 0, this.length);
    if (this.errorsLength > 0) scanned.errors.copy(octets, this.errorsAt, 0, this.errorsLength);
  }

  /** Shows a record in the fields of the answer. */
  #show(record: number): void {
    const words = this.#words;
    const lengths = words[record + lengthsWord]!;
    const counts = words[record + countsWord]!;
    this.length = lengths >>> 16;
    this.placeCount = counts >>> 16;
    this.errorsLength = counts & 0xffff;
    this.rcode = words[record + rcodeWord]!;
    this.placesAt = (record + headerWords) * 2;
    this.start = (this.placesAt + this.placeCount) * 2 + (lengths & 0xffff);
    this.errorsAt = this.start + this.length;
  }

  /** -1: none. */
  #recordOf(sought: KeySought): number {
    const { hash } = sought;
    const table = this.#table;
    for (let step = 0, slot = hash * 2; step < slotsPerHash; step += 1, slot += 2) {
      const at = slot & this.#mask;
      if (table[at] !== hash) continue;
      const record = table[at + 1]! - 1;
      if (record >= 0 && this.#isKeyOf(record, sought)) return record;
    }
    return -1;
  }

  #isKeyOf(record: number, { key, keyLength }: KeySought): boolean {
    const words = this.#words;
    if ((words[record + lengthsWord]! & 0xffff) !== keyLength) return false;
    const { octets } = this;
    const at = (record + headerWords) * 4 + (words[record + countsWord]! >>> 16) * 2;
    for (let index = 0; index < keyLength; index += 1) if (octets[at + index] !== key[index]) return false;
    return true;
  }

  #link(sought: KeySought, record: number): void {
    const { hash } = sought;
    const table = this.#table;
    let free = -1;
    for (let step = 0, slot = hash * 2; step < slotsPerHash; step += 1, slot += 2) {
      const at = slot & this.#mask;
      const other = table[at + 1]! - 1;
      if (other < 0) {
        if (free < 0) free = at;
      } else if (table[at] === hash && this.#isKeyOf(other, sought)) {
        table[at + 1] = record + 1;
        return;
      }
    }
    if (free < 0) free = (hash * 2) & this.#mask;
    else this.#entries += 1;
    table[free] = hash;
    table[free + 1] = record + 1;
  }

  /** Where a record of so many words begins; older ones make room. */
  #makeRoom(size: number): number {
    const words = this.#words;
    if (this.#head + size > words.length) {
      const rest = words.length - this.#head;
      this.#free(rest);
      words[this.#head + sizeWord] = rest;
      words[this.#head + hashWord] = filler;
      this.#usedWords += rest;
      this.#head = 0;
    }
    this.#free(size);
    while (this.#entries >= this.#mostEntries) this.#dropOldest();
    const record = this.#head;
    this.#head = record + size === words.length ? 0 : record + size;
    this.#usedWords += size;
    return record;
  }

  #free(size: number): void {
    while (this.#words.length - this.#usedWords < size) this.#dropOldest();
  }

  #dropOldest(): void {
    const words = this.#words;
    const record = this.#tail;
    const size = words[record + sizeWord]!;
    const hash = words[record + hashWord]!;
    this.#tail = record + size === words.length ? 0 : record + size;
    this.#usedWords -= size;
    if (hash === filler) return;
    const table = this.#table;
    for (let step = 0, slot = hash * 2; step < slotsPerHash; step += 1, slot += 2) {
      const at = slot & this.#mask;
      if (table[at + 1] !== record + 1) continue;
      table[at + 1] = 0;
      this.#entries -= 1;
      return;
    }
  }

  /** Whether it is among the next to be written over. */
  #isOld(record: number): boolean {
    const all = this.#words.length;
    const isFull = this.#usedWords > all * nearlyAll || this.#entries > this.#mostEntries * nearlyAll;
    if (!isFull) return false;
    const before = record >= this.#tail ? record - this.#tail : record - this.#tail + all;
    return before < this.#usedWords * soon;
  }

  /** Writes the record once more, as the newest. */
  #renew(record: number, sought: KeySought): number {
    const size = this.#words[record + sizeWord]!;
    if (this.#spare.length < size) this.#spare = new Int32Array(size * 2);
    this.#spare.set(this.#words.subarray(record, record + size));
    const renewed = this.#makeRoom(size);
    this.#words.set(this.#spare.subarray(0, size), renewed);
    this.#link(sought, renewed);
    return renewed;
  }

  #ticks(ms: number): number {
    return Math.floor((ms - this.#beginMs) / tickMs);
  }
}

/** Part of the memory in use from which on records are looked after; and part of them that is soon to be lost. */
const nearlyAll = 0.9;
const soon = 0.25;
