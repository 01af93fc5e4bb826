/**
 * Every bound on the turns of those who wait while a processor is short: one table that configuration, documentation and code
 * read. Times are milliseconds.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const readTurnsLimits = {
  'turn-requests': {
    default: 32,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason:
      'requests of one connection of strangers in its turn, while the process is short of processor time; then it waits until all others of them had theirs',
  },
  'turn-time': {
    default: 1,
    min: 1,
    max: 1_000,
    unit: 'ms',
    reason:
      'how long everybody else may be kept waiting, again and again, by the turns of strangers; the less, the more of the time goes into changing turns',
  },
  'handshakes-when-short': {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'the same as `handshakes-per-second` while the process is short of processor time: handshakes a second with addresses from which nobody was identified within the last hour. Each takes as long as a hundred requests',
  },
} as const satisfies LimitsTable;

/** A number for each row. */
export type ReadTurnsLimits = Readonly<Record<keyof typeof readTurnsLimits, number>>;
