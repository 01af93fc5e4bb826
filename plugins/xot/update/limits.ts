/** Bounds of UPDATE messages that are relayed. */
import type { LimitsTable } from '../../../core/index.ts';

export const updateLimits = {
  updates: {
    default: 20,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason: 'updates at once at the primary',
  },
  'updates-per-client': {
    default: 5,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason: 'the same for one client name; more get SERVFAIL and come again',
  },
  'update-records': {
    default: 1_000,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'records and conditions of one update, each of which the access list is asked about',
  },
} as const satisfies LimitsTable;

export type UpdateLimits = Readonly<Record<keyof typeof updateLimits, number>>;
