/** Bounds of the xot gate itself; those of its connections are the core's. Times are milliseconds. */
import type { LimitsTable } from '../../core/index.ts';

export const transferLimits = {
  transfers: {
    default: 2_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'transfers at once; each has up to 128 KiB under way to its client',
  },
  'transfers-per-client': {
    default: 1_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'the same for one client name (RFC 9103 section 6.3.3); more get SERVFAIL and come again. A secondary that starts asks for all of its zones at once',
  },
  'relayed-transfers': {
    default: 50,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason:
      'transfers at once with `serve: relayed`, where each holds a TCP connection to the primary (NSD takes 100 as it comes)',
  },
  'relayed-transfers-per-client': {
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'the same for one client name',
  },
  queries: {
    default: 2_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'SOA queries at once',
  },
  'queries-per-client': {
    default: 1_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'the same for one client name',
  },
  'relayed-queries': {
    default: 40,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'SOA queries at once with `serve: relayed`, where each goes to the primary',
  },
  'relayed-queries-per-client': {
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'the same for one client name',
  },
  'primary-connect-time': {
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason: 'to open a TCP connection to the primary',
  },
  'upstream-connections': {
    default: 4,
    min: 1,
    max: 64,
    unit: 'count',
    reason:
      'TLS connections to one server: of transfers that share one, the slowest reader holds up all (RFC 9103 section 6.3.1 wants few)',
  },
  'primary-answer-time': {
    default: 30_000,
    min: 500,
    max: 600_000,
    unit: 'ms',
    reason: 'from one message of the primary to its next; a large zone may need time before its first',
  },
} as const satisfies LimitsTable;

export type TransferLimits = Readonly<Record<keyof typeof transferLimits, number>>;
