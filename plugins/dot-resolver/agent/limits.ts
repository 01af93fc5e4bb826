/** Bounds of the agent: its own, and those of its connections to gates. Times are milliseconds. */
import { clientLimits, type ClientLimits, type LimitsTable } from '../../../core/index.ts';

export const agentLimits = {
  'agent-time': {
    default: 5_000,
    min: 500,
    max: 60_000,
    unit: 'ms',
    reason:
      'for an answer, all gates together; then the client gets SERVFAIL. Stub resolvers wait about five seconds',
  },
  'next-gate-after': {
    default: 1_000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    reason: 'without an answer of one gate after which the next is asked as well',
  },
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
  'network-check': {
    default: 2_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason: 'how often it is looked at whether the machine has slept, or is in another network',
  },
  'captive-time': {
    default: 2_000,
    min: 100,
    max: 10_000,
    unit: 'ms',
    reason: 'for the answer of the network’s own resolvers to a question of `captive`',
  },
} as const satisfies LimitsTable;

/** Fewer and shorter than a server that transfers zones needs. */
const changed: Partial<Record<keyof ClientLimits, number>> = {
  connections: 1,
  'connect-time': 3_000,
  'requests-at-once': 1_000,
  'answer-time': 2_500,
  'idle-time': 30_000,
  'retry-max': 30_000,
};

type GateKey = 'connections' | 'connect-time' | 'requests-at-once' | 'waiting-requests' | 'answer-time';
type TimeKey = 'idle-time' | 'close-time' | 'retry-min' | 'retry-max' | 'proof-min' | 'proof-max';
type Prefixed = { readonly [K in GateKey | TimeKey as `gate-${K}`]: (typeof clientLimits)[K] };

const prefix = 'gate-';
/** Of transfers, which an agent has none of. */
const without: ReadonlySet<string> = new Set(['stream-octets', 'stray-messages']);

/** The bounds of each connection to a gate, by names of their own. */
export const gateLimits = Object.fromEntries(
  Object.entries(clientLimits)
    .filter(([key]) => !without.has(key))
    .map(([key, row]) => [
      prefix + key,
      { ...row, default: changed[key as keyof ClientLimits] ?? row.default },
    ]),
) as unknown as Prefixed;

export type AgentLimits = Readonly<Record<keyof typeof agentLimits | keyof typeof gateLimits, number>>;

/** The bounds of connections as the client of the core takes them. */
export function linkLimits(limits: AgentLimits): ClientLimits {
  return Object.fromEntries(
    Object.entries(clientLimits).map(([key, row]) => [
      key,
      (limits as Readonly<Record<string, number>>)[prefix + key] ?? row.default,
    ]),
  ) as ClientLimits;
}
