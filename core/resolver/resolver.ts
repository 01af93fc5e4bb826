/**
 * What the rest of danced needs of a resolver: one question, one answer with a status.
 */
import type { Verdict } from '../dnssec/lookup.ts';
import type { SecurityStatus } from '../dnssec/status.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';

/** Result of a lookup. `records` are the records of the type asked for, at the end of the aliases. */
export interface LookupResult {
  readonly status: SecurityStatus;
  readonly rcode: number;
  readonly records: readonly ResourceRecord[];
  /** Seconds for which the answer may still be used; 0 when there is no record. */
  readonly ttlSeconds: number;
  /** The status in words, for logs. */
  readonly detail: string;
  /** How the status came about, step by step; absent when nothing was validated here for this call. */
  readonly verdict?: Verdict;
}

/**
 * What a lookup takes now: nothing but memory; time, since somebody else asks already; or queries of its own.
 */
export type LookupCost = 'memory' | 'wait' | 'query';

/** Looks up RRsets. */
export interface Resolver {
  /** Looks up one RRset. Never rejects for anything that the network does: that is a status with its detail. */
  lookup(name: Name, type: number): Promise<LookupResult>;
  /** What `lookup` would take at this moment. A resolver that cannot say it asks anew each time. */
  costOf?(name: Name, type: number): LookupCost;
}
