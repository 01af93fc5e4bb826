/**
 * Which messages of a version hold the records of an owner: pairs of a hash of the owner and a message's number, sorted by hash,
 * 8 octets for each. What changes from version to version goes into a small table beside them, which is merged now and then.
 *
 * Sorted and not hashed into a table, so that names of the same hash make no work: at worst they are all said to be where any of
 * them is. The hash has a seed besides.
 *
 * Limitations: a message may be named that has only another owner of the same hash.
 */
import { randomInt } from 'node:crypto';
import type { Name } from '../dns/name.ts';
import { PairList, sortPairs } from './pairs.ts';
import { RecordCursor } from './record-cursor.ts';
import { openMessage, type Pause, type ZoneVersion } from './zone-version.ts';

/** Octets of messages that are gone over between two pauses: about 2 ms. */
const octetsPerTurn = 1 << 18;
/** Pairs beside the sorted ones that are merged: more of them cost memory. */
const fewBeside = 4096;
const sharePerBeside = 32;
const noMessage = 0xffff_ffff;

/** What happens to the pairs when the message of one number is made anew. */
export interface MessageChange {
  readonly number: number;
  readonly before: ReadonlySet<number>;
  readonly after: ReadonlySet<number>;
}

export class OwnerIndex {
  /** Goes over messages with the hash that the index knows. */
  readonly cursor: RecordCursor;
  #version: ZoneVersion;
  #hashes = new Int32Array(0);
  #numbers = new Uint32Array(0);
  /** Pairs that came later. */
  readonly #beside = new Map<number, number[]>();
  #besideCount = 0;

  private constructor(version: ZoneVersion, seed: number) {
    this.#version = version;
    this.cursor = new RecordCursor(seed);
  }

  /**
   * Goes over all messages. Rejects with the error of the file that a message is in, or with DnsFormatError.
   *
   * @param seed any number, unknown to those who choose names
   */
  static async build(version: ZoneVersion, pause: Pause, seed = randomInt(2 ** 32)): Promise<OwnerIndex> {
    const index = new OwnerIndex(version, seed);
    await index.#build(version, pause);
    return index;
  }

  /** Octets of memory that it takes, about. */
  get octets(): number {
    return this.#hashes.byteLength + this.#numbers.byteLength + 100 * this.#besideCount;
  }

  /** Makes it that of another version, if it is not: of the one before, say, when the new one was not taken after all. */
  async prepare(version: ZoneVersion, pause: Pause): Promise<void> {
    if (version !== this.#version) await this.#build(version, pause);
    else if (this.#besideCount > fewBeside + this.#hashes.length / sharePerBeside) await this.#merge(pause);
  }

  hashOf(name: Name): number {
    return this.cursor.hashOf(name);
  }

  /** Numbers of the messages where an owner of that hash may be, each once. */
  *messages(hash: number): Generator<number, void, undefined> {
    const hashes = this.#hashes;
    for (let at = this.#firstOf(hash); hashes[at] === hash; at += 1) {
      const number = this.#numbers[at] ?? noMessage;
      if (number !== noMessage) yield number;
    }
    yield* this.#beside.get(hash) ?? [];
  }

  /** Makes it the index of a new version. */
  change(version: ZoneVersion, changes: Iterable<MessageChange>): void {
    for (const { number, before, after } of changes) {
      for (const hash of before) if (!after.has(hash)) this.#remove(hash, number);
      for (const hash of after) if (!before.has(hash)) this.#add(hash, number);
    }
    this.#version = version;
  }

  async #build(version: ZoneVersion, pause: Pause): Promise<void> {
    const pairs = new PairList();
    let octets = 0;
    for (const [number, stored] of version.messages.entries()) {
      const message = Buffer.isBuffer(stored) ? stored : await openMessage(stored);
      this.#note(message, number, pairs);
      octets += message.length;
      if (octets < octetsPerTurn) continue;
      octets = 0;
      await pause();
    }
    await this.#take(pairs, pause);
    this.#version = version;
  }

  #note(message: Buffer, number: number, pairs: PairList): void {
    const { cursor } = this;
    let last: number | undefined;
    cursor.open(message);
    while (cursor.next()) {
      if (cursor.hash === last) continue;
      last = cursor.hash;
      pairs.push(last, number);
    }
  }

  /** The sorted pairs and those beside them. */
  async #merge(pause: Pause): Promise<void> {
    const pairs = new PairList();
    for (let at = 0; at < this.#hashes.length; at += 1) {
      const number = this.#numbers[at] ?? noMessage;
      if (number !== noMessage) pairs.push(this.#hashes[at] ?? 0, number);
      if (at % octetsPerTurn === octetsPerTurn - 1) await pause();
    }
    for (const [hash, numbers] of this.#beside) for (const number of numbers) pairs.push(hash, number);
    await this.#take(pairs, pause);
  }

  async #take(pairs: PairList, pause: Pause): Promise<void> {
    const { hashes, numbers } = await sortPairs(pairs, pause);
    this.#hashes = hashes;
    this.#numbers = numbers;
    this.#beside.clear();
    this.#besideCount = 0;
  }

  #firstOf(hash: number): number {
    const hashes = this.#hashes;
    const sought = hash >>> 0;
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((hashes[middle] ?? 0) >>> 0 < sought) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #add(hash: number, number: number): void {
    const beside = this.#beside.get(hash);
    if (beside === undefined) this.#beside.set(hash, [number]);
    else beside.push(number);
    this.#besideCount += 1;
  }

  #remove(hash: number, number: number): void {
    for (let at = this.#firstOf(hash); this.#hashes[at] === hash; at += 1) {
      if (this.#numbers[at] === number) {
        this.#numbers[at] = noMessage;
        return;
      }
    }
    const beside = this.#beside.get(hash);
    const at = beside?.indexOf(number) ?? -1;
    if (beside === undefined || at < 0) return;
    beside.splice(at, 1);
    this.#besideCount -= 1;
    if (beside.length === 0) this.#beside.delete(hash);
  }
}
