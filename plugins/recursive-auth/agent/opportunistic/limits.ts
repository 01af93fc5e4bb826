/** Bounds of opportunistic zones. Times are milliseconds; the first three are the constants of RFC 9539 section 4.3. */
import { forwardLimits, type ForwardLimits, type LimitsTable } from '../../../../core/index.ts';

export const opportunisticLimits = {
  'probe-persistence': {
    default: 259_200_000,
    min: 1_000,
    max: 2_592_000_000,
    unit: 'ms',
    reason:
      'how long after its last answer by TLS a server is asked nothing in clear, unless TLS fails (RFC 9539 section 4.3: 3 days)',
  },
  'probe-damping': {
    default: 86_400_000,
    min: 1_000,
    max: 2_592_000_000,
    unit: 'ms',
    reason: 'how long TLS is not tried again where it failed (RFC 9539 section 4.3: 1 day)',
  },
  'probe-time': {
    default: 4_000,
    min: 50,
    max: 30_000,
    unit: 'ms',
    reason: 'for a connection, with its TLS handshake (RFC 9539 section 4.3: 4 s)',
  },
  'probe-answer': {
    default: 1_000,
    min: 50,
    max: 30_000,
    unit: 'ms',
    reason:
      'silence of a TLS connection on which somebody waits, after which it is asked for a sign of life; the same again, and it is dead',
  },
  'probe-states': {
    default: 10_000,
    min: 10,
    max: 100_000,
    unit: 'count',
    reason: 'servers of which it is remembered how TLS did; the one that was asked longest ago makes room',
  },
  'probe-save': {
    default: 60_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    reason: 'at most this often the state file is written',
  },
  'zone-servers': {
    default: 26,
    min: 1,
    max: 200,
    unit: 'count',
    reason: 'addresses of the name servers of an opportunistic zone that are made use of',
  },
  'servers-asked': {
    default: 6,
    min: 1,
    max: 50,
    unit: 'count',
    reason: 'servers that one question is put to, at most',
  },
  'next-server-after': {
    default: 1_000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    reason: 'without an answer of one server after which the next is asked as well',
  },
  'open-servers': {
    default: 1_000,
    min: 1,
    max: 50_000,
    unit: 'count',
    reason:
      'servers to which sockets may be open; the one that was asked longest ago makes room (RFC 9539 section 4.6.10)',
  },
  'server-idle': {
    default: 10_000,
    min: 20,
    max: 3_600_000,
    unit: 'ms',
    reason: 'without a question after which a connection to a server is closed (RFC 7766 section 6.2.3)',
  },
  'server-pipeline': {
    default: 1_000,
    min: 1,
    max: 65_535,
    unit: 'count',
    reason: 'questions under way on one connection (RFC 7766 section 6.2.1.1); others wait',
  },
  'server-sockets': {
    default: 16,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason: 'UDP sockets open at a time to one server (RFC 5452 section 9.2)',
  },
  'server-retry': {
    default: 400,
    min: 20,
    max: 10_000,
    unit: 'ms',
    reason:
      'silence after which a server is asked again in clear; doubles, and after two tries by UDP it is TCP',
  },
} as const satisfies LimitsTable;

export type OpportunisticLimits = Readonly<Record<keyof typeof opportunisticLimits, number>>;

/** The bounds of connections and sockets as the core takes them. */
export function transportLimits(limits: OpportunisticLimits): ForwardLimits {
  const defaults = Object.fromEntries(
    Object.entries(forwardLimits).map(([name, row]) => [name, row.default]),
  ) as Record<keyof ForwardLimits, number>;
  return {
    ...defaults,
    'upstream-connect': limits['probe-time'],
    'upstream-idle': limits['server-idle'],
    'upstream-pipeline': limits['server-pipeline'],
    'upstream-udp-sockets': limits['server-sockets'],
    'upstream-retry': limits['server-retry'],
  };
}
