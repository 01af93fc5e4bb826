/** Bounds of the agent: its own, and those of its connections to gates. Times are milliseconds. */
import { do53Limits, gateRows, type LimitsTable } from '../../../core/index.ts';

export const agentLimits = {
  transfers: {
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'transfers at once to servers beside the agent; more get SERVFAIL and come again',
  },
  queries: {
    default: 1_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'SOA queries at once, from all servers beside the agent; more get SERVFAIL and come again',
  },
  'gate-check': {
    default: 30_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'between two looks at a gate that did not answer; when it does it is preferred again, in the order of the list',
  },
} as const satisfies LimitsTable;

/** What a transfer of a large zone needs. */
export const gateLimits = gateRows({ 'requests-at-once': 1_000, 'answer-time': 30_000 });

/** Those of the plain listener: a name server waits longer than a program, and its zone may have to be fetched first. */
export const plainLimits = {
  ...do53Limits,
  'plain-request-time': { ...do53Limits['plain-request-time'], default: 120_000 },
  'plain-idle-time': { ...do53Limits['plain-idle-time'], default: 30_000 },
  'plain-write-time': { ...do53Limits['plain-write-time'], default: 60_000 },
} as const;

export type AgentLimits = Readonly<Record<keyof typeof agentLimits | keyof typeof gateLimits, number>>;
