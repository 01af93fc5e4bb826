/**
 * Spares a server that fails, and those who wait for it: after some failures in a row nothing is asked for a while, then
 * one question is let through as a probe. Its answer closes the breaker, its failure opens it for twice as long.
 *
 * Pure; time is passed in.
 */

export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open at first, and at most. */
  readonly openMinMs: number;
  readonly openMaxMs: number;
}

export const breakerLimits: BreakerLimits = { failures: 5, openMinMs: 1000, openMaxMs: 10_000 };

export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  #failures = 0;
  #openMs = 0;
  #openUntilMs = -Infinity;
  #isOpen = false;
  #isProbing = false;

  constructor(limits: BreakerLimits = breakerLimits) {
    this.#limits = limits;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** When the next probe may be sent; -Infinity while it is closed. */
  get openUntilMs(): number {
    return this.#openUntilMs;
  }

  /** Whether something may be asked now: "pass", "probe" (the only one; what comes of it must be noted) or "wait". */
  ask(nowMs: number): 'pass' | 'probe' | 'wait' {
    if (!this.#isOpen) return 'pass';
    if (this.#isProbing || nowMs < this.#openUntilMs) return 'wait';
    this.#isProbing = true;
    return 'probe';
  }

  /** An answer came. Those of questions from before it opened change nothing, as a probe decides. Says if it closed. */
  noteAnswer(wasProbe: boolean): boolean {
    if (this.#isOpen && !wasProbe) return false;
    const wasOpen = this.#isOpen;
    this.reset();
    return wasOpen;
  }

  /** No answer came, or one that says that the server cannot serve. Says if that opened it. */
  noteFailure(nowMs: number, wasProbe: boolean): boolean {
    if (this.#isOpen) {
      if (wasProbe) this.#open(nowMs, this.#openMs * 2);
      return false;
    }
    this.#failures += 1;
    if (this.#failures < this.#limits.failures) return false;
    this.#open(nowMs, this.#limits.openMinMs);
    return true;
  }

  /** Closes it, as for a new connection. */
  reset(): void {
    this.#failures = 0;
    this.#openMs = 0;
    this.#openUntilMs = -Infinity;
    this.#isOpen = false;
    this.#isProbing = false;
  }

  #open(nowMs: number, forMs: number): void {
    this.#openMs = Math.min(forMs, this.#limits.openMaxMs);
    this.#openUntilMs = nowMs + this.#openMs;
    this.#isOpen = true;
    this.#isProbing = false;
  }
}
