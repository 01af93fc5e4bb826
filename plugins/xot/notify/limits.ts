/** Bounds of NOTIFY messages that are sent. Times are milliseconds. */
import type { LimitsTable } from '../../../core/index.ts';

export const notifyLimits = {
  'notify-zones': {
    default: 10_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'zones whose change a server has not been told yet; it finds what comes beyond at its next refresh',
  },
  'notify-rate': {
    default: 100,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'NOTIFY messages a second to one server: 1,000 zones that change at once must not flood it',
  },
  'notify-at-once': {
    default: 20,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason: 'NOTIFY messages to one server that wait for their answer; by UDP each has a socket',
  },
  'notify-answer-time': {
    default: 3_000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    reason: 'until a NOTIFY is said again; doubled with each time, up to a minute (RFC 1996 section 3.6)',
  },
  'notify-tries': {
    default: 6,
    min: 1,
    max: 20,
    unit: 'count',
    reason: 'how often it is said without an answer; RFC 1996 section 3.6 has five more after the first',
  },
  'notify-rest-time': {
    default: 3_600_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    reason:
      'how long a server that answers NOTIMP is told nothing, or of a zone for which it answers REFUSED',
  },
} as const satisfies LimitsTable;

export type NotifyLimits = Readonly<Record<keyof typeof notifyLimits, number>>;

/** The longest time between two messages about one change: the interval of RFC 1996 section 3.6. */
export const longestIntervalMs = 60_000;
