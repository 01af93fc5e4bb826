/** What a reload has replaced: closed when those who began with it have had their time, or with all else. */

interface Closable {
  close(): void;
}

export class Replaced {
  readonly #timers = new Map<Closable, NodeJS.Timeout>();

  /** Closes it so many milliseconds from now. */
  closeAfter(timeMs: number, one: Closable): void {
    const timer = setTimeout(() => {
      this.#timers.delete(one);
      one.close();
    }, timeMs);
    this.#timers.set(one, timer.unref());
  }

  /** Closes all of them now. */
  close(): void {
    for (const [one, timer] of this.#timers) {
      clearTimeout(timer);
      one.close();
    }
    this.#timers.clear();
  }
}
