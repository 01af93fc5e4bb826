/**
 * When to try again what has failed: the wait doubles with each failure in a row, and half of it is random, so that many
 * clients of a server that comes back do not come all at once. Pure; time and randomness are passed in.
 */
import type { ClientLimits } from './limits.ts';

export class Backoff {
  readonly #limits: Pick<ClientLimits, 'retry-min' | 'retry-max'>;
  readonly #random: () => number;
  #failures = 0;
  #nextMs = -Infinity;

  /** `random` gives numbers from 0 up to but not including 1, as Math.random does. */
  constructor(limits: Pick<ClientLimits, 'retry-min' | 'retry-max'>, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds since the epoch: when the next try may be made. */
  get nextMs(): number {
    return this.#nextMs;
  }

  noteFailure(nowMs: number): void {
    const { 'retry-min': least, 'retry-max': most } = this.#limits;
    // 2^30 milliseconds are longer than any limit; more doublings would end in Infinity.
    const wholeMs = Math.min(most, least * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    this.#nextMs = nowMs + wholeMs * (1 - this.#random() / 2);
  }

  noteSuccess(): void {
    this.#failures = 0;
    this.#nextMs = -Infinity;
  }
}
