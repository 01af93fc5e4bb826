/**
 * How a server has been doing: one that fails is asked last for a while, which doubles as long as it goes on failing
 * (RFC 9520 section 3.2). It is still asked when no other answers, so that an outage ends when it ends.
 *
 * Pure; the time is an argument.
 */
import type { ResolverLimits } from '../limits.ts';

/** Failures in a row that make a server "down"; one lost packet is not news. */
const failuresToBeDown = 2;

export class ServerHealth {
  readonly #limits: Pick<ResolverLimits, 'failure-min' | 'failure-max'>;
  #failuresInRow = 0;
  #lastUntilMs = 0;
  #isStripping = false;

  constructor(limits: Pick<ResolverLimits, 'failure-min' | 'failure-max'>) {
    this.#limits = limits;
  }

  get isDown(): boolean {
    return this.#failuresInRow >= failuresToBeDown || this.#isStripping;
  }

  /** Until when it is asked last, milliseconds since the epoch. */
  get lastUntilMs(): number {
    return this.#lastUntilMs;
  }

  /** It answered; true if it was down till now. */
  noteAnswer(): boolean {
    if (this.#isStripping) return false;
    const wasDown = this.isDown;
    this.#failuresInRow = 0;
    this.#lastUntilMs = 0;
    return wasDown;
  }

  /** It failed; true if it was not down till now. */
  noteFailure(nowMs: number): boolean {
    const wasDown = this.isDown;
    this.#failuresInRow += 1;
    if (!this.isDown) return false;
    const { 'failure-min': least, 'failure-max': most } = this.#limits;
    const doublings = Math.min(this.#failuresInRow - failuresToBeDown, 20);
    this.#lastUntilMs = nowMs + Math.max(least, Math.min(most, least * 2 ** doublings));
    return !wasDown;
  }

  /** It takes DNSSEC records out of its answers; true if that is news. */
  noteStripping(nowMs: number): boolean {
    const isNews = !this.#isStripping;
    this.#isStripping = true;
    this.#lastUntilMs = nowMs + this.#limits['failure-max'];
    return isNews;
  }

  /** Its answers were validated; true if it was thought to strip DNSSEC records. */
  noteSecureAnswer(): boolean {
    if (!this.#isStripping) return false;
    this.#isStripping = false;
    this.noteAnswer();
    return true;
  }
}
