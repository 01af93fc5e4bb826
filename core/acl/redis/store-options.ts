/** What a RedisAccessStore is made from. */
import type { Metrics } from '../../observe/metrics.ts';
import type { AccessLog } from '../file-store.ts';
import type { RedisClient, RedisEvents, RedisOptions } from './client.ts';
import type { RedisLimits } from './limits.ts';

/** What is used of a RedisClient. */
export type ListClient = Pick<
  RedisClient,
  'where' | 'call' | 'callTogether' | 'run' | 'connect' | 'subscribe' | 'close'
>;

export interface RedisAccessStoreOptions {
  readonly redis: RedisOptions;
  readonly prefix: string;
  readonly limits: RedisLimits;
  readonly log: AccessLog;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly metrics?: Metrics;
  /** For who asks the store itself and not `seenBy`; milliseconds. */
  readonly staleMaxMs?: number;
  /** Milliseconds that never go back; those of this process if not said. */
  readonly steadyMs?: () => number;
  /** What speaks to Redis; a RedisClient if not said. */
  readonly openClient?: (options: RedisOptions, events: RedisEvents) => ListClient;
}
