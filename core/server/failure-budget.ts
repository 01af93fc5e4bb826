/**
 * How many connections without identity one client address may cause: a bucket that fills slowly.
 *
 * A TLS handshake costs us most of what it costs the client, and a client that shows a long chain of odd certificates makes
 * OpenSSL check all of their signatures, tenths of a second at worst, before DANE looks at the first. Bounding how many
 * handshakes are under way does not bound how many there are; this does. Charged are connections that ended without
 * identity by a fault of the client; who is identified is never charged, however many share an address. Those under way
 * when the budget runs out are charged as well, and have to be made up for before there is room again.
 *
 * Pure; the time is an argument.
 */

/** Addresses that are remembered. Beyond it the one that was quiet longest is forgotten, and begins anew. */
export const rememberedAddresses = 65_536;

const minuteMs = 60_000;

interface Bucket {
  /** Below 0: so many have to be made up for. */
  readonly left: number;
  readonly atMs: number;
}

export class FailureBudget {
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  /** Whether `key` may cause one more. */
  hasLeft(key: string, perMinute: number, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || leftOf(bucket, perMinute, nowMs) >= 1;
  }

  /** Counts one. */
  charge(key: string, perMinute: number, nowMs: number): void {
    const bucket = this.#buckets.get(key);
    const left = bucket === undefined ? perMinute : leftOf(bucket, perMinute, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left - 1, atMs: nowMs });
    if (this.#buckets.size > rememberedAddresses) {
      const [quietest] = this.#buckets.keys();
      if (quietest !== undefined) this.#buckets.delete(quietest);
    }
  }
}

function leftOf(bucket: Bucket, perMinute: number, nowMs: number): number {
  // A clock that was set back takes nothing away.
  const sinceMs = Math.max(0, nowMs - bucket.atMs);
  return Math.min(perMinute, bucket.left + (sinceMs / minuteMs) * perMinute);
}
