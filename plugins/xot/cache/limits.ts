/** Bounds of kept zones. Times are milliseconds. */
import type { LimitsTable } from '../../../core/index.ts';

export const cacheLimits = {
  'memory-octets': {
    default: 2 ** 30,
    min: 1 << 20,
    max: 2 ** 40,
    unit: 'octets',
    reason: 'kept zones in memory; what is loaded beyond goes to a file without a name in `spill-directory`',
  },
  'zone-octets': {
    default: 4 * 2 ** 30,
    min: 1 << 16,
    max: 2 ** 40,
    unit: 'octets',
    reason: 'of one version of a zone; a transfer that brings more is given up',
  },
  'zone-records': {
    default: 50_000_000,
    min: 1_000,
    max: 1_000_000_000,
    unit: 'count',
    reason: 'of one version of a zone; a transfer that brings more is given up',
  },
  'history-octets': {
    default: 16 << 20,
    min: 0,
    max: 2 ** 32,
    unit: 'octets',
    reason:
      'differences kept for each zone, oldest first to go (RFC 1995 section 5); never more than the zone has',
  },
  'compare-records': {
    default: 250_000,
    min: 0,
    max: 100_000_000,
    unit: 'count',
    reason: 'zones up to so many records are compared where the primary gives no differences, so that we can',
  },
  'zones-at-once': {
    default: 20,
    min: 1,
    max: 10_000,
    unit: 'count',
    reason: 'zones that are looked after upstream at the same time; others wait for their turn',
  },
  'fresh-time': {
    default: 0,
    min: 0,
    max: 86_400_000,
    unit: 'ms',
    reason:
      'a request has the SOA record looked up upstream, one lookup for all who wait, if the last one is longer ago; with 0 who was told of a change by the primary gets it here',
  },
  'fresh-wait': {
    default: 2_000,
    min: 0,
    max: 60_000,
    unit: 'ms',
    reason: 'for which a request waits for that look before it gets what is there',
  },
  'refresh-min': {
    default: 2_000,
    min: 100,
    max: 86_400_000,
    unit: 'ms',
    reason: 'between two looks by the timers of the SOA record, however short these are',
  },
  'refresh-max': {
    default: 86_400_000,
    min: 1_000,
    max: 2_419_200_000,
    unit: 'ms',
    reason: 'between two looks, however long the timers of the SOA record are',
  },
  'folder-time': {
    default: 5_000,
    min: 100,
    max: 86_400_000,
    unit: 'ms',
    reason: 'between two looks at a folder of zone files',
  },
  'first-retry': {
    default: 1_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    reason: 'after the first failure with a zone that is not there yet; doubles up to a minute',
  },
  'fetch-time': {
    default: 600_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    reason:
      'for one transfer from upstream with its check, however steadily it comes; other zones wait for its place',
  },
} as const satisfies LimitsTable;

export type CacheLimits = Readonly<Record<keyof typeof cacheLimits, number>>;
