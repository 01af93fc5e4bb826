/**
 * Every bound on questions that wait for their turn upstream: one table that configuration, documentation and code read.
 * Times are milliseconds.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const fairLimits = {
  queue: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'questions that wait for their turn, all classes together; beyond that the oldest of the busiest client of the least important class goes without an answer',
  },
  'queue-time': {
    default: 1_500,
    min: 10,
    max: 10_000,
    unit: 'ms',
    reason: 'that a question waits for its turn; who asks has by then asked again, or somebody else',
  },
  'upstream-at-once': {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'questions under way upstream, whatever is learned; 16 UDP sockets have room for 1024, and what they have no room for goes over TCP',
  },
  'upstream-at-once-min': {
    default: 2,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason:
      'questions under way upstream that are always allowed; more than the servers have threads are only a queue there, where nobody goes first',
  },
  'upstream-late': {
    default: 10_000,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    reason:
      'questions under way upstream beside those, without an answer for so long that their place was given to others; until an answer comes or they are given up they hold memory, so there are no more',
  },
} as const satisfies LimitsTable;

/** A number for each row. */
export type FairLimits = Readonly<Record<keyof typeof fairLimits, number>>;

/** The table's defaults. */
export const defaultFairLimits: FairLimits = Object.freeze(
  Object.fromEntries(Object.entries(fairLimits).map(([name, row]) => [name, row.default])) as Record<
    keyof FairLimits,
    number
  >,
);
