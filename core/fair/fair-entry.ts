/**
 * A question that wants its turn upstream, and the class that it is of.
 *
 * The lists that an entry stands in are linked through the entry itself: to wait costs no object of its own.
 */
import type { ClientLine } from './client-line.ts';

/** A class of clients. Objects are identities: two classes with the same numbers are two classes. */
export interface FairClass {
  /** Share of the turns, beside the weights of the other classes that want some; above 0. */
  readonly weight: number;
  /** The larger the more important: what has to go without an answer is of the lowest rank that waits. */
  readonly rank: number;
}

/** Why a question goes without an answer: too many wait, or it has waited for too long. */
export type ShedReason = 'full' | 'too-late';

/** Where an entry is. Late ones are under way for so long that their place was given to others. */
export type EntryState = 'outside' | 'waiting' | 'under-way' | 'late';

/**
 * One question. Once added, exactly one of three comes: `begin`, `shed`, or the owner's own `remove`. It may be added again
 * when it is over.
 */
export abstract class FairEntry {
  readonly of: FairClass;
  /** Who asks, within the class: clients of a class take turns. */
  readonly client: string;

  /** The queue's. */
  state: EntryState = 'outside';
  /** The queue's: since when it waits or is under way, milliseconds. */
  sinceMs = 0;
  /** The queue's: the line of its client while it waits. */
  line: ClientLine | undefined = undefined;
  /** The queue's: neighbours among the questions of its client. */
  before: FairEntry | undefined = undefined;
  after: FairEntry | undefined = undefined;
  /** The queue's: neighbours among all that wait, or among all that are under way. */
  older: FairEntry | undefined = undefined;
  newer: FairEntry | undefined = undefined;

  constructor(of: FairClass, client: string) {
    this.of = of;
    this.client = client;
  }

  /** Its turn has come. When it is over the queue's `ended` must be called, also from here. */
  abstract begin(nowMs: number): void;

  /** It will have no turn. May add no entries: they would be the next to be shed. */
  abstract shed(why: ShedReason): void;
}

/** Entries by age, linked through them. An entry stands in at most one such list. */
export class AgeList {
  #oldest: FairEntry | undefined = undefined;
  #newest: FairEntry | undefined = undefined;
  #length = 0;

  get oldest(): FairEntry | undefined {
    return this.#oldest;
  }

  get length(): number {
    return this.#length;
  }

  push(entry: FairEntry): void {
    const newest = this.#newest;
    entry.older = newest;
    if (newest === undefined) this.#oldest = entry;
    else newest.newer = entry;
    this.#newest = entry;
    this.#length += 1;
  }

  /** Takes out an entry that is in this list. */
  remove(entry: FairEntry): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
    this.#length -= 1;
  }
}
