/**
 * How many connections without identity one client address may cause: a bucket that fills slowly.
 *
 * A TLS handshake costs us most of what it costs the client, and a client that shows a long chain of odd certificates makes
 * OpenSSL check all of their signatures, tenths of a second at worst, before DANE looks at the first. Bounding how many
 * handshakes are under way does not bound how many there are; this does. A connection that is identified gives its place
 * in the budget back, so clients with a proof are never counted, however many share an address.
 *
 * Pure; the time is an argument.
 */

/** Addresses that are remembered. Beyond it the one that was quiet longest is forgotten, and begins anew. */
export const rememberedAddresses = 65_536;

const minuteMs = 60_000;

interface Bucket {
  left: number;
  atMs: number;
}

export class FailureBudget {
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one from the budget of `key`; false if it is used up. */
  take(key: string, perMinute: number, nowMs: number): boolean {
    const bucket = this.#bucket(key, perMinute, nowMs);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }

  /** Gives back what `take` took: the connection was identified. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket) bucket.left++;
  }

  #bucket(key: string, perMinute: number, nowMs: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { left: perMinute, atMs: nowMs };
    // A clock that was set back takes nothing away.
    const sinceMs = Math.max(0, nowMs - bucket.atMs);
    bucket.left = Math.min(perMinute, bucket.left + (sinceMs / minuteMs) * perMinute);
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > rememberedAddresses) {
      const [quietest] = this.#buckets.keys();
      if (quietest !== undefined) this.#buckets.delete(quietest);
    }
    return bucket;
  }
}
