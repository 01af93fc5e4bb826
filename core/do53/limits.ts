/**
 * Every bound on a plain DNS listener: one table that configuration, documentation and code read.
 *
 * Times are milliseconds. Nobody waits in a queue of ours: what is too much by UDP is dropped, a connection too many is
 * closed, and a connection with too many requests is not read on, so that TCP holds the client back.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/** The table; keys are those of the configuration. */
export const do53Limits = {
  'plain-connections': {
    default: 512,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason: 'open TCP connections of plain DNS clients; more are closed at once',
  },
  'plain-connections-per-address': {
    default: 256,
    min: 1,
    max: 100_000,
    unit: 'count',
    reason:
      'the same for one client address (one /64 in IPv6); on loopback all programs of the machine share one',
  },
  'plain-requests': {
    default: 4096,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason: 'requests by UDP under way; more are dropped, and clients ask again',
  },
  'plain-requests-at-once': {
    default: 64,
    min: 1,
    max: 4096,
    unit: 'count',
    reason:
      'requests under way on one TCP connection (RFC 7766 section 6.2.1.1), replies that the client has not taken among them; beyond it nothing more is read',
  },
  'plain-request-octets': {
    default: 4096,
    min: 512,
    max: 65_535,
    unit: 'octets',
    reason: 'size of one request; a question with all usual options has some hundred octets',
  },
  'plain-request-time': {
    default: 30_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    reason:
      'how long a request may stay without reply, or without the first message of a transfer, before its place is given to another; clients give up after some ten seconds',
  },
  'plain-idle-time': {
    default: 10_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'without a whole request on a TCP connection, and with no reply under way (RFC 7766 section 6.2.3)',
  },
  'plain-message-time': {
    default: 5_000,
    min: 100,
    max: 120_000,
    unit: 'ms',
    reason: 'from the first octet of a request by TCP to its last, against one octet a second',
  },
  'plain-write-time': {
    default: 10_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    reason:
      'for the client to take the replies of one write by TCP, or the next 64 KB of a transfer, against readers that stop',
  },
  'plain-udp-octets': {
    default: 1232,
    min: 512,
    max: 65_507,
    unit: 'octets',
    reason:
      'the longest reply by UDP, whatever the request says it takes; 1232 is not cut into fragments on its way anywhere',
  },
} as const satisfies LimitsTable;

export type Do53Limits = Readonly<Record<keyof typeof do53Limits, number>>;
