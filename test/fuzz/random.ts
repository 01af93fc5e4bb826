/** Random numbers that come again with the same seed, so that what a fuzz test found can be found again. */

/** The seed of this run: set DANCED_FUZZ_SEED to try another, or the one of a failure. */
export const fuzzSeed = Number(process.env['DANCED_FUZZ_SEED'] ?? 9103);

/** Numbers by mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `bound` - 1. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  octets(length: number): Buffer {
    const octets = Buffer.alloc(length);
    for (let index = 0; index < length; index += 1) octets[index] = this.below(256);
    return octets;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to choose from');
    return choice;
  }

  /** The octets with one to `most` changes: bits turned, octets set, cut out, put in or repeated. */
  mutate(original: Buffer, most = 4): Buffer {
    let octets = Buffer.from(original);
    for (let changes = 1 + this.below(most); changes > 0; changes -= 1) octets = this.#change(octets);
    return octets;
  }

  #change(octets: Buffer): Buffer<ArrayBuffer> {
    const at = this.below(Math.max(octets.length, 1));
    const [before, after] = [octets.subarray(0, at), octets.subarray(at)];
    switch (this.below(6)) {
      case 0:
        return Buffer.concat([
          before,
          after.map((octet, index) => (index === 0 ? octet ^ (1 << this.below(8)) : octet)),
        ]);
      case 1:
        return Buffer.concat([before, Buffer.from([this.pick(edges)]), after.subarray(1)]);
      case 2:
        return Buffer.concat([before, after.subarray(1 + this.below(8))]);
      case 3:
        return Buffer.concat([before, this.octets(1 + this.below(8)), after]);
      case 4:
        return Buffer.concat([before, after.subarray(0, 1 + this.below(16)), after]);
      default:
        return Buffer.from(before);
    }
  }
}

/** Octets at which readers go wrong: ends of ranges, and the marks of compression pointers. */
const edges = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
