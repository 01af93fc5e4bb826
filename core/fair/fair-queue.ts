/**
 * Questions on their way upstream: who goes first, who waits, and who goes without an answer. Pure; time is passed in.
 *
 * Between classes turns are given by weight (start-time fair queueing, each question costs the same), so that a class which
 * asks for less than its share hardly waits, and what is left over is shared. Within a class clients take turns. Where too many
 * wait, the least important class that has somebody waiting loses the oldest question of a client with most.
 *
 * Limitations: all questions cost the same, because what one costs the server is not known before. Who waits for longer than
 * `queue-time` is shed when something happens next, or by `advance`.
 */
import { ClassLine } from './class-line.ts';
import { AgeList, type FairClass, type FairEntry, type ShedReason } from './fair-entry.ts';
import type { FairLimits } from './limits.ts';
import type { Window } from './window.ts';

/** Classes are few; those of a configuration that was replaced are forgotten when there are more, and nothing of them waits. */
const manyClasses = 64;
/** In one call so many are shed for having waited too long; more of them in the next. */
const mostTooLate = 512;

export interface FairQueueOptions {
  readonly limits: () => FairLimits;
  readonly window: Window;
  /** Told of each question that is shed, before the question is. */
  readonly onShed?: ((of: FairClass, why: ShedReason) => void) | undefined;
}

export class FairQueue {
  readonly #limits: () => FairLimits;
  readonly #window: Window;
  readonly #onShed: ((of: FairClass, why: ShedReason) => void) | undefined;
  readonly #lines = new Map<FairClass, ClassLine>();
  /** The same, as a list. */
  #all: ClassLine[] = [];
  readonly #waiting = new AgeList();
  /** Those that have their place in the window. */
  readonly #placed = new AgeList();
  #virtualTime = 0;
  /** Entries are being called: what they do in turn is finished by the call that is under way. */
  #isBusy = false;

  constructor(options: FairQueueOptions) {
    this.#limits = options.limits;
    this.#window = options.window;
    this.#onShed = options.onShed;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get underWay(): number {
    return this.#window.underWay;
  }

  /** Classes of which something is known. */
  get classes(): number {
    return this.#lines.size;
  }

  /** Begins it now, or lets it wait, or sheds somebody, perhaps it. Throws if it is here already. */
  add(entry: FairEntry, nowMs: number): void {
    if (entry.state !== 'outside') throw new Error('a question was added to the queue twice');
    const line = this.#lines.get(entry.of) ?? this.#makeLine(entry.of);
    if (this.#waiting.length === 0 && !this.#isBusy && this.#window.hasRoom(nowMs)) {
      line.start = Math.max(this.#virtualTime, line.finish);
      this.#isBusy = true;
      try {
        this.#begin(line, entry, nowMs);
      } finally {
        this.#isBusy = false;
      }
      this.#settle(nowMs);
      return;
    }
    if (line.waiting === 0) line.start = Math.max(this.#virtualTime, line.finish);
    entry.state = 'waiting';
    entry.sinceMs = nowMs;
    line.push(entry);
    this.#waiting.push(entry);
    this.#settle(nowMs);
  }

  /** Given up while it waited. One that does not wait is left as it is. */
  remove(entry: FairEntry): void {
    if (entry.state === 'waiting') this.#takeOut(entry);
  }

  /** One that has begun is over: frees its place, and teaches the window. Another is left as it is. */
  ended(entry: FairEntry, nowMs: number, answered: boolean): void {
    if (entry.state === 'under-way') {
      this.#placed.remove(entry);
      this.#window.ended(entry.sinceMs, nowMs, answered);
    } else if (entry.state === 'late') this.#window.endedLate(entry.sinceMs, nowMs, answered);
    else return;
    entry.state = 'outside';
    this.#settle(nowMs);
    this.#window.noteEnded(this.#waiting.length > 0 && !this.#window.hasPlace);
  }

  /** Begins and sheds what is due; says when to call again, undefined if nothing waits. */
  advance(nowMs: number): number | undefined {
    this.#settle(nowMs);
    return this.dueMs(nowMs);
  }

  /** When something is due of itself; undefined if nothing waits. */
  dueMs(nowMs: number): number | undefined {
    const oldest = this.#waiting.oldest;
    if (oldest === undefined) return undefined;
    const tooLateMs = oldest.sinceMs + this.#limits()['queue-time'];
    const window = this.#window;
    const first = this.#placed.oldest;
    let roomMs = Infinity;
    if (window.hasPlace) roomMs = window.roomMs(nowMs);
    else if (first !== undefined) roomMs = first.sinceMs + window.patienceMs;
    return Math.max(nowMs, Math.min(tooLateMs, roomMs));
  }

  /** Sheds all that waits. */
  clear(): void {
    for (let entry = this.#waiting.oldest; entry !== undefined; entry = this.#waiting.oldest)
      this.#shed(entry, 'full');
  }

  #settle(nowMs: number): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    try {
      this.#shedTooLate(nowMs);
      this.#giveAwayPlaces(nowMs);
      const most = this.#limits().queue;
      while (this.#waiting.length > 0) {
        if (this.#window.hasRoom(nowMs)) this.#beginNext(nowMs);
        else if (this.#waiting.length > most) this.#shedLeast();
        else break;
      }
    } finally {
      this.#isBusy = false;
    }
  }

  #shedTooLate(nowMs: number): void {
    const sinceMs = nowMs - this.#limits()['queue-time'];
    for (let count = 0; count < mostTooLate; count += 1) {
      const entry = this.#waiting.oldest;
      if (entry === undefined || entry.sinceMs > sinceMs) return;
      this.#shed(entry, 'too-late');
    }
  }

  /** Those under way for too long keep no others waiting. */
  #giveAwayPlaces(nowMs: number): void {
    for (;;) {
      const entry = this.#placed.oldest;
      if (entry === undefined || entry.sinceMs + this.#window.patienceMs > nowMs) return;
      this.#placed.remove(entry);
      entry.state = 'late';
      this.#window.giveAway();
    }
  }

  #beginNext(nowMs: number): void {
    let next: ClassLine | undefined;
    for (const line of this.#all)
      if (line.waiting > 0 && (next === undefined || goesBefore(line, next))) next = line;
    const entry = next?.shift();
    if (next === undefined || entry === undefined) return;
    this.#waiting.remove(entry);
    this.#begin(next, entry, nowMs);
  }

  #begin(line: ClassLine, entry: FairEntry, nowMs: number): void {
    this.#virtualTime = line.start;
    line.finish = line.start + 1 / line.of.weight;
    line.start = line.finish;
    entry.state = 'under-way';
    entry.sinceMs = nowMs;
    this.#placed.push(entry);
    this.#window.begun();
    entry.begin(nowMs);
  }

  #shedLeast(): void {
    let least: ClassLine | undefined;
    for (const line of this.#all)
      if (line.waiting > 0 && (least === undefined || isShedBefore(line, least))) least = line;
    const entry = least?.leastDeserving;
    if (entry !== undefined) this.#shed(entry, 'full');
  }

  #shed(entry: FairEntry, why: ShedReason): void {
    this.#takeOut(entry);
    this.#onShed?.(entry.of, why);
    entry.shed(why);
  }

  #takeOut(entry: FairEntry): void {
    this.#lines.get(entry.of)?.remove(entry);
    this.#waiting.remove(entry);
    entry.state = 'outside';
  }

  #makeLine(of: FairClass): ClassLine {
    if (this.#all.length >= manyClasses) {
      for (const line of this.#all) if (line.waiting === 0) this.#lines.delete(line.of);
      this.#all = [...this.#lines.values()];
    }
    const line = new ClassLine(of);
    this.#lines.set(of, line);
    this.#all.push(line);
    return line;
  }
}

function goesBefore(line: ClassLine, other: ClassLine): boolean {
  return line.start < other.start || (line.start === other.start && line.of.rank > other.of.rank);
}

function isShedBefore(line: ClassLine, other: ClassLine): boolean {
  return line.of.rank < other.of.rank || (line.of.rank === other.of.rank && line.waiting > other.waiting);
}
