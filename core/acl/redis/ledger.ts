/**
 * The buckets of budgets.ts in Redis, where several gates share them: one script call for many keys.
 *
 * A bucket is a string, `LEFT MICROSECONDS`: what was left, and when. The clock is that of Redis, so gates whose clocks
 * differ agree. A key is there for as long as its bucket is not full, so quiet clients take no memory. Whatever else is
 * found under a key is taken for a full bucket and replaced.
 *
 * A call whose answer is lost may have been done or not. So each is numbered, and the number of the last that was done is
 * kept beside the buckets; before the next call that number is looked up, and a call that was not done until then is
 * forbidden to be done later. So nothing is counted twice or lost as long as Redis keeps what it said yes to. Where it
 * does not (restarted empty, failed over to a replica that lags) the buckets are as full as they are there.
 *
 * Limitations: for one kind of budget, with calls one after the other. The number is kept for an hour; who had no answer
 * for longer may count one call twice.
 */
import { randomBytes } from 'node:crypto';
import { budgetBounds, type SharedLedger, type Spending } from '../budgets.ts';
import type { RedisKeys } from './keys.ts';
import { RedisScript } from './script.ts';

/** What is needed of a RedisClient. */
export interface ScriptRunner {
  /** Rejects when it is not known to have been done. */
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

export interface RedisLedgerOptions {
  readonly redis: ScriptRunner;
  readonly keys: Pick<RedisKeys, 'budget'>;
  /** A word of ours, in the keys of the buckets. Gates that share a kind share the buckets. */
  readonly kind: string;
}

/** Where the numbers of calls are kept: beside the kinds of budgets, so no kind may be called that. */
const numbersKind = 'settled';
/** How long the number of the last call is kept, in milliseconds. */
const numberKeptMs = 3_600_000;
/** The longest that a bucket is kept, in milliseconds, also one that would take years to fill. */
const bucketKeptMs = 30 * 86_400_000;

/**
 * KEYS: the number of the last call, then the buckets. ARGV: the number of this call; then for each bucket what comes in
 * a second, how much it holds, what was spent. Gives what is left in each; nil if the call came too late to count.
 *
 * The number is written first: should the script fail half way, the rest is lost and nothing is counted twice.
 */
const settleScript = new RedisScript(
  'settle-budgets',
  `
local values = redis.call('MGET', unpack(KEYS))
local last = tonumber(string.match(values[1] or '', '^%d+'))
if last and last >= tonumber(ARGV[1]) then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ${numberKeptMs})
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local lefts = {}
for i = 2, #KEYS do
  local rate, burst, spent = tonumber(ARGV[3 * i - 4]), tonumber(ARGV[3 * i - 3]), tonumber(ARGV[3 * i - 2])
  local left, at = string.match(values[i] or '', '^(%-?%d[%d.e+-]*) (%d+)$')
  left, at = tonumber(left), tonumber(at)
  -- Only infinity less itself is not 0.
  if not left or not at or left - left ~= 0 then left, at = burst, now end
  -- More than gates can owe (mostOwed in budgets.ts) was written by somebody else.
  left = math.max(left, -${budgetBounds.gates} * (burst + ${budgetBounds.owedMs / 1000} * rate))
  -- A clock that was set back takes nothing away.
  left = math.min(burst, left + math.max(0, now - at) / 1000000 * rate) - spent
  if left >= burst then
    redis.call('DEL', KEYS[i])
  else
    local fullMs = math.ceil((burst - left) / rate * 1000)
    if not (fullMs <= ${bucketKeptMs}) then fullMs = ${bucketKeptMs} end
    redis.call('SET', KEYS[i], string.format('%.12g %.0f', left, now), 'PX', string.format('%.0f', fullMs))
  end
  lefts[i - 1] = string.format('%.12g', left)
end
return lefts
`,
);

/**
 * KEYS: the number of the last call. ARGV: that of a call without an answer. Gives 1 if it was done, else 0, and then it
 * never will be. May be asked again, for its own mark is not a number; and what comes late changes nothing.
 */
const wasDoneScript = new RedisScript(
  'was-settled',
  `
local value = redis.call('MGET', KEYS[1])[1]
if value == ARGV[1] then return 1 end
local last = tonumber(string.match(value or '', '^%d+'))
if last and last > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' not done', 'PX', ${numberKeptMs})
return 0
`,
);

/** A call that may have been done or not. */
interface OpenCall {
  readonly number: number;
  readonly spendings: readonly Spending[];
}

export class RedisLedger implements SharedLedger {
  readonly #redis: ScriptRunner;
  readonly #keys: Pick<RedisKeys, 'budget'>;
  readonly #kind: string;
  readonly #numberKey: string;
  #lastNumber = 0;
  #open: OpenCall | undefined;
  /** What was counted of spendings that come again, since there was no answer. */
  #counted: ReadonlyMap<string, number> = new Map();

  constructor({ redis, keys, kind }: RedisLedgerOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#kind = kind;
    this.#numberKey = keys.budget(numbersKind, `${kind}:${randomBytes(9).toString('base64url')}`);
  }

  /** Throws RangeError for more than `budgetBounds.keysPerCall`. */
  async settle(spendings: readonly Spending[]): Promise<readonly number[]> {
    if (spendings.length > budgetBounds.keysPerCall) {
      throw new RangeError(`${spendings.length} budgets are too many for one call`);
    }
    await this.#closeOpenCall();
    const call: OpenCall = { number: ++this.#lastNumber, spendings };
    const args: (string | number)[] = [call.number];
    for (const { key, allowance, spent } of spendings) {
      args.push(allowance.perSecond, allowance.burst, Math.max(0, spent - (this.#counted.get(key) ?? 0)));
    }
    const keys = [this.#numberKey, ...spendings.map(({ key }) => this.#keys.budget(this.#kind, key))];
    this.#open = call;
    const lefts = leftsOf(await this.#redis.run(settleScript, keys, args), spendings.length);
    // Not if it took so long that the next has begun.
    if (this.#open === call) {
      this.#open = undefined;
      this.#counted = new Map();
    }
    return lefts;
  }

  async #closeOpenCall(): Promise<void> {
    const call = this.#open;
    if (call === undefined) return;
    const wasDone = await this.#redis.run(wasDoneScript, [this.#numberKey], [call.number]);
    // If it was not done, what an earlier one counted still stands.
    if (wasDone === 1) this.#counted = new Map(call.spendings.map(({ key, spent }) => [key, spent]));
  }
}

function leftsOf(reply: unknown, count: number): readonly number[] {
  if (reply === null) throw new Error('the budgets were settled too late to count');
  if (!Array.isArray(reply) || reply.length !== count) {
    throw new TypeError('Redis gave an answer about budgets that is none');
  }
  return reply.map(Number);
}
