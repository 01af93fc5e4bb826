/**
 * The names that stand in the message under way, for compression (RFC 1035 section 4.1.4): each by its first label and by where
 * the name after that label stands, so that a look costs one label and not one whole name, and makes no string.
 *
 * What is found has the same octets, not only the same letters (RFC 5936 section 3.4). Work is bounded: what would make a long
 * row in the table is left out, and its name is then written again instead of pointed to.
 *
 * Limitations: the hash has no seed, so that the same records always make the same messages; who knows it can spoil the
 * compression of names of his own choice, and nothing else.
 */

/** RFC 1035 section 4.1.4: a pointer has 14 bits. */
export const pointerLimit = 0x4000;
const pointerMark = 0xc000;
/** A message of 16,000 octets has a few hundred names; more than that may be lost. */
const slotCount = 4096;
const longestRow = 32;

export class NameTable {
  readonly #octets: Buffer;
  /** Where a name begins; 0 where there is none. */
  readonly #slots = new Uint16Array(slotCount);
  /** Where the last `find` would have had to find its name; -1 if it found it, or there was no room. */
  #free = -1;

  /** @param octets of the message under way */
  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  clear(): void {
    this.#slots.fill(0);
  }

  /**
   * Where a name stands that begins with the label at `at` of `octets` and goes on with the name that stands at `rest` of the
   * message, 0 for the root; 0 if there is none.
   */
  find(octets: Buffer, at: number, rest: number): number {
    const slots = this.#slots;
    let slot = hashOf(octets, at, rest);
    this.#free = -1;
    for (let row = 0; row < longestRow; row += 1) {
      const place = slots[slot] ?? 0;
      if (place === 0) {
        this.#free = slot;
        return 0;
      }
      if (this.#isAt(place, octets, at, rest)) return place;
      slot = (slot + 1) & (slotCount - 1);
    }
    return 0;
  }

  /** Notes that the name that the last `find` did not find now stands at `place`. */
  addSought(place: number): void {
    if (this.#free >= 0 && place < pointerLimit) this.#slots[this.#free] = place;
  }

  #isAt(place: number, octets: Buffer, at: number, rest: number): boolean {
    const written = this.#octets;
    const length = octets[at] ?? 0;
    for (let index = 0; index <= length; index += 1) {
      if (written[place + index] !== octets[at + index]) return false;
    }
    const next = place + length + 1;
    const octet = written[next] ?? 0;
    if (rest === 0) return octet === 0;
    // A name goes on with the octets after it or with a pointer; every name has but one place that is pointed to.
    return next === rest || ((octet << 8) | (written[next + 1] ?? 0)) === (pointerMark | rest);
  }
}

function hashOf(octets: Buffer, at: number, rest: number): number {
  const end = at + (octets[at] ?? 0);
  let hash = Math.imul(rest + 1, 0x9e3779b1);
  for (let index = at; index <= end; index += 1) {
    hash = Math.imul(hash ^ (octets[index] ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & (slotCount - 1);
}
