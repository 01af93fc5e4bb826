/**
 * The buckets of budgets (core/acl/budgets.ts) that the workers of one daemon share: what core/acl/redis/ledger.ts keeps in Redis, in
 * the memory of the parent.
 *
 * Limitations: they are as full as can be after a restart. Beyond `keys` of one kind those that were quiet longest are
 * forgotten, and begin anew.
 */
import { budgetBounds, mostOwed, type Spending } from '../../core/acl/budgets.ts';
import { RecentMap } from '../../core/acl/redis/recent-map.ts';

/** Bounds: kinds of budgets are words of the code, and a worker remembers `budgetBounds.keys` of each. */
const bounds = { kinds: 32, keys: 2 * budgetBounds.keys } as const;

interface Bucket {
  /** At `atMs`. Below 0: so many have to be made up for. */
  readonly left: number;
  readonly atMs: number;
}

export class LedgerTable {
  readonly #nowMs: () => number;
  readonly #kinds = new Map<string, RecentMap<Bucket>>();

  /** @param nowMs milliseconds since the epoch */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Buckets that are not full. */
  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Charges each key, and gives what is left there then. Throws RangeError for too many kinds. */
  settle(kind: string, spendings: readonly Spending[]): readonly number[] {
    const buckets = this.#bucketsOf(kind);
    const nowMs = this.#nowMs();
    return spendings.map(({ key, allowance, spent }) => {
      const { perSecond, burst } = allowance;
      const { left: before, atMs } = buckets.get(key) ?? { left: burst, atMs: nowMs };
      // A clock that was set back takes nothing away.
      const cameIn = (Math.max(0, nowMs - atMs) / 1000) * perSecond;
      const left = Math.min(burst, Math.max(before, -mostOwed(allowance)) + cameIn) - spent;
      if (left >= burst) buckets.delete(key);
      else buckets.set(key, { left, atMs: nowMs });
      return left;
    });
  }

  #bucketsOf(kind: string): RecentMap<Bucket> {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    if (this.#kinds.size >= bounds.kinds) throw new RangeError(`${kind} is one kind of budgets too many`);
    const made = new RecentMap<Bucket>(bounds.keys);
    this.#kinds.set(kind, made);
    return made;
  }
}
