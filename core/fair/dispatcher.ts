/**
 * The fair queue with a clock: what is due while nothing else happens is done by one timer, which runs only while something waits.
 */
import type { FairClass, FairEntry, ShedReason } from './fair-entry.ts';
import { FairQueue } from './fair-queue.ts';
import type { FairLimits } from './limits.ts';
import { Window } from './window.ts';

export interface DispatcherOptions {
  /** Asked each time, so that a new configuration counts at once. */
  readonly limits: () => FairLimits;
  /** How many questions a second go upstream at most, above 0; undefined for as many as there are. */
  readonly rate: () => number | undefined;
  /** A clock that never goes back, milliseconds with fractions. */
  readonly nowMs: () => number;
  /** Told of each question that is shed. */
  readonly onShed?: ((of: FairClass, why: ShedReason) => void) | undefined;
}

/** Timers of Node.js are not more exact than this. */
const tickMs = 1;

export class Dispatcher {
  readonly #nowMs: () => number;
  readonly #window: Window;
  readonly #queue: FairQueue;
  #timer: NodeJS.Timeout | undefined = undefined;
  #timerMs = Infinity;
  #isClosed = false;

  constructor({ limits, rate, nowMs, onShed }: DispatcherOptions) {
    this.#nowMs = nowMs;
    this.#window = new Window({ limits, rate });
    this.#queue = new FairQueue({ limits, window: this.#window, onShed });
  }

  /** Questions that wait for their turn. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Questions that have begun and are not over. */
  get underWay(): number {
    return this.#window.underWay;
  }

  /** How many may be under way, as learned by now. */
  get windowSize(): number {
    return this.#window.size;
  }

  /**
   * Begins the question in this very turn if nothing waits and there is room; else it waits, or something is shed, perhaps it.
   * Throws if it was added before and is not over.
   */
  add(entry: FairEntry): void {
    const nowMs = this.#nowMs();
    this.#queue.add(entry, nowMs);
    if (this.#isClosed) this.#queue.clear();
    if (this.#queue.waiting > 0) this.#arm(nowMs);
  }

  /** The owner gives the question up while it waits: nothing comes any more. No fault if it does not wait. */
  remove(entry: FairEntry): void {
    this.#queue.remove(entry);
  }

  /** A question that has begun is over; `answered` says whether the server said anything. No fault if it was over before. */
  ended(entry: FairEntry, answered: boolean): void {
    const nowMs = this.#nowMs();
    this.#queue.ended(entry, nowMs, answered);
    if (this.#queue.waiting > 0) this.#arm(nowMs);
  }

  /** Sheds all that waits, and lets nothing wait any more. */
  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
    this.#disarm();
  }

  /** The timer is set anew only if it would come too late: on time or too early it finds out itself what is next. */
  #arm(nowMs: number): void {
    const dueMs = this.#queue.dueMs(nowMs);
    if (dueMs === undefined || dueMs > this.#timerMs - tickMs) return;
    this.#disarm();
    this.#timerMs = dueMs;
    this.#timer = setTimeout(this.#onTimer, Math.ceil(dueMs - nowMs)).unref();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerMs = Infinity;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerMs = Infinity;
    const nowMs = this.#nowMs();
    if (this.#queue.advance(nowMs) !== undefined) this.#arm(nowMs);
  };
}
