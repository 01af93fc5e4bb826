/**
 * What is decided, as it is decided, for whoever watches. Nothing is kept for those who come later: that is the log's.
 *
 * While nobody watches, an event costs one look at `isWatched`, so ask that before putting one together.
 *
 * Limitations: a watcher that is too slow loses events, and is told how many.
 */
import { printableFields, type PrintableRecord } from './printable.ts';

/** Values that say what was decided, about whom and why. Undefined ones are left out. */
export type FeedEvent = Readonly<Record<string, unknown>>;

/** Told of each event, already printable; must not throw. */
export type FeedListener = (event: PrintableRecord) => void;

/** Where events are told. */
export interface Teller {
  readonly isWatched: boolean;
  say(event: FeedEvent): void;
}

export class Feed implements Teller {
  readonly #nowMs: () => number;
  readonly #listeners = new Set<FeedListener>();

  /** @param nowMs milliseconds since the epoch */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** Tells all who watch; `time` is added. */
  say(event: FeedEvent): void {
    if (!this.isWatched) return;
    const printable = { time: new Date(this.#nowMs()).toISOString(), ...printableFields(event) };
    for (const listener of this.#listeners) listener(printable);
  }

  /** A way to tell events that adds these fields to each, before its own. */
  labelled(fields: FeedEvent): Teller {
    const isWatched = (): boolean => this.isWatched;
    return {
      get isWatched() {
        return isWatched();
      },
      say: (event) => {
        if (this.isWatched) this.say({ ...fields, ...event });
      },
    };
  }

  /** Gives what ends it. */
  watch(listener: FeedListener): () => void {
    // One of its own, so that the same function can watch twice.
    const own: FeedListener = (event) => {
      listener(event);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }
}

/** Events that wait for one watcher; a second or two of a busy gate. */
export const maxWaitingEvents = 1000;

/** One who watches at his own speed. Iterate once: batches of what came since the last one. */
export class FeedReader implements AsyncIterable<readonly PrintableRecord[]> {
  readonly #stop: () => void;
  #waiting: PrintableRecord[] = [];
  #missed = 0;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(feed: Feed) {
    this.#stop = feed.watch((event) => {
      this.#take(event);
    });
  }

  /** Ends the iteration; what waits is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#stop();
    this.#wake?.();
  }

  /** After the events that found a place comes `{ missed: n }` for those that did not. */
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly PrintableRecord[], void, undefined> {
    try {
      while (!this.#isClosed) {
        const batch = this.#all();
        if (batch.length > 0) yield batch;
        else await this.#more();
      }
    } finally {
      this.close();
    }
  }

  #take(event: PrintableRecord): void {
    if (this.#waiting.length < maxWaitingEvents) this.#waiting.push(event);
    else this.#missed++;
    this.#wake?.();
  }

  #all(): readonly PrintableRecord[] {
    const batch = this.#waiting;
    if (this.#missed > 0) batch.push({ missed: this.#missed });
    this.#waiting = [];
    this.#missed = 0;
    return batch;
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => {
      resolve(undefined);
    };
    await promise;
    this.#wake = undefined;
  }
}
