/**
 * A cache with a bound in octets: what was used longest ago goes first. The only file that imports lru-cache.
 *
 * Limitations: an entry says itself how many octets it takes; nothing expires by itself.
 */
import { LRUCache } from 'lru-cache';

/** Anything that knows its size. */
export interface Sized {
  /** Memory that the entry takes with its key and its place in the cache. */
  readonly octets: number;
}

export class OctetCache<V extends Sized> {
  readonly #entries: LRUCache<string, V>;

  constructor(maxOctets: number) {
    this.#entries = new LRUCache({ maxSize: maxOctets, sizeCalculation: ({ octets }) => octets });
  }

  /** Octets of all entries. */
  get octets(): number {
    return this.#entries.calculatedSize;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** The entry, which thereby is the last one to go. */
  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** The entry, without any effect. */
  peek(key: string): V | undefined {
    return this.#entries.peek(key);
  }

  /** Puts an entry in; one that is larger than the whole cache is not kept, nor what it replaces. */
  set(key: string, value: V): void {
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
