/** Bounds of what a view reads and does. Files are read when the gate starts and at SIGHUP, and nothing is served meanwhile. */
import type { LimitsTable } from '../../../core/index.ts';

export const viewLimits = {
  'zone-octets': {
    default: 16 * 1024 * 1024,
    min: 1024,
    max: 64 * 1024 * 1024,
    unit: 'octets',
    reason: 'of a local zone file',
  },
  'zone-records': {
    default: 100_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    reason: 'records of one local zone; each takes about 1 KB of memory',
  },
  'list-octets': {
    default: 50 * 1024 * 1024,
    min: 1024,
    max: 256 * 1024 * 1024,
    unit: 'octets',
    reason:
      'of all files of blocked, or of allowed names of one view; they are in memory twice while they are read',
  },
  'list-names': {
    default: 2_000_000,
    min: 1,
    max: 20_000_000,
    unit: 'count',
    reason:
      'blocked or allowed names of one view; each takes about 50 octets of memory and half a microsecond to load',
  },
} as const satisfies LimitsTable;

export type ViewLimits = Readonly<Record<keyof typeof viewLimits, number>>;
