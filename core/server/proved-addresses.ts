/**
 * From where a name was proved of late, so that neither failures of others, made in its name, nor a flood of strangers
 * lock its owner out.
 *
 * Limitations: of this process alone, and bounded; who is forgotten counts as new.
 */

/** How long an address counts after the name was proved from it, in milliseconds. */
export const rememberedMs = 3_600_000;
/** Addresses, and pairs of address and name, that are remembered; of more the older half is forgotten. */
export const rememberedPairs = 65_536;

export class ProvedAddresses {
  readonly #nowMs: () => number;
  /** When each was proved last. Two, of which the older goes as a whole, since finding the oldest of one would cost more. */
  #newer = new Map<string, number>();
  #older: ReadonlyMap<string, number> = new Map();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** What is remembered, some of it counted twice. */
  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  /** Whether the name with this key was proved from this address within `rememberedMs`. */
  has(address: string, nameKey: string): boolean {
    return this.#hasSeen(pairOf(address, nameKey));
  }

  /** Whether any name was. */
  knows(address: string): boolean {
    return this.#hasSeen(address);
  }

  /** The name is proved from this address now. */
  note(address: string, nameKey: string): void {
    if (this.#newer.size >= rememberedPairs / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    const nowMs = this.#nowMs();
    this.#newer.set(address, nowMs).set(pairOf(address, nameKey), nowMs);
  }

  #hasSeen(pair: string): boolean {
    const atMs = this.#newer.get(pair) ?? this.#older.get(pair);
    return atMs !== undefined && this.#nowMs() - atMs < rememberedMs;
  }
}

/** No address has a space in it. */
function pairOf(address: string, nameKey: string): string {
  return `${address} ${nameKey}`;
}
