/**
 * Answers in wire form, by question, flags and scope (QueryReader.key): what one scope was told is never found by another.
 *
 * Bounded by octets and by entries. When there is no room, a hand goes around over the entries: who was asked for since it came
 * by last stays for another round (CLOCK), which costs a hit nothing but a bit.
 *
 * Pure; the time is an argument.
 */
import type { KeySought, Keyed } from './key-table.ts';
import { KeyTable } from './key-table.ts';
import type { StoredAnswer } from './stored-answer.ts';

export interface CacheBounds {
  readonly entries: number;
  readonly octets: number;
  /** Milliseconds that an answer is kept after it has grown too old, for when nobody can be asked (RFC 8767). */
  readonly staleMs: number;
}

export interface CachedAnswer extends Keyed {
  readonly answer: StoredAnswer;
  /** Milliseconds since the epoch. */
  readonly storedMs: number;
  readonly freshUntilMs: number;
  /** Until then nobody is asked for a fresher one: the last try failed (RFC 8767 section 5). */
  readonly recheckMs: number;
}

interface Entry extends CachedAnswer {
  answer: StoredAnswer;
  storedMs: number;
  freshUntilMs: number;
  recheckMs: number;
  octets: number;
  isUsed: boolean;
  place: number;
}

/** What an entry costs beside its octets: objects, arrays, its place in the table; measured. */
const entryOctets = 450;
const octetsPerTtl = 16;

export class AnswerCache {
  readonly #table = new KeyTable<Entry>();
  readonly #ring: Entry[] = [];
  #hand = 0;
  #octets = 0;
  #bounds: CacheBounds;

  constructor(bounds: CacheBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** Octets of memory, about. */
  get octets(): number {
    return this.#octets;
  }

  setBounds(bounds: CacheBounds): void {
    this.#bounds = bounds;
    this.#makeRoom(0);
  }

  /** The answer that is kept, fresh or not; undefined for one that is too old even for a dead upstream. */
  find(sought: KeySought, nowMs: number): CachedAnswer | undefined {
    const entry = this.#table.find(sought);
    if (entry === undefined) return undefined;
    // A clock that was set back must not make an answer last for ever.
    const isGone = nowMs >= entry.freshUntilMs + this.#bounds.staleMs || nowMs < entry.storedMs - clockStepMs;
    if (isGone) {
      this.#remove(entry);
      return undefined;
    }
    entry.isUsed = true;
    return entry;
  }

  /** Keeps an answer, for as long as it says, in place of the one before. One that may not be kept changes nothing. */
  put(sought: KeySought, answer: StoredAnswer, nowMs: number): void {
    if (answer.keepSeconds <= 0) return;
    const octets = entryOctets + answer.octets.length + sought.keyLength + octetsPerTtl * answer.ttls.length;
    if (octets > this.#bounds.octets) return;
    const freshUntilMs = nowMs + answer.keepSeconds * 1000;
    const known = this.#table.find(sought);
    if (known !== undefined) {
      this.#octets += octets - known.octets;
      Object.assign(known, { answer, octets, storedMs: nowMs, freshUntilMs, recheckMs: 0 });
      this.#makeRoom(0);
      return;
    }
    this.#makeRoom(octets);
    const key = Buffer.from(sought.key.subarray(0, sought.keyLength));
    const { hash } = sought;
    const place = this.#ring.length;
    const times = { storedMs: nowMs, freshUntilMs, recheckMs: 0 };
    const entry: Entry = { hash, key, answer, ...times, octets, isUsed: false, place };
    this.#ring.push(entry);
    this.#octets += octets;
    const displaced = this.#table.add(entry);
    if (displaced !== undefined) this.#leaveRing(displaced);
  }

  /** Notes that there is no fresher answer to be had, and when that may be tried again. */
  noteFailure(sought: KeySought, recheckMs: number): void {
    const entry = this.#table.find(sought);
    if (entry !== undefined) entry.recheckMs = recheckMs;
  }

  clear(): void {
    this.#table.clear();
    this.#ring.length = 0;
    this.#octets = 0;
  }

  #makeRoom(octets: number): void {
    const { entries, octets: most } = this.#bounds;
    const newcomers = octets === 0 ? 0 : 1;
    while (this.#ring.length > 0 && (this.#ring.length + newcomers > entries || this.#octets + octets > most)) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const entry = this.#ring[this.#hand]!;
      if (entry.isUsed) {
        entry.isUsed = false;
        this.#hand += 1;
      } else {
        this.#remove(entry);
      }
    }
  }

  #remove(entry: Entry): void {
    this.#table.remove(entry);
    this.#leaveRing(entry);
  }

  /** The last of the ring takes its place. */
  #leaveRing(entry: Entry): void {
    const last = this.#ring.pop()!;
    if (last !== entry) {
      this.#ring[entry.place] = last;
      last.place = entry.place;
    }
    this.#octets -= entry.octets;
  }
}

/** Milliseconds by which a clock may be set back before what was stored later is thrown away. */
const clockStepMs = 1000;
