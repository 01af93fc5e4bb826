/**
 * Pairs of 32-bit numbers, by the million: gathered, then sorted by the first of each (radix sort: its time does not depend on
 * what the numbers are), in slices.
 */
import type { Pause } from './zone-version.ts';

const chunkPairs = 1 << 16;
/** Bits of the key that one pass sorts by; three passes are 33 bits. */
const passBits = 11;
const buckets = 1 << passBits;

interface Chunk {
  readonly keys: Int32Array<ArrayBuffer>;
  readonly values: Uint32Array<ArrayBuffer>;
}

/** A list that grows without being copied. */
export class PairList {
  readonly #chunks: Chunk[] = [];
  #last: Chunk = { keys: new Int32Array(0), values: new Uint32Array(0) };
  /** In the last chunk. */
  #used = chunkPairs;

  get length(): number {
    return this.#chunks.length * chunkPairs - (this.#chunks.length === 0 ? 0 : chunkPairs - this.#used);
  }

  push(key: number, value: number): void {
    if (this.#used === chunkPairs) {
      this.#last = { keys: new Int32Array(chunkPairs), values: new Uint32Array(chunkPairs) };
      this.#chunks.push(this.#last);
      this.#used = 0;
    }
    this.#last.keys[this.#used] = key;
    this.#last.values[this.#used] = value;
    this.#used += 1;
  }

  /** Its parts, one after the other; the list is empty then. */
  *drain(): Generator<SortedPairs, void, undefined> {
    while (this.#chunks.length > 0) {
      const [chunk] = this.#chunks.splice(0, 1);
      if (chunk === undefined) return;
      const count = this.#chunks.length === 0 ? this.#used : chunkPairs;
      yield { hashes: chunk.keys.subarray(0, count), numbers: chunk.values.subarray(0, count) };
    }
    this.#used = chunkPairs;
  }
}

export interface SortedPairs {
  readonly hashes: Int32Array<ArrayBuffer>;
  readonly numbers: Uint32Array<ArrayBuffer>;
}

/** Sorts by the unsigned key, those of one key in the order in which they came, and leaves out what is there twice. */
export async function sortPairs(list: PairList, pause: Pause): Promise<SortedPairs> {
  let from = await gathered(list, pause);
  let to = room(from.hashes.length);
  for (let shift = 0; shift < 32; shift += passBits) {
    const starts = await countedStarts(from, shift, pause);
    await inTurns(from.hashes.length, pause, (start, end) => {
      for (let at = start; at < end; at += 1) {
        const key = from.hashes[at] ?? 0;
        const bucket = (key >>> shift) & (buckets - 1);
        const place = starts[bucket] ?? 0;
        starts[bucket] = place + 1;
        to.hashes[place] = key;
        to.numbers[place] = from.numbers[at] ?? 0;
      }
    });
    [from, to] = [to, from];
  }
  return withoutRepeats(from, to, pause);
}

async function gathered(list: PairList, pause: Pause): Promise<SortedPairs> {
  const all = room(list.length);
  let at = 0;
  for (const chunk of list.drain()) {
    all.hashes.set(chunk.hashes, at);
    all.numbers.set(chunk.numbers, at);
    at += chunk.hashes.length;
    await pause();
  }
  return all;
}

async function countedStarts({ hashes }: SortedPairs, shift: number, pause: Pause): Promise<Uint32Array> {
  const starts = new Uint32Array(buckets);
  await inTurns(hashes.length, pause, (start, end) => {
    for (let at = start; at < end; at += 1) {
      const bucket = ((hashes[at] ?? 0) >>> shift) & (buckets - 1);
      starts[bucket] = (starts[bucket] ?? 0) + 1;
    }
  });
  let sum = 0;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const count = starts[bucket] ?? 0;
    starts[bucket] = sum;
    sum += count;
  }
  return starts;
}

/** Into `to`, which is then cut to its length. */
async function withoutRepeats(from: SortedPairs, to: SortedPairs, pause: Pause): Promise<SortedPairs> {
  let count = 0;
  await inTurns(from.hashes.length, pause, (start, end) => {
    for (let at = start; at < end; at += 1) {
      const hash = from.hashes[at] ?? 0;
      const number = from.numbers[at] ?? 0;
      if (count > 0 && to.hashes[count - 1] === hash && to.numbers[count - 1] === number) continue;
      to.hashes[count] = hash;
      to.numbers[count] = number;
      count += 1;
    }
  });
  if (count === to.hashes.length) return to;
  return { hashes: to.hashes.slice(0, count), numbers: to.numbers.slice(0, count) };
}

async function inTurns(
  length: number,
  pause: Pause,
  work: (start: number, end: number) => void,
): Promise<void> {
  for (let start = 0; start < length; start += chunkPairs) {
    work(start, Math.min(length, start + chunkPairs));
    await pause();
  }
}

function room(length: number): SortedPairs {
  return { hashes: new Int32Array(length), numbers: new Uint32Array(length) };
}
