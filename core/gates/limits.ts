/**
 * Bounds of an agent's connections to its gates, by names of their own: `gate-` before those of the client (core/client), with
 * defaults that each agent may change. Times are milliseconds.
 */
import { clientLimits, type ClientLimits } from '../client/limits.ts';
import type { LimitsTable } from '../config/limits-table.ts';

type Key = keyof ClientLimits;
type Prefixed<K extends Key> = { readonly [P in K as `gate-${P}`]: (typeof clientLimits)[P] };

const prefix = 'gate-';

/**
 * The rows for an agent's table.
 *
 * @param changed defaults that are others than those of the client
 * @param leftOut what this agent has no use for; it stays as the client has it
 */
export function gateRows<const Out extends Key = never>(
  changed: Partial<Record<Key, number>>,
  leftOut: readonly Out[] = [],
): Prefixed<Exclude<Key, Out>> {
  const without: ReadonlySet<string> = new Set(leftOut);
  return Object.fromEntries(
    Object.entries(clientLimits)
      .filter(([key]) => !without.has(key))
      .map(([key, row]) => [prefix + key, { ...row, default: changed[key as Key] ?? row.default }]),
  ) as unknown as Prefixed<Exclude<Key, Out>>;
}

/**
 * Those of an agent that asks questions and transfers nothing: fewer connections and shorter times than a server that transfers
 * zones needs.
 */
export const gateLimits = gateRows(
  {
    connections: 1,
    'connect-time': 3_000,
    'requests-at-once': 1_000,
    'answer-time': 2_500,
    'idle-time': 30_000,
    'retry-max': 30_000,
  },
  ['stream-octets', 'stray-messages'],
);

/** Those of the choice between gates, and of the watch over the network that leads to them. */
export const gateChoiceLimits = {
  'next-gate-after': {
    default: 1_000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    reason: 'without an answer of one gate after which the next is asked as well',
  },
  'network-check': {
    default: 2_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason: 'how often it is looked at whether the machine has slept, or is in another network',
  },
} as const satisfies LimitsTable;

/** What gates need of an agent's limits. */
export type GateLimits = Readonly<Record<keyof typeof gateLimits | 'next-gate-after', number>>;

/** The bounds of connections as the client of the core takes them; what an agent has no row for is as usual there. */
export function linkLimits(limits: { readonly [K in Key as `gate-${K}`]?: number }): ClientLimits {
  const given: Readonly<Record<string, number | undefined>> = limits;
  return Object.fromEntries(
    Object.entries(clientLimits).map(([key, row]) => [key, given[prefix + key] ?? row.default]),
  ) as ClientLimits;
}
