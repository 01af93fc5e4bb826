/**
 * What the resolver counts. Lookups answered from memory are added up and handed on once a second: to count one of them
 * must not cost more than to answer it.
 */
import { rcodeName } from '../dns/constants.ts';
import type { Message } from '../dns/message.ts';
import type { SecurityStatus } from '../dnssec/status.ts';
import type { Counter, Gauge, Metrics } from '../observe/metrics.ts';
import type { ExchangeFailure } from './upstream/server.ts';

/** Where the answer of a lookup came from. */
export type LookupSource = 'cache' | 'resolver' | 'stale' | 'failure-cache' | 'refused';

const handOnMs = 1000;

export class ResolverMeters {
  readonly #lookups: Counter | undefined;
  readonly #questions: Counter | undefined;
  readonly #up: Gauge | undefined;
  readonly #underWay: Gauge | undefined;
  readonly #octets: Gauge | undefined;
  readonly #fromCache = new Map<SecurityStatus, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(metrics: Metrics | undefined) {
    this.#lookups = metrics?.counter(
      'lookups_total',
      'Lookups, by status and by where the answer came from.',
      ['status', 'source'],
    );
    this.#questions = metrics?.counter(
      'resolver_questions_total',
      'Questions to resolvers; the outcome is the response code, failed, or unanswered when the question was settled.',
      ['resolver', 'transport', 'outcome'],
    );
    this.#up = metrics?.gauge('resolver_up', 'Whether a resolver answers as it should: 1 or 0.', [
      'resolver',
    ]);
    this.#underWay = metrics?.gauge('lookups', 'Lookups under way that wait for the network.', []);
    this.#octets = metrics?.gauge('resolver_cache_octets', 'Memory of what was validated.', []);
  }

  /** A lookup that was not answered from the cache. */
  lookup(status: SecurityStatus, source: LookupSource): void {
    this.#lookups?.add({ status, source });
  }

  /** A lookup that was. */
  cached(status: SecurityStatus): void {
    if (!this.#lookups) return;
    this.#fromCache.set(status, (this.#fromCache.get(status) ?? 0) + 1);
    this.#timer ??= setTimeout(() => {
      this.handOn();
    }, handOnMs).unref();
  }

  /** Adds what was counted so far to the metrics. */
  handOn(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [status, count] of this.#fromCache) this.#lookups?.add({ status, source: 'cache' }, count);
    this.#fromCache.clear();
  }

  question(
    resolver: string,
    transport: 'udp' | 'tcp' | 'tls',
    answer: Message | ExchangeFailure,
    isSettled: boolean,
  ): void {
    const failed = isSettled ? 'unanswered' : 'failed';
    const outcome = 'failure' in answer ? failed : rcodeName(answer.header.rcode);
    this.#questions?.add({ resolver, transport, outcome });
  }

  serverUp(resolver: string, isUp: boolean): void {
    this.#up?.set({ resolver }, isUp ? 1 : 0);
  }

  underWay(count: number): void {
    this.#underWay?.set({}, count);
  }

  cacheOctets(octets: number): void {
    this.#octets?.set({}, octets);
  }
}
