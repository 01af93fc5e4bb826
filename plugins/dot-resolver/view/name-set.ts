/**
 * A set of domain names for lists of a million: every name in wire form (RFC 1035 section 3.1), in lower case, one after the
 * other in one buffer, and a hash table of their places. About 40 to 60 octets a name, and nothing for the garbage collector
 * to walk through.
 *
 * A question's name and all names above it are looked up in one pass: the hash is taken from the root towards the left, so
 * that the hash of each of them is met on the way.
 *
 * Limitations: names are added, never taken out; a list that has changed is read again.
 */
import { randomInt } from 'node:crypto';

/** The first of these at which a table is kept; it doubles. */
const firstSlots = 1024;
const firstArenaOctets = 16 * 1024;
/** Labels of a name that are counted apart; deeper ones count together. */
const deepest = 31;
/** RFC 1035 section 2.3.4: 127 labels and the root are the most that 255 octets hold. */
const maxLabels = 127;

export class NameSet {
  #arena = Buffer.alloc(firstArenaOctets);
  /** Octet 0 is not used, so that place 0 means an empty slot. */
  #arenaLength = 1;
  /** Two numbers a slot: the hash, and the place in the arena. */
  #table = new Int32Array(2 * firstSlots);
  #size = 0;
  #hasRoot = false;
  /** Bit n: there are names of n labels. A question for `www.example.com` need not look for `com` where no name is that short. */
  #depths = 0;
  /** Another in each process, so that whoever writes a list cannot make all of its names meet in one slot. */
  readonly #seed = randomInt(2 ** 32) | 0;

  get size(): number {
    return this.#size;
  }

  /** Octets of memory. */
  get octets(): number {
    return this.#arena.length + this.#table.byteLength;
  }

  /** Adds a name, uncompressed and well-formed, that begins at `at`; false when it was there. */
  add(octets: Buffer, at = 0): boolean {
    const labels = findLabels(octets, at);
    const root = starts[labels] ?? at;
    if (labels === 0) {
      const isNew = !this.#hasRoot;
      this.#hasRoot = true;
      this.#size += isNew ? 1 : 0;
      return isNew;
    }
    const hash = finish(this.#hash(octets, at, root));
    if (this.#find(hash, octets, at, root) !== 0) return false;
    if (2 * this.#size >= this.#table.length / 2) this.#growTable();
    insert(this.#table, hash, this.#keep(octets, at, root));
    this.#depths |= 1 << Math.min(labels, deepest);
    this.#size += 1;
    return true;
  }

  /** Gives back the memory that was for more names. */
  trim(): void {
    this.#arena = Buffer.from(this.#arena.subarray(0, this.#arenaLength));
  }

  /**
   * The longest name of the set that the name at `at` is equal to or below: where it begins in `octets`; -1 if there is none.
   * The name is uncompressed and well-formed, in any case (RFC 4343).
   */
  closest(octets: Buffer, at = 0): number {
    const labels = findLabels(octets, at);
    const root = starts[labels] ?? at;
    let found = this.#hasRoot ? root : -1;
    let hash = this.#seed;
    let end = root;
    for (let index = labels - 1; index >= 0; index -= 1) {
      const start = starts[index] ?? at;
      hash = fold(hash, octets, start, end);
      end = start;
      if ((this.#depths & (1 << Math.min(labels - index, deepest))) === 0) continue;
      if (this.#find(finish(hash), octets, start, root) !== 0) found = start;
    }
    return found;
  }

  /** Of the name from `at` to the root, in the order in which `closest` takes it. `starts` are its labels. */
  #hash(octets: Buffer, at: number, root: number): number {
    let hash = this.#seed;
    let end = root;
    for (let index = findLabels(octets, at) - 1; index >= 0; index -= 1) {
      const start = starts[index] ?? at;
      hash = fold(hash, octets, start, end);
      end = start;
    }
    return hash;
  }

  /** The place of a name; 0 if it is not there. */
  #find(hash: number, octets: Buffer, start: number, root: number): number {
    const table = this.#table;
    const mask = table.length / 2 - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = table[2 * slot + 1] ?? 0;
      if (place === 0) return 0;
      if (table[2 * slot] === hash && this.#isAt(place, octets, start, root)) return place;
    }
  }

  /** The root's octet is compared too, so that what is equal is a whole name. */
  #isAt(place: number, octets: Buffer, start: number, root: number): boolean {
    const arena = this.#arena;
    for (let at = start; at <= root; at += 1) {
      if (arena[place + at - start] !== lowerCase[octets[at] ?? 0]) return false;
    }
    return true;
  }

  #keep(octets: Buffer, start: number, root: number): number {
    const place = this.#arenaLength;
    const length = root + 1 - start;
    if (place + length > this.#arena.length) {
      const larger = Buffer.alloc(2 * this.#arena.length);
      this.#arena.copy(larger);
      this.#arena = larger;
    }
    for (let at = 0; at < length; at += 1) this.#arena[place + at] = lowerCase[octets[start + at] ?? 0] ?? 0;
    this.#arenaLength += length;
    return place;
  }

  #growTable(): void {
    const old = this.#table;
    const table = new Int32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const place = old[at + 1] ?? 0;
      if (place !== 0) insert(table, old[at] ?? 0, place);
    }
    this.#table = table;
  }
}

/** Where the labels of the name begin that was looked at last, and after them its root. */
const starts = new Uint32Array(maxLabels + 1);

/** RFC 4343 section 3.2: A to Z only; length octets are below 64, so they never look like a letter. */
const lowerCase = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

/** Fills `starts`; the number of labels. */
function findLabels(octets: Buffer, from: number): number {
  let count = 0;
  let at = from;
  for (;;) {
    starts[count] = at;
    const length = octets[at] ?? 0;
    if (length === 0 || count === maxLabels) return count;
    count += 1;
    at += length + 1;
  }
}

/** FNV-1a over one label. */
function fold(start: number, octets: Buffer, from: number, to: number): number {
  let hash = start;
  for (let at = from; at < to; at += 1) {
    hash = Math.imul(hash ^ (lowerCase[octets[at] ?? 0] ?? 0), 0x0100_0193);
  }
  return hash;
}

/** Spreads the hash over the bits that choose the slot (the end of MurmurHash3). */
function finish(start: number): number {
  let hash = start ^ (start >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

function insert(table: Int32Array, hash: number, place: number): void {
  const mask = table.length / 2 - 1;
  let slot = hash & mask;
  while (table[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  table[2 * slot] = hash;
  table[2 * slot + 1] = place;
}
