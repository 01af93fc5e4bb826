/** Bounds of the agent besides those of plain listeners (core/do53). Times are milliseconds. */
import { gateChoiceLimits, gateRows, type LimitsTable } from '../../../core/index.ts';

export const agentLimits = {
  'agent-time': {
    default: 5_000,
    min: 500,
    max: 60_000,
    unit: 'ms',
    reason:
      'for an answer, all servers of a zone together; then the recursive resolver gets SERVFAIL, and gives up or asks again',
  },
  'next-gate-after': gateChoiceLimits['next-gate-after'],
  questions: {
    default: 10_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'different questions under way; more get SERVFAIL at once',
  },
  'circle-time': {
    default: 2_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason:
      'for an answer about servers that we look for ourselves at that moment: if it is our own resolver that asks, it waits for us, and we for it',
  },
  'server-names-kept': {
    default: 86_400_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason:
      'how long after their TTL the names of a zone’s servers are used while they cannot be looked up; each server proves itself all the same',
  },
  'network-check': gateChoiceLimits['network-check'],
} as const satisfies LimitsTable;

/** More than one machine asks: its resolver asks for all of its clients. */
export const gateLimits = gateRows(
  {
    connections: 2,
    'connect-time': 3_000,
    'requests-at-once': 1_000,
    'waiting-requests': 10_000,
    'answer-time': 2_500,
    'idle-time': 60_000,
    'retry-max': 30_000,
  },
  ['stream-octets', 'stray-messages'],
);

export type AgentLimits = Readonly<Record<keyof typeof agentLimits | keyof typeof gateLimits, number>>;
