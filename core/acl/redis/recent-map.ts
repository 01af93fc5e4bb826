/**
 * A map with a bound: what was used longest ago goes first, roughly. Two halves, of which the older is dropped whole when the
 * younger is full; whatever is used moves to the younger. So to use and to forget cost next to nothing also where there are
 * hundreds of thousands, which moving each one to the end of a list does not.
 *
 * The half that was used last is never forgotten.
 */
export class RecentMap<V> {
  readonly #halfSize: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(size: number) {
    this.#halfSize = Math.max(1, Math.floor(size / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined || this.#old.size === 0) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#halfSize && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    this.#old.delete(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  /** Deletes every one of which `goes` is true. */
  deleteIf(goes: (key: string, value: V) => boolean): void {
    for (const half of [this.#young, this.#old]) {
      for (const [key, value] of half) if (goes(key, value)) half.delete(key);
    }
  }

  /** Those that were set or moved last come first. */
  *recent(): Generator<[string, V], void, undefined> {
    for (const half of [this.#young, this.#old]) yield* [...half].reverse();
  }
}
