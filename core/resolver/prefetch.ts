/**
 * Keeps the TLSA records of known clients at hand, so that their connections need not wait for the DNS: those of the
 * names in the access list are looked up at the start, and again shortly before they run out.
 *
 * The names are gone through slowly and again and again; at most `prefetch-rate` of them are looked up a second. How long
 * before its end a record is fetched is partly chance, so that what was fetched together is not fetched together for ever.
 * A resolver that answers from its own cache gives a record with the time that is left to it; then it is asked again when
 * that is over.
 *
 * Limitations: of patterns (`*.example`) nothing is fetched; the names below are not known.
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Log } from '../observe/log.ts';
import { defaultResolverLimits, type ResolverLimits } from './limits.ts';
import type { ValidatingResolver } from './validating.ts';

export interface PrefetcherOptions {
  readonly resolver: Pick<ValidatingResolver, 'refresh' | 'cachedUntilMs'>;
  /** The names of the access list without its patterns; called anew for each round. */
  readonly names: () => Iterable<Name>;
  readonly limits?: Pick<ResolverLimits, 'prefetch-names' | 'prefetch-rate'>;
  readonly nowMs?: () => number;
  readonly log?: Log;
}

/** Ticks in a second. */
const ticks = 10;
/** Names looked at in one tick; a look costs half a microsecond. */
const looksPerTick = 500;
/** From the end of one round to the start of the next, so that a short list is not gone through all the time. */
const restMs = 1000;
/** A record is fetched again when a twentieth to a tenth of its TTL is left; of a longer TTL this much counts. */
const longestLeadMs = 600_000;

interface Fetched {
  /** When the record is fetched again. */
  readonly againMs: number;
}

export class Prefetcher {
  readonly #options: PrefetcherOptions;
  readonly #limits: Pick<ResolverLimits, 'prefetch-names' | 'prefetch-rate'>;
  readonly #nowMs: () => number;
  readonly #fetched = new Map<string, Fetched>();
  #round: Iterator<Name, unknown> | undefined;
  #seen = new Set<string>();
  #restUntilMs = 0;
  #underWay = 0;
  /** Lookups that may be started now; a fraction is kept for the next tick. */
  #allowance = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PrefetcherOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultResolverLimits;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  start(): void {
    if (this.#limits['prefetch-names'] === 0) return;
    this.#timer ??= setInterval(() => {
      this.tick();
    }, 1000 / ticks).unref();
  }

  /** Starts no more lookups. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One tick's work; the timer calls it. */
  tick(): void {
    const rate = this.#limits['prefetch-rate'];
    this.#allowance = Math.min(this.#allowance + rate / ticks, 1 + rate / ticks);
    for (let looks = 0; looks < looksPerTick; looks++) {
      // Lookups that take longer than a second slow the rest down, whatever the rate.
      if (this.#allowance < 1 || this.#underWay >= rate) return;
      const name = this.#next();
      if (!name) return;
      if (!this.#isDue(name)) continue;
      this.#allowance -= 1;
      void this.#fetch(name);
    }
  }

  /** The next name of the round; undefined between two rounds. */
  #next(): Name | undefined {
    const nowMs = this.#nowMs();
    if (!this.#round) {
      if (nowMs < this.#restUntilMs) return undefined;
      this.#round = this.#options.names()[Symbol.iterator]();
      this.#seen = new Set();
    }
    const next = this.#round.next();
    if (next.done !== true && this.#seen.size < this.#limits['prefetch-names']) {
      this.#seen.add(next.value.key);
      return next.value;
    }
    this.#round.return?.();
    this.#round = undefined;
    this.#restUntilMs = nowMs + restMs;
    for (const key of this.#fetched.keys()) if (!this.#seen.has(key)) this.#fetched.delete(key);
    return undefined;
  }

  #isDue(name: Name): boolean {
    const fetched = this.#fetched.get(name.key);
    return fetched === undefined || this.#nowMs() >= fetched.againMs;
  }

  async #fetch(name: Name): Promise<void> {
    const { resolver, log } = this.#options;
    const before = resolver.cachedUntilMs(name, RrType.TLSA);
    this.#fetched.set(name.key, { againMs: Infinity });
    this.#underWay += 1;
    try {
      await resolver.refresh(name, RrType.TLSA);
    } catch (error) {
      log?.error('defect', { doing: 'prefetch', name, error });
    }
    this.#underWay -= 1;
    const nowMs = this.#nowMs();
    const untilMs = resolver.cachedUntilMs(name, RrType.TLSA);
    this.#fetched.set(name.key, { againMs: againMs(before, untilMs, nowMs) });
  }
}

/** When to fetch again what was in the cache until `beforeMs`, and is there now until `untilMs`. */
function againMs(beforeMs: number | undefined, untilMs: number | undefined, nowMs: number): number {
  // A failure has its own pace (failures.ts); this only keeps us from looking all the time.
  if (untilMs === undefined) return nowMs + restMs;
  // The end has not moved: the resolver gave what it had itself.
  if (beforeMs !== undefined && untilMs < beforeMs + 1000) return untilMs;
  const leadMs = Math.min(untilMs - nowMs, longestLeadMs) / 10;
  return untilMs - leadMs * (0.5 + Math.random() / 2);
}
