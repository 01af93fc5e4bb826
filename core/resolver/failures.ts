/**
 * Lookups that failed, and for how long they are not tried again (RFC 9520 section 3.2): `failure-min` after the first
 * failure, twice as long after each further one, `failure-max` at most. Failures of validation are among them
 * (RFC 9520 section 3.4), and the memory for all is bounded (RFC 9520 section 5).
 *
 * When a resolver that was down answers again, lookups that failed for want of an answer may be tried again at once,
 * that is `failure-min` after they failed: the cause is gone.
 */
import { OctetCache, type Sized } from './cache.ts';
import type { ResolverLimits } from './limits.ts';
import type { LookupResult } from './resolver.ts';

/** Octets of an entry without its texts. */
const entryOctets = 360;

interface Failure extends Sized {
  readonly result: LookupResult;
  readonly isOutage: boolean;
  /** Failures in a row. */
  readonly times: number;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export class Failures {
  readonly #limits: Pick<ResolverLimits, 'failure-min' | 'failure-max' | 'failure-octets'>;
  readonly #failures: OctetCache<Failure>;
  #outageEndedMs = -Infinity;

  constructor(limits: Pick<ResolverLimits, 'failure-min' | 'failure-max' | 'failure-octets'>) {
    this.#limits = limits;
    this.#failures = new OctetCache(limits['failure-octets']);
  }

  /** The failure that must not be tried again yet. */
  recent(key: string, nowMs: number): LookupResult | undefined {
    const failure = this.#failures.get(key);
    if (!failure) return undefined;
    const leftMs = this.#endOf(failure) - nowMs;
    if (leftMs <= 0) return undefined;
    const [ago, left] = [nowMs - failure.sinceMs, leftMs].map((ms) => String(Math.ceil(ms / 1000)));
    const { result } = failure;
    return { ...result, detail: `${result.detail} (found ${ago} s ago; asked again in ${left} s)` };
  }

  /** Whether there is one. */
  has(key: string, nowMs: number): boolean {
    const failure = this.#failures.peek(key);
    return failure !== undefined && this.#endOf(failure) > nowMs;
  }

  /** `isOutage`: nobody answered, so that it is worth trying as soon as somebody does. */
  note(key: string, result: LookupResult, isOutage: boolean, nowMs: number): void {
    const { 'failure-min': least, 'failure-max': most } = this.#limits;
    const before = this.#failures.peek(key);
    const isInRow = before !== undefined && nowMs < before.untilMs + most;
    const times = isInRow ? before.times + 1 : 1;
    const waitMs = Math.max(least, Math.min(most, least * 2 ** Math.min(times - 1, 20)));
    const { status, rcode, detail } = result;
    this.#failures.set(key, {
      result: { status, rcode, records: [], ttlSeconds: 0, detail },
      isOutage,
      times,
      sinceMs: nowMs,
      untilMs: nowMs + waitMs,
      octets: entryOctets + key.length + 2 * detail.length,
    });
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Somebody answers again. */
  noteOutageEnded(nowMs: number): void {
    this.#outageEndedMs = nowMs;
  }

  #endOf({ isOutage, sinceMs, untilMs }: Failure): number {
    const isOver = isOutage && sinceMs <= this.#outageEndedMs;
    return isOver ? Math.min(untilMs, sinceMs + this.#limits['failure-min']) : untilMs;
  }
}
