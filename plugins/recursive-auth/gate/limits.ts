/**
 * Bounds of the gate of recursive-auth, beside those of its connections, of its queue, and of what is asked upstream. Times are
 * milliseconds.
 */
import type { LimitsTable } from '../../../core/index.ts';

export const answerLimits = {
  questions: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason: 'different questions of each class that wait for an answer, here or at the servers',
  },
  'cache-entries': {
    default: 100_000,
    min: 0,
    max: 10_000_000,
    unit: 'count',
    reason: 'answers kept in memory for each class, of each worker; 0: none',
  },
  'cache-octets': {
    default: 64 * 1024 * 1024,
    min: 0,
    // Places in it are numbers of 31 bits, of words of four octets.
    max: 8 * 1024 * 1024 * 1024,
    unit: 'octets',
    reason: 'of memory for them; an answer takes some 600',
  },
  'cache-time': {
    default: 5_000,
    min: 0,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'how long an answer is given to others of the class who ask the same, its TTL at the most; a change of a zone is seen so much later. Whole seconds; 0: each question is asked',
  },
  'failure-ttl': {
    default: 1_000,
    min: 1_000,
    max: 300_000,
    unit: 'ms',
    reason: 'how long a SERVFAIL of the servers is given to others who ask the same (RFC 9520 section 3.2)',
  },
} as const satisfies LimitsTable;

/** Recursive resolvers keep their connections, and ask much at once: some limits of connections have other defaults here. */
export const connectionDefaults = {
  connections: 20_000,
  'requests-at-once': 500,
  'idle-time': 60_000,
} as const;

export type AnswerLimitNumbers = Readonly<Record<keyof typeof answerLimits, number>>;
