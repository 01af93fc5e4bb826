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
      'connections that are not identified yet (TLS handshake and proof), the only state a stranger can hold; an address from which a client was identified within the last hour finds a place beyond them',
  },
  'handshakes-per-address': {
    default: 64,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'the same for one client address, so that slow strangers leave room for everybody else',
  },
  'handshakes-per-second': {
    default: 500,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'handshakes a second that are begun with addresses from which nobody was identified within the last hour; more are turned away, so that a flood of strangers leaves a processor for those who are known. One processor does one to two thousand; raise it where more new clients than that come at once',
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
  'failures-per-name': {
    default: 120,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'connections a minute that claim one name of the access list and do not prove it; more are refused before the DNS is asked, but for those from an address that has proved the name within the last hour',
  },
  'lookups-per-address': {
    default: 60,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'questions a minute to the DNS that connections from one client address caused and that identified nobody; beyond it only what is known already is used. Answers from memory, and proofs that succeed, are not counted',
  },
  'lookups-per-name': {
    default: 600,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason:
      'the same for one name of the access list, or one pattern (`*.name`) with all names below it, from whatever address; whoever comes from where the name was proved within the last hour is not held up',
  },
  proofs: {
    default: 256,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'connections that wait for the DNS, part of `handshakes`: the rest is for those whose records are at hand',
  },
  'proofs-per-domain': {
    default: 32,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'the same for clients of one domain (the name above that of the client, or the pattern `*.name` that it is listed by), so that slow name servers of one leave room for the others',
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
  'stale-max': {
    default: 3_600_000,
    min: 0,
    max: 604_800_000,
    unit: 'ms',
    reason:
      'how old what is known of the access list may be while its store cannot be reached; then nobody is let in, and nothing is allowed, until it can. Without effect on a list that is a file',
  },
} as const satisfies LimitsTable;

export type ConnectionLimits = Readonly<Record<keyof typeof connectionLimits, number>>;

/**
 * The shortest time that a proof counts on an open connection, in milliseconds, also when the TTL of the TLSA record is
 * shorter: a TTL of 0 must not turn every connection into a stream of DNS queries.
 */
export const shortestProofMs = 10_000;
