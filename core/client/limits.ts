/**
 * Every bound on connections to a server that we are a client of: one table that configuration, documentation and code
 * read. Times are milliseconds.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const clientLimits = {
  connections: {
    default: 2,
    min: 1,
    max: 64,
    unit: 'count',
    reason: 'connections to one server: one for questions, one for a transfer (RFC 7766 section 6.2.2)',
  },
  'connect-time': {
    default: 10_000,
    min: 100,
    max: 120_000,
    unit: 'ms',
    reason: 'for a connection, TCP and TLS handshake together',
  },
  'requests-at-once': {
    default: 128,
    min: 1,
    max: 4096,
    unit: 'count',
    reason:
      'requests under way on one connection (RFC 7766 section 6.2.1.1), those given up but not yet answered included',
  },
  'waiting-requests': {
    default: 1024,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'requests that wait for a connection to open; more are refused at once',
  },
  'answer-time': {
    default: 10_000,
    min: 100,
    max: 600_000,
    unit: 'ms',
    reason: 'for the answer, and in a transfer from one message to the next',
  },
  'idle-time': {
    default: 10_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'without a request under way after which the connection is closed (RFC 7766 section 6.2.3); sooner if the server says so (RFC 7828)',
  },
  'close-time': {
    default: 2_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    reason: 'for the server to close its end after we closed ours; then the connection is dropped',
  },
  'retry-min': {
    default: 500,
    min: 10,
    max: 600_000,
    unit: 'ms',
    reason:
      'wait after a failed connection before the next is tried; doubles with each failure in a row, half of it at random',
  },
  'retry-max': {
    default: 60_000,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    reason: 'where the doubling ends: who mends the server waits no longer',
  },
  'proof-min': {
    default: 5_000,
    min: 1_000,
    max: 60_000,
    unit: 'ms',
    reason:
      'the shortest that the proof of a server counts, whatever the TTL of its TLSA record; a TTL of 0 must not make us ask all the time',
  },
  'proof-max': {
    default: 3_600_000,
    min: 10_000,
    max: 86_400_000,
    unit: 'ms',
    reason: 'the longest that it counts',
  },
  'stream-octets': {
    default: 262_144,
    min: 65_537,
    max: 16_777_216,
    unit: 'octets',
    reason:
      'of a transfer that came and were not taken yet; beyond it nothing more is read from the connection',
  },
  'stray-messages': {
    default: 100,
    min: 0,
    max: 100_000,
    unit: 'count',
    reason: 'messages that answer nothing; after more the connection is closed',
  },
} as const satisfies LimitsTable;

/** A number for each row. */
export type ClientLimits = Readonly<Record<keyof typeof clientLimits, number>>;

/** The table's defaults. */
export const defaultClientLimits: ClientLimits = Object.freeze(
  Object.fromEntries(Object.entries(clientLimits).map(([name, row]) => [name, row.default])) as Record<
    keyof ClientLimits,
    number
  >,
);
