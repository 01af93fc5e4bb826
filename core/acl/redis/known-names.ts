/**
 * What is known of names: the entry of each, or that it has none. Bounded, and forgotten when Redis says that it changed.
 *
 * When everything may have changed nothing is thrown away: a new generation begins, and what is of an older one has to be
 * read again before it counts, unless Redis cannot be asked. Then it is as old as its generation.
 *
 * What strangers can make us remember by claiming names is kept apart from what clients have proved.
 */
import type { AccessEntry } from '../model.ts';
import type { Changes } from './changes.ts';
import type { Moment } from './clock.ts';
import { redisBounds, type RedisLimits } from './limits.ts';
import { RecentMap } from './recent-map.ts';

/** What Redis said of a name. */
export interface Known {
  /** Undefined: there is none, or it is broken. */
  readonly entry: AccessEntry | undefined;
  /** Why there is none that can be used, where there is one. */
  readonly fault?: string;
  /** Whether the entry is the name's own. */
  readonly isExact: boolean;
  readonly generation: number;
}

export class KnownNames {
  readonly #clients: RecentMap<Known>;
  readonly #others: RecentMap<Known>;
  /** When the generations before ended: when each was last known to be in step with Redis. */
  readonly #ends = new Map<number, Moment>();
  #generation = 0;

  constructor(limits: Pick<RedisLimits, 'known-clients' | 'other-names'>) {
    this.#clients = new RecentMap(limits['known-clients']);
    this.#others = new RecentMap(limits['other-names']);
  }

  get generation(): number {
    return this.#generation;
  }

  get clients(): number {
    return this.#clients.size;
  }

  get others(): number {
    return this.#others.size;
  }

  /** What is known of a name, by its key, of whatever generation. */
  get(key: string): Known | undefined {
    return this.#clients.get(key) ?? this.#others.get(key);
  }

  isCurrent(known: Known): boolean {
    return known.generation === this.#generation;
  }

  put(key: string, known: Known): void {
    // A name that moved to clients stays there: the same name in both would be two answers.
    if (known.isExact || this.#clients.get(key) !== undefined) {
      this.#clients.set(key, known);
      this.#others.delete(key);
    } else {
      this.#others.set(key, known);
    }
  }

  /** The name has been proved, so no stranger has made it up. */
  noteProof(key: string): void {
    if (this.#others.size === 0) return;
    const known = this.#others.get(key);
    if (known?.entry === undefined) return;
    this.#others.delete(key);
    this.#clients.set(key, known);
  }

  /** Forgets what a change concerns; of names with an entry of their own what is above them does not count. */
  forget(changes: Changes): void {
    for (const key of changes.exact) {
      this.#clients.delete(key);
      this.#others.delete(key);
    }
    if (changes.below.size === 0) return;
    const suffixes = [...changes.below.keys()];
    const goes = (key: string, { isExact }: Known): boolean =>
      !isExact && suffixes.some((suffix) => key.endsWith(suffix)) && changes.concernsKey(key);
    this.#clients.deleteIf(goes);
    this.#others.deleteIf(goes);
  }

  /** Everything may have changed since; `inStep` is when it was last known that nothing had. */
  beginGeneration(inStep: Moment | undefined): void {
    if (inStep !== undefined) this.#ends.set(this.#generation, inStep);
    this.#generation += 1;
    this.#ends.delete(this.#generation - redisBounds.generations);
  }

  /** When something of an earlier generation was last known to be right; undefined: too long ago to tell. */
  endOf({ generation }: Known): Moment | undefined {
    return this.#ends.get(generation);
  }

  clear(): void {
    this.#clients.clear();
    this.#others.clear();
    this.#ends.clear();
    this.#generation += 1;
  }

  /** Keys of the names that have an entry of their own, those used last first. */
  *exactKeys(): Generator<string, void, undefined> {
    for (const [key, { isExact, entry }] of this.#clients.recent()) {
      if (isExact && entry !== undefined) yield key;
    }
  }
}
