/**
 * Every bound on the validating resolver: one table that configuration, documentation and code read. What the
 * validation of one lookup may cost is in core/dnssec/budget.ts.
 *
 * Times are milliseconds.
 */
import type { Limit, LimitsTable } from '../config/limits-table.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The table; keys are those of the configuration. */
export const resolverLimits = {
  'cache-octets': {
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    max: 16 * 1024 * 1024 * 1024,
    unit: 'octets',
    reason:
      'memory for what was validated; a TLSA record takes about half a KiB, a signed zone about three quarters of one. What was used longest ago goes first',
  },
  'max-ttl': {
    default: dayMs,
    min: 1_000,
    max: 7 * dayMs,
    unit: 'ms',
    reason: 'longest use of an answer, whatever its TTL says; a key that was taken back is gone after that',
  },
  'max-negative-ttl': {
    default: 5 * minuteMs,
    min: 1_000,
    max: 3 * hourMs,
    unit: 'ms',
    reason:
      'longest use of a proof that there is no record (RFC 2308 section 5); who publishes a record after a refusal waits no longer',
  },
  'failure-min': {
    default: 1_000,
    min: 1_000,
    max: 5 * minuteMs,
    unit: 'ms',
    reason:
      'how long a failed lookup is not tried again, and a failing resolver asked last; doubles with each failure in a row (RFC 9520 section 3.2)',
  },
  'failure-max': {
    default: minuteMs,
    min: 1_000,
    max: 5 * minuteMs,
    unit: 'ms',
    reason:
      'where the doubling ends (RFC 9520 section 3.2 allows 5 minutes): who mends a zone waits no longer',
  },
  'failure-octets': {
    default: 4 * 1024 * 1024,
    min: 64 * 1024,
    max: 1024 * 1024 * 1024,
    unit: 'octets',
    reason:
      'memory for lookups that failed; one takes about half a KiB. The one that was used longest ago goes first',
  },
  lookups: {
    default: 1000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'lookups under way that wait for the network; more are refused at once, so that a flood of names cannot fill memory and ports',
  },
  tries: {
    default: 2,
    min: 1,
    max: 3,
    unit: 'count',
    reason:
      'times that one resolver is asked the same over UDP, and over TLS (RFC 9520 section 3.1 allows 3); over TCP it is once',
  },
  'retry-after': {
    default: 400,
    min: 50,
    max: 10_000,
    unit: 'ms',
    reason:
      'silence after which the next resolver is asked too, the answers of all still welcome; doubles after each round',
  },
  'handshake-time': {
    default: 3_000,
    min: 100,
    max: 30_000,
    unit: 'ms',
    reason: 'for a connection to a resolver, with its TLS handshake',
  },
  'udp-sockets': {
    default: 16,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason:
      'UDP sockets open at a time to one resolver, each with a random port and for 64 questions or five seconds (RFC 5452 section 9.2); what they have no room for goes over TCP',
  },
  'stream-idle-time': {
    default: 10_000,
    min: 100,
    max: 10 * minuteMs,
    unit: 'ms',
    reason:
      'without a question after which a TCP or TLS connection to a resolver is closed (RFC 7766 section 6.2.3, RFC 7858 section 3.4)',
  },
  'stream-questions': {
    default: 256,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'questions under way on one TCP or TLS connection (RFC 7766 section 6.2.1.1)',
  },
  'prefetch-names': {
    default: 10_000,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    reason:
      'names of the access list whose TLSA records are fetched before they run out; the first ones of the list. 0: none',
  },
  'prefetch-rate': {
    default: 20,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason: 'lookups a second for that, so that the resolver and we have time for clients that wait',
  },
} as const satisfies LimitsTable;

/** A number for each row. */
export type ResolverLimits = { readonly [K in keyof typeof resolverLimits]: number };

/** Not among the limits because it is a policy: whether records may be used longer than their TTL. */
export const staleMaxLimit: Limit = {
  default: 0,
  min: 0,
  max: 3 * dayMs,
  unit: 'ms',
  reason:
    'how long after its TTL a record may be used while no resolver answers (RFC 8767); never after the end of its signatures. 0: not at all. A key that was taken back lives longer by that',
};

/** The table's defaults. */
export const defaultResolverLimits: ResolverLimits = Object.freeze(
  Object.fromEntries(Object.entries(resolverLimits).map(([name, row]) => [name, row.default])) as Record<
    keyof ResolverLimits,
    number
  >,
);
