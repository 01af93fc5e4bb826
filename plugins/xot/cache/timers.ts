/**
 * When a zone is looked after upstream, and until when it may be served: the timers of its SOA record (RFC 1034 section 4.3.5)
 * and the EXPIRE option (RFC 7314). Pure: times are milliseconds and given.
 */
import { parseSoa, type ResourceRecord } from '../../../core/index.ts';
import type { CacheLimits } from './limits.ts';

type TimerLimits = Pick<CacheLimits, 'refresh-min' | 'refresh-max' | 'first-retry'>;

/** The longest wait for a zone that is not there. */
const longestFirstRetryMs = 60_000;

/** Until when a version may be served that has just come. RFC 7314 section 4: the option counts instead, but never for longer. */
export function expiryOfNew(soa: ResourceRecord, expireSeconds: number | undefined, nowMs: number): number {
  const { expire } = parseSoa(soa.rdata);
  return nowMs + 1000 * Math.min(expire, expireSeconds ?? expire);
}

/** The same for one that has been found to be current: RFC 7314 section 4, never earlier than before. */
export function expiryOfConfirmed(
  soa: ResourceRecord,
  expireSeconds: number | undefined,
  beforeMs: number,
  nowMs: number,
): number {
  const { expire } = parseSoa(soa.rdata);
  const longest = nowMs + 1000 * expire;
  if (expireSeconds === undefined) return longest;
  return Math.min(longest, Math.max(beforeMs, nowMs + 1000 * expireSeconds));
}

/** Milliseconds until the next look after one that went well. */
export function refreshWait(soa: ResourceRecord, limits: TimerLimits): number {
  return bounded(1000 * parseSoa(soa.rdata).refresh, limits);
}

/** Milliseconds until the next look after so many failures in a row. */
export function retryWait(soa: ResourceRecord | undefined, failures: number, limits: TimerLimits): number {
  if (soa !== undefined) return bounded(1000 * parseSoa(soa.rdata).retry, limits);
  return Math.min(
    limits['first-retry'] * 2 ** Math.min(Math.max(failures - 1, 0), 16),
    Math.max(limits['first-retry'], longestFirstRetryMs),
  );
}

function bounded(waitMs: number, limits: TimerLimits): number {
  return Math.max(limits['refresh-min'], Math.min(limits['refresh-max'], waitMs));
}
