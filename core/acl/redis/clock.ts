/**
 * How long ago something was, by two clocks: that of the wall, which can be set, and one that only runs. The longer of the
 * two counts: a wall clock that was set back does not make old things young, and a machine that slept does not either.
 */

/** A moment, by both clocks; milliseconds. */
export interface Moment {
  readonly wallMs: number;
  readonly steadyMs: number;
}

export class Clock {
  readonly #wallMs: () => number;
  readonly #steadyMs: () => number;

  /**
   * @param wallMs milliseconds since the epoch
   * @param steadyMs milliseconds since anything, that never go back
   */
  constructor(wallMs: () => number, steadyMs: () => number = () => performance.now()) {
    this.#wallMs = wallMs;
    this.#steadyMs = steadyMs;
  }

  /** Milliseconds since the epoch. */
  get nowMs(): number {
    return this.#wallMs();
  }

  now(): Moment {
    return { wallMs: this.#wallMs(), steadyMs: this.#steadyMs() };
  }

  /** Milliseconds since then; Infinity since never. */
  ageMs(moment: Moment | undefined): number {
    if (moment === undefined) return Infinity;
    return Math.max(this.#wallMs() - moment.wallMs, this.#steadyMs() - moment.steadyMs);
  }
}
