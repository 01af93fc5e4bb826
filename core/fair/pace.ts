/**
 * How many questions a second go upstream: a bucket of tokens.
 *
 * Limitations: the bucket holds what is allowed in a few milliseconds, because timers are not more exact than that; in any second
 * at most that much more than the rate is sent.
 */

/** For so long the bucket fills up, milliseconds: a timer of one millisecond comes up to two or three late. */
const bucketMs = 4;
/** Tokens are fractions, and sums of fractions are not exact. */
const almostOne = 1 - 1e-6;

export class Pace {
  readonly #rate: () => number | undefined;
  #tokens = 1;
  #countedMs = -Infinity;

  /** `rate` is a second's questions, above 0; undefined for as many as there are. */
  constructor(rate: () => number | undefined) {
    this.#rate = rate;
  }

  hasRoom(nowMs: number): boolean {
    const rate = this.#rate();
    return rate === undefined || this.#count(rate, nowMs) >= almostOne;
  }

  take(): void {
    if (this.#rate() !== undefined) this.#tokens -= 1;
  }

  /** When there will be room. */
  roomMs(nowMs: number): number {
    const rate = this.#rate();
    if (rate === undefined) return nowMs;
    return nowMs + Math.max(0, ((1 - this.#count(rate, nowMs)) * 1000) / rate);
  }

  #count(rate: number, nowMs: number): number {
    const perMs = rate / 1000;
    const most = Math.max(1, perMs * bucketMs);
    if (nowMs > this.#countedMs) {
      this.#tokens += (nowMs - this.#countedMs) * perMs;
      this.#countedMs = nowMs;
    }
    this.#tokens = Math.min(this.#tokens, most);
    return this.#tokens;
  }
}
