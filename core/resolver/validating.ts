/**
 * The resolver that believes nobody: it asks any resolver that passes DNSSEC records through, and validates what comes
 * from the trust anchors down (core/dnssec). Here is everything around that: memory, time, and whom to ask.
 *
 *     lookup → cache → failed lately? → under way? → room? → validate, asking the servers → cache → result
 *
 * A bogus result is tried once more through the other servers, or over TCP where there is no other, and without anything
 * that was remembered before: one server's bad data, or a key that was rolled too fast, then does no harm.
 *
 * Limitations: questions go to recursive resolvers only; the delegations of the DNS are not followed here.
 */
import type { Name } from '../dns/name.ts';
import type { TrustAnchors } from '../dnssec/anchors.ts';
import { WorkBudget, type ValidationLimits } from '../dnssec/budget.ts';
import { lookup, PlainMemory, type LookupMemory, type Validation, type Verdict } from '../dnssec/lookup.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Rcode } from '../dns/constants.ts';
import { Deadline } from './deadline.ts';
import { Failures } from './failures.ts';
import { defaultResolverLimits, type ResolverLimits } from './limits.ts';
import { ResolverMeters } from './meters.ts';
import { secondsLeft } from './packed.ts';
import type { LookupCost, LookupResult, Resolver } from './resolver.ts';
import { Servers, type AskOptions } from './upstream/servers.ts';
import type { UpstreamServer } from './upstream/server.ts';
import {
  asItStands,
  hopKey,
  ValidatedCache,
  withoutAnswers,
  withoutThePast,
  withStaleAnswers,
} from './validated-cache.ts';

export type { UpstreamServer } from './upstream/server.ts';

export interface ValidatingOptions {
  /** Asked in this order; either all with `tls` or none. */
  readonly servers: readonly UpstreamServer[];
  readonly anchors: TrustAnchors;
  /** Milliseconds for a whole lookup. */
  readonly timeoutMs: number;
  /** Of resolverLimits; the defaults if absent. */
  readonly limits?: ResolverLimits;
  /** Of validationLimits (core/dnssec/budget.ts); the defaults if absent. */
  readonly validationLimits?: ValidationLimits;
  /** How long after its TTL a record may be used while nobody answers (RFC 8767), in milliseconds; 0 if absent. */
  readonly staleMaxMs?: number;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  readonly log?: Log;
  readonly metrics?: Metrics;
}

/** One run of a validated lookup: its verdict, the servers that answered, and the last of them. */
interface Attempt {
  readonly verdict: Verdict;
  readonly servers: ReadonlySet<string>;
  readonly lastServer: string | undefined;
  /** Whether a limit of work ended it. */
  readonly isExhausted: boolean;
}

export class ValidatingResolver implements Resolver {
  readonly #anchors: TrustAnchors;
  readonly #timeoutMs: number;
  readonly #limits: ResolverLimits;
  readonly #validationLimits: ValidationLimits | undefined;
  readonly #mayBeStale: boolean;
  readonly #nowMs: () => number;
  readonly #meters: ResolverMeters;
  readonly #servers: Servers;
  readonly #hasOneServer: boolean;
  readonly #cache: ValidatedCache;
  readonly #asItStands: LookupMemory;
  readonly #withStaleAnswers: LookupMemory;
  readonly #failures: Failures;
  readonly #underWay = new Map<string, Promise<LookupResult>>();

  /**
   * Throws RangeError for no server and for servers with and without TLS, and Error for CAs that cannot be read.
   */
  constructor(options: ValidatingOptions) {
    const { servers, log, timeoutMs, staleMaxMs = 0, nowMs = Date.now } = options;
    const limits = options.limits ?? defaultResolverLimits;
    this.#anchors = options.anchors;
    this.#timeoutMs = timeoutMs;
    this.#limits = limits;
    this.#validationLimits = options.validationLimits;
    this.#mayBeStale = staleMaxMs > 0;
    this.#nowMs = nowMs;
    this.#meters = new ResolverMeters(options.metrics);
    this.#cache = new ValidatedCache({ limits, staleMaxMs, nowMs });
    this.#asItStands = asItStands(this.#cache);
    this.#withStaleAnswers = withStaleAnswers(this.#cache);
    this.#failures = new Failures(limits);
    this.#hasOneServer = servers.length === 1;
    this.#servers = new Servers({
      servers,
      limits,
      timeMs: timeoutMs,
      nowMs,
      log,
      meters: this.#meters,
      onReturn: () => {
        this.#failures.noteOutageEnded(this.#nowMs());
      },
    });
  }

  /** Octets of everything that was validated and is remembered. */
  get cacheOctets(): number {
    return this.#cache.octets;
  }

  lookup(name: Name, type: number): Promise<LookupResult> {
    const key = hopKey(name, type);
    const nowMs = this.#nowMs();
    const cached =
      this.#cache.result(key, name, type, nowMs) ??
      (this.#cache.isAlias(key, nowMs) ? this.#fromMemory(name, type, this.#asItStands) : undefined);
    if (!cached) return this.#lookup(key, name, type, this.#cache);
    this.#meters.cached(cached.status);
    return Promise.resolve(cached);
  }

  /** Looks up as if the answer were not in the cache; if that fails, what is there stays. */
  refresh(name: Name, type: number): Promise<LookupResult> {
    return this.#lookup(hopKey(name, type), name, type, withoutAnswers(this.#cache));
  }

  /** When the cached answer runs out, milliseconds since the epoch; undefined if there is none. */
  cachedUntilMs(name: Name, type: number): number | undefined {
    return this.#cache.cachedUntilMs(name, type, this.#nowMs());
  }

  /** What `lookup` would take at this moment; a failure that is not tried again yet is known as an answer is. */
  costOf(name: Name, type: number): LookupCost {
    const nowMs = this.#nowMs();
    if (this.#cache.cachedUntilMs(name, type, nowMs) !== undefined) return 'memory';
    const key = hopKey(name, type);
    if (this.#underWay.has(key)) return 'wait';
    return this.#failures.has(key, nowMs) ? 'memory' : 'query';
  }

  /** Ends what is under way, and closes the connections. */
  close(): void {
    this.#servers.close();
    this.#meters.handOn();
  }

  #lookup(key: string, name: Name, type: number, memory: LookupMemory): Promise<LookupResult> {
    const running = this.#underWay.get(key);
    if (running) return running;
    // RFC 9520 section 3.2: what has failed is not asked for until its time is over.
    const failed = this.#failures.recent(key, this.#nowMs());
    if (failed) return Promise.resolve(this.#insteadOf(failed, name, type, 'failure-cache'));
    if (this.#underWay.size >= this.#limits.lookups) {
      this.#meters.lookup('indeterminate', 'refused');
      return Promise.resolve(refused);
    }
    const looking = this.#find(key, name, type, memory).finally(() => {
      this.#underWay.delete(key);
      this.#meters.underWay(this.#underWay.size);
      this.#meters.cacheOctets(this.#cache.octets);
    });
    this.#underWay.set(key, looking);
    this.#meters.underWay(this.#underWay.size);
    return looking;
  }

  /** The result, if the memory holds all of it; without the steps, since zones are not looked at. */
  #fromMemory(name: Name, type: number, memory: LookupMemory): LookupResult | undefined {
    const step = lookup({ name, type }, this.#validation(memory)).next();
    if (step.done !== true) return undefined;
    const { status, rcode, records, ttlSeconds, detail } = this.#resultOf(step.value);
    return { status, rcode, records, ttlSeconds, detail };
  }

  #validation(memory: LookupMemory): Validation {
    const budget = new WorkBudget(this.#validationLimits);
    return { anchors: this.#anchors, memory, nowMs: this.#nowMs(), budget };
  }

  async #find(key: string, name: Name, type: number, memory: LookupMemory): Promise<LookupResult> {
    using deadline = new Deadline(this.#timeoutMs, this.#servers.names);
    const verdict = await this.#validate(name, type, memory, deadline);
    const result = this.#resultOf(verdict);
    if (verdict.status === 'secure' || verdict.status === 'insecure') {
      this.#failures.forget(key);
      this.#meters.lookup(result.status, 'resolver');
      return result;
    }
    // RFC 9520 section 3.4: failures of validation too.
    this.#failures.note(key, result, verdict.reason === 'no-answer', this.#nowMs());
    return this.#insteadOf(result, name, type, 'resolver');
  }

  async #validate(name: Name, type: number, memory: LookupMemory, deadline: Deadline): Promise<Verdict> {
    const first = await this.#attempt(name, type, memory, {}, deadline);
    if (first.verdict.reason === 'dnssec-stripped') this.#noteStripping(first);
    if (first.verdict.status === 'secure') this.#servers.noteSecureAnswer(first.servers);
    if (first.verdict.status !== 'bogus' || first.isExhausted) return first.verdict;
    const how = this.#hasOneServer ? { overStream: true } : { avoid: first.servers };
    const afresh = withoutThePast(this.#cache, new PlainMemory());
    const second = await this.#attempt(name, type, afresh, how, deadline);
    if (second.verdict.reason === 'dnssec-stripped') this.#noteStripping(second);
    if (second.verdict.status === 'secure') this.#servers.noteSecureAnswer(second.servers);
    return this.#better(first.verdict, second.verdict);
  }

  /** Which of two verdicts counts, the first of which is bogus. */
  #better(first: Verdict, second: Verdict): Verdict {
    if (second.status === 'secure' || second.status === 'insecure') return second;
    const isStripped = (verdict: Verdict): boolean => verdict.reason === 'dnssec-stripped';
    // A server that strips explains whatever else was wrong with its answers, but says nothing about the name.
    if (this.#hasOneServer) return isStripped(second) ? second : first;
    return isStripped(first) && second.status === 'bogus' ? second : first;
  }

  /** Runs the validation once, and asks what it wants to know. */
  async #attempt(
    name: Name,
    type: number,
    memory: LookupMemory,
    how: AskOptions,
    deadline: Deadline,
  ): Promise<Attempt> {
    const validation = this.#validation(memory);
    const servers = new Set<string>();
    let lastServer: string | undefined;
    const steps = lookup({ name, type }, validation);
    let step = steps.next();
    while (step.done !== true) {
      const answer = await deadline.limit(this.#servers.ask(step.value, how));
      if ('server' in answer) {
        lastServer = answer.server;
        servers.add(answer.server);
      }
      step = steps.next(answer);
    }
    return {
      verdict: step.value,
      servers,
      lastServer,
      isExhausted: validation.budget.exhausted !== undefined,
    };
  }

  #noteStripping({ lastServer }: Attempt): void {
    if (lastServer !== undefined) this.#servers.noteStripping(lastServer);
  }

  #resultOf(verdict: Verdict): LookupResult {
    const { status, rcode, records, detail } = verdict;
    const nowMs = this.#nowMs();
    const expiresMs = Math.min(verdict.expiresMs, nowMs + this.#limits['max-ttl']);
    const ttlSeconds = records.length > 0 ? secondsLeft({ ...verdict, expiresMs }, nowMs) : 0;
    return { status, rcode, records, ttlSeconds, detail, verdict };
  }

  /**
   * What is used in the place of a failure: what is past its TTL, if policy allows it, the signatures still hold, and
   * nobody has said anything else (RFC 8767 section 5); or else the failure itself.
   */
  #insteadOf(
    failed: LookupResult,
    name: Name,
    type: number,
    source: 'resolver' | 'failure-cache',
  ): LookupResult {
    if (this.#mayBeStale && failed.status === 'indeterminate') {
      const stale = this.#fromMemory(name, type, this.#withStaleAnswers);
      if (stale?.status === 'secure') {
        this.#meters.lookup('secure', 'stale');
        return { ...stale, detail: `${stale.detail}; past its TTL, because: ${failed.detail}` };
      }
    }
    this.#meters.lookup(failed.status, source);
    return failed;
  }
}

const refused: LookupResult = {
  status: 'indeterminate',
  rcode: Rcode.SERVFAIL,
  records: [],
  ttlSeconds: 0,
  detail: 'too many lookups under way',
};
