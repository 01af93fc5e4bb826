/**
 * Every bound on the forwarding of questions to resolvers: one table that configuration, documentation and code read.
 * Times are milliseconds.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const forwardLimits = {
  'upstream-time': {
    default: 5_000,
    min: 100,
    max: 30_000,
    unit: 'ms',
    reason: 'for a question, all servers and tries together; stub resolvers give up after five seconds',
  },
  'upstream-retry': {
    default: 400,
    min: 20,
    max: 10_000,
    unit: 'ms',
    reason:
      'silence after which the next server is asked too, or the same one again; doubles after each round, and what is late is still welcome',
  },
  'upstream-tries': {
    default: 2,
    min: 1,
    max: 3,
    unit: 'count',
    reason:
      'times that one server is asked the same over UDP, before it is asked once over TCP (RFC 9520 section 3.1 allows 3)',
  },
  'upstream-queries': {
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason: 'questions under way, those that wait for a connection included; more fail at once',
  },
  'upstream-connections': {
    default: 2,
    min: 1,
    max: 64,
    unit: 'count',
    reason:
      'TCP or TLS connections to one server; the second is opened when the first is full (RFC 7766 section 6.2.2). As many again while silent ones are replaced',
  },
  'upstream-pipeline': {
    default: 1_000,
    min: 1,
    max: 65_535,
    unit: 'count',
    reason:
      'questions under way on one connection (RFC 7766 section 6.2.1.1), those given up but not yet answered included; others wait',
  },
  'upstream-connect': {
    default: 3_000,
    min: 50,
    max: 30_000,
    unit: 'ms',
    reason: 'for a connection, with its TLS handshake',
  },
  'upstream-idle': {
    default: 10_000,
    min: 20,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'without a question after which a connection is closed (RFC 7766 section 6.2.3); sooner if the server says so (RFC 7828)',
  },
  'upstream-clients': {
    default: 500,
    min: 1,
    max: 20_000,
    unit: 'count',
    reason:
      'connections to one server that belong to one client each, with its PROXY header; idle ones make room, and beyond that questions fail at once; anonymous clients have half of them at the most',
  },
  'upstream-udp-sockets': {
    default: 16,
    min: 1,
    max: 1_000,
    unit: 'count',
    reason:
      'UDP sockets open at a time to one server, each with a random port and for 64 questions or five seconds (RFC 5452 section 9.2); what they have no room for goes over TCP',
  },
  'upstream-strays': {
    default: 100,
    min: 0,
    max: 10_000,
    unit: 'count',
    reason:
      'messages that answer nothing, from one connection or UDP socket; after more it is closed, and the questions of the socket go over TCP, where a forger has no luck (RFC 5452 section 9.3)',
  },
  'upstream-failure-min': {
    default: 1_000,
    min: 20,
    max: 300_000,
    unit: 'ms',
    reason:
      'how long a server that failed twice in a row is asked last before a probe asks how it is; doubles with each failure (RFC 9520 section 3.2)',
  },
  'upstream-failure-max': {
    default: 15_000,
    min: 20,
    max: 300_000,
    unit: 'ms',
    reason: 'where the doubling ends: who mends a server waits no longer',
  },
} as const satisfies LimitsTable;

/** A number for each row. */
export type ForwardLimits = Readonly<Record<keyof typeof forwardLimits, number>>;

/** The table's defaults. */
export const defaultForwardLimits: ForwardLimits = Object.freeze(
  Object.fromEntries(Object.entries(forwardLimits).map(([name, row]) => [name, row.default])) as Record<
    keyof ForwardLimits,
    number
  >,
);
