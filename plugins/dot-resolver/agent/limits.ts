/** Bounds of the agent besides those of its connections to gates (core/gates). Times are milliseconds. */
import { gateChoiceLimits, type gateLimits, type LimitsTable } from '../../../core/index.ts';

export const agentLimits = {
  'agent-time': {
    default: 5_000,
    min: 500,
    max: 60_000,
    unit: 'ms',
    reason:
      'for an answer, all gates together; then the client gets SERVFAIL. Stub resolvers wait about five seconds',
  },
  'next-gate-after': gateChoiceLimits['next-gate-after'],
  questions: {
    default: 2_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'different questions under way at the gates; more get SERVFAIL at once',
  },
  'cache-entries': {
    default: 10_000,
    min: 0,
    max: 10_000_000,
    unit: 'count',
    reason: 'answers kept; 0: none',
  },
  'cache-octets': {
    default: 8_388_608,
    min: 0,
    max: 4_294_967_296,
    unit: 'octets',
    reason: 'memory of the answers kept',
  },
  'ttl-max': {
    default: 86_400_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason: 'the longest that an answer is kept, whatever its TTL (RFC 8767 section 4: at most a week)',
  },
  'negative-ttl-max': {
    default: 3_600_000,
    min: 0,
    max: 86_400_000,
    unit: 'ms',
    reason: 'the same for "there is no such name" and "no such record" (RFC 2308 section 5)',
  },
  'failure-ttl': {
    default: 5_000,
    min: 1_000,
    max: 300_000,
    unit: 'ms',
    reason: 'how long a SERVFAIL of a gate is kept (RFC 9520 section 3.2)',
  },
  'stale-answers': {
    default: 86_400_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason: 'how long after its TTL an answer may be given while no gate answers (RFC 8767); 0: never',
  },
  'stale-after': {
    default: 1_800,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason: 'how long a client waits for a fresh answer before it gets such an old one (RFC 8767 section 5)',
  },
  'network-check': gateChoiceLimits['network-check'],
  'captive-time': {
    default: 2_000,
    min: 100,
    max: 10_000,
    unit: 'ms',
    reason: 'for the answer of the network’s own resolvers to a question of `captive`',
  },
} as const satisfies LimitsTable;

export type AgentLimits = Readonly<Record<keyof typeof agentLimits | keyof typeof gateLimits, number>>;
