/**
 * How much each client may still do: buckets that fill slowly, one a key, shared between gates through a ledger.
 *
 * The answer is always here and now: no request waits for another machine. What was spent is told to the ledger a little
 * later, many keys at once, and the bucket takes over what is left there. So gates that share a ledger give out together
 * what one would: each may give too much for as long as a settlement takes to come, and that is made up for afterwards.
 *
 * A ledger that fails or is silent changes nothing here: each gate counts for itself, and what was spent is sent with the
 * next try. Gates that counted for themselves for longer than `owedMs` do not send all they gave out, for which their
 * clients would have to wait as long again, but what their own buckets lack at that moment.
 *
 * Limitations: where more keys are busy than rounds come to within `owedMs` (some tens of thousands), gates give too much
 * under them, as if the ledger were away now and then. A key that is forgotten for want of room begins anew here, and
 * what was spent under it since the last settlement is lost to the ledger, as it is when the process ends. Times are as
 * fine as the clock: with milliseconds, a rate above 1000 a second is only used up with a burst of what it gives in one.
 */

/** What a bucket is filled by, and how much it holds. May differ from call to call; the one of the call counts. */
export interface Allowance {
  readonly perSecond: number;
  /** A full bucket. Below 1 it never gives anything. */
  readonly burst: number;
}

/** What one key spent since it was settled last. */
export interface Spending {
  readonly key: string;
  /** `burst` has in it what came in while this was spent, for that was not too much however late it is told. */
  readonly allowance: Allowance;
  readonly spent: number;
}

/** The buckets that several gates share. */
export interface SharedLedger {
  /**
   * Charges each key, and gives what is left there then, in the same order; below 0 it has to be made up for. Rejects when
   * it is not known to have been done: then the same will be in a later call, with what was spent meanwhile.
   */
  settle(spendings: readonly Spending[]): Promise<readonly number[]>;
}

export interface BudgetsOptions {
  /** What is counted, for whoever reads metrics and logs: a word. */
  readonly kind: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Without one, each gate counts for itself. */
  readonly ledger?: SharedLedger | undefined;
  /** Keys that are remembered; default `budgetBounds.keys`. */
  readonly maxKeys?: number;
  /** From the first that is spent to its settlement, in milliseconds; default `budgetBounds.settleMs`. */
  readonly settleMs?: number;
  /** The longest wait for an answer of the ledger, in milliseconds; default `budgetBounds.answerMs`. */
  readonly answerMs?: number;
  /** Called with each try that failed, at most one in `budgetBounds.retryMs`. */
  readonly onSettleFailed?: (error: unknown) => void;
}

/** Bounds of the buckets and of their settlement. */
export const budgetBounds = {
  /** Keys that are remembered. Beyond it the one that was quiet longest is forgotten, and begins anew. */
  keys: 65_536,
  /** How long spending is gathered: gates may give too much for as long. */
  settleMs: 100,
  /** Keys in one call of the ledger. Redis needs some 7 microseconds for each, and everybody else waits meanwhile. */
  keysPerCall: 250,
  /** Keys in the calls that follow each other without a pause; the others wait for the next round. */
  keysPerRound: 2500,
  /** The longest wait for an answer; a ledger should give up earlier than that. */
  answerMs: 5000,
  /** From a try that failed to the next. */
  retryMs: 1000,
  /** How old spending may be and still be owed in full. */
  owedMs: 2000,
  /** As many gates as that may have given out what each may by itself; a ledger that says that more is owed is wrong. */
  gates: 100,
} as const;

/** The allowance that gives `count` a minute, all at once if nothing was spent for a minute. */
export function perMinute(count: number): Allowance {
  return { perSecond: count / 60, burst: count };
}

/** Sums of many small parts may miss the whole by this much. */
const nearlyOne = 1 - 1e-6;

class Bucket {
  readonly key: string;
  allowance: Allowance;
  /** At `atMs`. Below 0: so many have to be made up for. More than the burst counts as that. */
  left: number;
  atMs: number;
  /** What the ledger has not confirmed yet, and when the first of it was spent. */
  unsettled = 0;
  sinceMs: number;
  /** Its neighbours in the order of last use. */
  newer: Bucket | undefined;
  older: Bucket | undefined;

  constructor(key: string, allowance: Allowance, nowMs: number) {
    this.key = key;
    this.allowance = allowance;
    this.left = allowance.burst;
    this.atMs = nowMs;
    this.sinceMs = nowMs;
  }
}

export class Budgets {
  readonly kind: string;
  readonly #nowMs: () => number;
  readonly #ledger: SharedLedger | undefined;
  readonly #maxKeys: number;
  readonly #settleMs: number;
  readonly #answerMs: number;
  readonly #onSettleFailed: ((error: unknown) => void) | undefined;
  readonly #buckets = new Map<string, Bucket>();
  /**
   * Both ends of the order of last use. That of the Map would do, were it not for what moving and forgetting cost in a
   * full one: tens of microseconds each, which strangers could have at will.
   */
  #newest: Bucket | undefined;
  #quietest: Bucket | undefined;
  /** Those with something unsettled; all of them are in `#buckets` as well. Who waits longest is first. */
  readonly #waiting = new Set<Bucket>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: BudgetsOptions) {
    this.kind = options.kind;
    this.#nowMs = options.nowMs;
    this.#ledger = options.ledger;
    this.#maxKeys = options.maxKeys ?? budgetBounds.keys;
    this.#settleMs = options.settleMs ?? budgetBounds.settleMs;
    this.#answerMs = options.answerMs ?? budgetBounds.answerMs;
    this.#onSettleFailed = options.onSettleFailed;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Keys with spending that the ledger does not know of yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether `key` may spend one more. Spends nothing. */
  hasLeft(key: string, allowance: Allowance): boolean {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return allowance.burst >= nearlyOne;
    // Who is turned away again and again is not quiet, and must not be forgotten for it.
    this.#touch(bucket);
    return leftOf(bucket, allowance, this.#nowMs()) >= nearlyOne;
  }

  /** Spends one if there is one; says whether. */
  take(key: string, allowance: Allowance): boolean {
    const nowMs = this.#nowMs();
    const bucket = this.#bucket(key, allowance, nowMs);
    const left = leftOf(bucket, allowance, nowMs);
    if (!(left >= nearlyOne)) return false;
    this.#spend(bucket, allowance, left, 1, nowMs);
    return true;
  }

  /** Spends `n`, which may be more than there is: the rest has to be made up for. Throws RangeError unless `n` >= 0. */
  charge(key: string, allowance: Allowance, n = 1): void {
    if (!(n >= 0 && n < Infinity)) throw new RangeError(`${n} cannot be spent`);
    if (n === 0) return;
    const nowMs = this.#nowMs();
    const bucket = this.#bucket(key, allowance, nowMs);
    this.#spend(bucket, allowance, leftOf(bucket, allowance, nowMs), n, nowMs);
  }

  /**
   * Settles what waits, as far as one round goes; comes by itself `settleMs` after spending began. Of two at once the
   * second is the first. Never rejects.
   */
  settle(): Promise<void> {
    const ledger = this.#ledger;
    if (ledger === undefined || this.#isClosed || this.#waiting.size === 0) return Promise.resolve();
    this.#round ??= this.#settleRound(ledger);
    return this.#round;
  }

  /** Ends settling. What was not settled yet is lost to the ledger; what is asked afterwards is counted here alone. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #bucket(key: string, allowance: Allowance, nowMs: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) {
      this.#touch(known);
      return known;
    }
    if (this.#buckets.size >= this.#maxKeys) this.#forgetQuietest();
    const bucket = new Bucket(key, allowance, nowMs);
    this.#buckets.set(key, bucket);
    this.#append(bucket);
    return bucket;
  }

  #touch(bucket: Bucket): void {
    if (bucket === this.#newest) return;
    this.#unlink(bucket);
    this.#append(bucket);
  }

  #forgetQuietest(): void {
    const bucket = this.#quietest;
    if (bucket === undefined) return;
    this.#unlink(bucket);
    this.#buckets.delete(bucket.key);
    this.#waiting.delete(bucket);
  }

  #append(bucket: Bucket): void {
    bucket.older = this.#newest;
    bucket.newer = undefined;
    if (this.#newest === undefined) this.#quietest = bucket;
    else this.#newest.newer = bucket;
    this.#newest = bucket;
  }

  #unlink({ older, newer }: Bucket): void {
    if (older === undefined) this.#quietest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }

  #spend(bucket: Bucket, allowance: Allowance, left: number, n: number, nowMs: number): void {
    bucket.allowance = allowance;
    bucket.left = left - n;
    bucket.atMs = nowMs;
    if (this.#ledger === undefined || this.#isClosed) return;
    if (bucket.unsettled === 0) {
      bucket.sinceMs = nowMs;
      this.#waiting.add(bucket);
      if (this.#timer === undefined && this.#round === undefined) this.#settleIn(this.#settleMs);
    }
    bucket.unsettled += n;
  }

  #settleIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.settle();
    }, ms).unref();
  }

  async #settleRound(ledger: SharedLedger): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let nextMs = this.#settleMs;
    try {
      // Those who spend again while they are settled wait for the next round like everybody else.
      let keys = Math.min(this.#waiting.size, budgetBounds.keysPerRound);
      while (keys > 0 && this.#waiting.size > 0) keys -= await this.#settleSome(ledger, keys);
    } catch (error) {
      nextMs = Math.max(budgetBounds.retryMs, this.#settleMs);
      if (!this.#isClosed) this.#onSettleFailed?.(error);
    }
    this.#round = undefined;
    if (this.#waiting.size > 0 && !this.#isClosed) this.#settleIn(nextMs);
  }

  /** One call of the ledger; how many keys were in it. Until it has answered, nothing of it counts as settled. */
  async #settleSome(ledger: SharedLedger, atMost: number): Promise<number> {
    const sentMs = this.#nowMs();
    const buckets = [...this.#waiting.values().take(Math.min(atMost, budgetBounds.keysPerCall))];
    const spendings = buckets.map((bucket) => spendingOf(bucket, sentMs));
    const sent = buckets.map(({ unsettled }) => unsettled);
    const lefts = await answerInTime(ledger.settle(spendings), this.#answerMs);
    if (lefts.length !== buckets.length) {
      throw new Error(`the ledger of budgets gave ${lefts.length} answers to ${buckets.length} questions`);
    }
    const nowMs = this.#nowMs();
    for (const [index, bucket] of buckets.entries()) {
      // Forgotten meanwhile.
      if (!this.#waiting.delete(bucket)) continue;
      bucket.unsettled -= sent[index] ?? 0;
      const left = lefts[index] ?? NaN;
      if (Number.isFinite(left)) {
        // What was spent meanwhile came in meanwhile.
        const cameIn = (Math.max(0, nowMs - sentMs) / 1000) * bucket.allowance.perSecond;
        bucket.left = Math.max(left, -mostOwed(bucket.allowance)) + cameIn - bucket.unsettled;
        bucket.atMs = nowMs;
      }
      if (bucket.unsettled > 0) {
        bucket.sinceMs = sentMs;
        this.#waiting.add(bucket);
      }
    }
    return buckets.length;
  }
}

function leftOf(bucket: Bucket, { perSecond, burst }: Allowance, nowMs: number): number {
  // A clock that was set back takes nothing away, and what comes in counts from then on.
  if (nowMs < bucket.atMs) bucket.atMs = nowMs;
  return Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond);
}

/** What gates that share a ledger can owe it under one key. */
export function mostOwed({ perSecond, burst }: Allowance): number {
  return budgetBounds.gates * (burst + (budgetBounds.owedMs / 1000) * perSecond);
}

function spendingOf(bucket: Bucket, nowMs: number): Spending {
  const { key, allowance, unsettled } = bucket;
  const overMs = Math.max(0, nowMs - bucket.sinceMs);
  if (overMs > budgetBounds.owedMs) {
    const lacking = Math.max(0, allowance.burst - leftOf(bucket, allowance, nowMs));
    return { key, allowance, spent: Math.min(unsettled, lacking) };
  }
  const { perSecond, burst } = allowance;
  return { key, allowance: { perSecond, burst: burst + (overMs / 1000) * perSecond }, spent: unsettled };
}

/** Rejects when there is no answer for too long; one that comes later counts for nothing. */
async function answerInTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the ledger of budgets did not answer within ${ms} ms`));
    }, ms).unref();
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
