/**
 * Many coarse timers for one of Node's: what is due in the same fifty milliseconds or so hangs in one list, so that to set and to
 * clear one costs a few assignments. For waits that are nearly always cleared.
 *
 * When the process stood still for a while (a suspended machine, a long task), sockets are read before anything counts as
 * late: answers that have come are there.
 */

/** What can hang in a wheel. */
export abstract class WheelEntry {
  /** By the clock of performance.now. */
  dueMs = 0;
  before: WheelEntry | undefined = undefined;
  after: WheelEntry | undefined = undefined;
  /** Index of the list it hangs in; -1 for none. */
  list = -1;

  abstract onDue(nowMs: number): void;
}

const lists = 512;

export class Wheel {
  readonly #tickMs: number;
  readonly #onTick: () => void;
  readonly #first: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(lists).fill(undefined);
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The tick up to which everything was looked at. */
  #tick = 0;

  /** `onTick` is called at every tick while anything hangs in the wheel, and once after. */
  constructor(tickMs: number, onTick: () => void) {
    this.#tickMs = tickMs;
    this.#onTick = onTick;
  }

  /** Hangs an entry in that is in no list. It is due at the tick after its time, or later. */
  add(entry: WheelEntry, dueMs: number): void {
    if (this.#timer === undefined) {
      this.#tick = Math.floor(performance.now() / this.#tickMs);
      this.#arm();
    }
    const tick = Math.max(this.#tick + 1, Math.ceil(dueMs / this.#tickMs));
    const list = tick % lists;
    const first = this.#first[list];
    entry.dueMs = dueMs;
    entry.list = list;
    entry.after = first;
    if (first !== undefined) first.before = entry;
    this.#first[list] = entry;
    this.#size += 1;
  }

  remove(entry: WheelEntry): void {
    if (entry.list < 0) return;
    const { before, after } = entry;
    if (before === undefined) this.#first[entry.list] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    entry.before = undefined;
    entry.after = undefined;
    entry.list = -1;
    this.#size -= 1;
  }

  /** Everything that hangs in it. */
  entries(): WheelEntry[] {
    const found: WheelEntry[] = [];
    for (const first of this.#first) for (let each = first; each; each = each.after) found.push(each);
    return found;
  }

  #arm(): void {
    const aimMs = performance.now() + this.#tickMs;
    this.#timer = setTimeout(() => {
      const isLate = performance.now() > aimMs + 2 * this.#tickMs;
      if (isLate) setImmediate(this.#turn);
      else this.#turn();
    }, this.#tickMs);
  }

  readonly #turn = (): void => {
    const nowMs = performance.now();
    const tick = Math.floor(nowMs / this.#tickMs);
    const first = Math.max(this.#tick + 1, tick - lists + 1);
    this.#tick = Math.max(this.#tick, tick);
    for (let each = first; each <= tick; each++) this.#empty(each % lists, nowMs);
    this.#onTick();
    this.#timer = undefined;
    if (this.#size > 0) this.#arm();
  };

  /** Those of a later round go back into the list. */
  #empty(list: number, nowMs: number): void {
    const due: WheelEntry[] = [];
    for (let each = this.#first[list]; each; each = each.after) if (each.dueMs <= nowMs) due.push(each);
    for (const entry of due) {
      // One that was removed meanwhile, or moved on.
      if (entry.list !== list || entry.dueMs > nowMs) continue;
      this.remove(entry);
      entry.onDue(nowMs);
    }
  }
}
