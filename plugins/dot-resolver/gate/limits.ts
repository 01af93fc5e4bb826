/**
 * Bounds of the gate of dot-resolver, beside those of its connections, of its views and of what is asked upstream. Times are
 * milliseconds.
 */
import type { LimitsTable } from '../../../core/index.ts';

export const answerLimits = {
  questions: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'different questions under way to the upstreams of all views; class `normal` may have four fifths of them, class `low` half',
  },
  'cache-entries': {
    default: 200_000,
    min: 0,
    max: 50_000_000,
    unit: 'count',
    reason: 'answers kept in memory, of each worker',
  },
  'cache-octets': {
    default: 128 * 1024 * 1024,
    min: 0,
    // Places in it are numbers of 31 bits, of words of four octets.
    max: 8 * 1024 * 1024 * 1024,
    unit: 'octets',
    reason: 'of memory for them; an answer takes some 600',
  },
  'ttl-max': {
    default: 86_400_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason:
      'the longest that an answer is kept, whatever its TTL says (RFC 8767 section 4 has a week for the most)',
  },
  'negative-ttl-max': {
    default: 3_600_000,
    min: 0,
    max: 10_800_000,
    unit: 'ms',
    reason:
      'the same for "no such name" and "no such data" (RFC 2308 section 5 has three hours for the most)',
  },
  'failure-ttl': {
    default: 1_000,
    min: 1_000,
    max: 300_000,
    unit: 'ms',
    reason: 'how long a SERVFAIL of an upstream is given to others who ask the same (RFC 9520 section 3.2)',
  },
  'stale-answers': {
    default: 86_400_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason:
      'how long an answer that has grown too old may still be given while no upstream answers (RFC 8767); 0: never',
  },
  'stale-after': {
    default: 1_800,
    min: 0,
    max: 30_000,
    unit: 'ms',
    reason: 'how long a client waits for a fresh answer before it gets the old one (RFC 8767 section 5)',
  },
} as const satisfies LimitsTable;

/** Members keep their connections for long, and ask much at once: some limits have other defaults here. */
export const connectionDefaults = {
  connections: 20_000,
  'requests-at-once': 256,
  'idle-time': 120_000,
} as const;

export type AnswerLimitNumbers = Readonly<Record<keyof typeof answerLimits, number>>;
