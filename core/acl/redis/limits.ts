/**
 * Every bound on what a gate keeps of a list in Redis and on how long it waits for it: one table that configuration,
 * documentation and code read; and the bounds that nobody needs to change.
 */
import type { LimitsTable } from '../../config/limits-table.ts';

/** The table; keys are those of the configuration (`access.limits`). */
export const redisLimits = {
  'known-clients': {
    default: 200_000,
    min: 1000,
    max: 10_000_000,
    unit: 'count',
    reason:
      'clients whose entry is kept in memory, some 200 octets each; half of them, those asked for last, are never forgotten for want of room',
  },
  'other-names': {
    default: 20_000,
    min: 100,
    max: 10_000_000,
    unit: 'count',
    reason:
      'the same for names that strangers may make up: those without an entry, and those below a `*.name` that nobody has proved yet. Kept apart, so that strangers push no client out',
  },
  'answer-time': {
    default: 500,
    min: 20,
    max: 10_000,
    unit: 'ms',
    reason: 'for an answer of Redis; whoever waits for one waits no longer',
  },
  'poll-time': {
    default: 400,
    min: 50,
    max: 60_000,
    unit: 'ms',
    reason:
      'from one look at the revision to the next: how long a change may go unnoticed whose message was lost',
  },
  'value-octets': {
    default: 1_048_576,
    min: 1024,
    max: 16_777_216,
    unit: 'octets',
    reason: 'size of the value of one entry or role; a longer one counts as broken',
  },
} as const satisfies LimitsTable;

export type RedisLimits = Readonly<Record<keyof typeof redisLimits, number>>;

/** The table's defaults. */
export const defaultRedisLimits: RedisLimits = Object.freeze(
  Object.fromEntries(Object.entries(redisLimits).map(([name, row]) => [name, row.default])) as Record<
    keyof RedisLimits,
    number
  >,
);

/** The others. Times are milliseconds. */
export const redisBounds = {
  /** What was in step with Redis this long ago counts as current: a change is to be in force within a second. */
  freshMs: 1000,
  /** How long the message of a change may lag behind the revision, before it counts as lost. */
  messageGraceMs: 50,
  /** How long messages may not come until that is said. */
  deafMs: 5000,
  /** How long a script may take in a cluster, until it is taken to be tried again and again for that reason. */
  scriptMs: 100,
  /** Octets of all roles together; those of a file are bounded by its document. */
  rolesOctets: 16 * 1024 * 1024,
  /** How long entries are read with care after one was too long, or did not come: at first, and at most. */
  carefulMinMs: 10_000,
  carefulMaxMs: 3_600_000,
  /** How long scripts are not tried after they were refused because a slot is being moved. */
  keyByKeyMs: 5000,
  /** Messages that follow each other faster are handled together. */
  burstMs: 50,
  /** Changed keys that are gathered; beyond it everything counts as changed. */
  gatheredKeys: 10_000,
  /** Changed `*.name` that are looked for one by one among the names kept; more count as everything. */
  suffixes: 16,
  /** Octets of a message. */
  messageOctets: 1_048_576,
  /** How often a name is read again because it was changed while it was read. */
  tries: 4,
  /** Names that are read at once. */
  readsAtOnce: 4096,
  /** Values that are remembered by their text, and the longest such; and longer ones, as long as they are in use. */
  sharedValues: 10_000,
  sharedValueOctets: 4096,
  sharedLongValues: 10_000,
  /** Times that everything changed, that are remembered so that what is older can be judged while Redis is away. */
  generations: 256,
  /** Keys of broken values that are remembered as said. */
  saidKeys: 1000,
} as const;
