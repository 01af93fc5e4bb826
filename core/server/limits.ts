/**
 * Every bound on a gate's connections: one table that configuration, documentation and code read.
 *
 * Times are milliseconds. A limit that is reached never queues: the newcomer is closed (and counted), because a queue
 * of strangers is memory that strangers own.
 */

import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const connectionLimits = {
  connections: {
    default: 4096,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'open connections in all, whatever their state; the process needs more file descriptors than that (LimitNOFILE, ulimit -n)',
  },
  'connections-per-address': {
    default: 256,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'open connections of one client address (one /64 in IPv6), so that one host cannot take all places',
  },
  handshakes: {
    default: 512,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'connections that are not identified yet (TLS handshake and proof), the only state a stranger can hold',
  },
  'handshakes-per-address': {
    default: 64,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'the same for one client address, so that slow strangers leave room for everybody else',
  },
  anonymous: {
    default: 1024,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'open connections of anonymous clients, where `on-failure` lets them in; the rest of `connections` is for those who are known',
  },
  'anonymous-per-address': {
    default: 64,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason: 'the same for one client address; beyond it they get the alert',
  },
  'failures-per-address': {
    default: 30,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'connections a minute from one client address that are refused for want of an identity; more are turned away. Against strangers who make us work in TLS handshakes, and fill the log',
  },
  'handshake-time': {
    default: 10_000,
    min: 500,
    max: 120_000,
    unit: 'ms',
    reason: 'from accept to identity: TLS handshake, TLSA lookup and match together',
  },
  'idle-time': {
    default: 30_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'without a whole request and with no reply under way (RFC 7766 section 6.2.3); sent as edns-tcp-keepalive',
  },
  'message-time': {
    default: 10_000,
    min: 500,
    max: 120_000,
    unit: 'ms',
    reason: 'from the first octet of a request to its last, against one octet a second',
  },
  'write-time': {
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'for the client to take one message of a reply (some 16 KiB in a transfer), against readers that stop in mid-transfer',
  },
  'request-octets': {
    default: 4096,
    min: 512,
    max: 65_535,
    unit: 'octets',
    reason: 'size of one request; SOA, AXFR and IXFR requests have some hundred octets',
  },
  'requests-at-once': {
    default: 32,
    min: 1,
    max: 1024,
    unit: 'count',
    reason: 'requests under way on one connection (RFC 7766 section 6.2.1.1); beyond it nothing more is read',
  },
  'proof-time': {
    default: 3_600_000,
    min: 10_000,
    max: 86_400_000,
    unit: 'ms',
    reason:
      'the longest that a proof counts, whatever the TTL of the TLSA record says; then it is made again',
  },
} as const satisfies LimitsTable;

export type ConnectionLimits = Readonly<Record<keyof typeof connectionLimits, number>>;

/**
 * The shortest time that a proof counts on an open connection, in milliseconds, also when the TTL of the TLSA record is
 * shorter: a TTL of 0 must not turn every connection into a stream of DNS queries.
 */
export const shortestProofMs = 10_000;
