/** A list in a real Redis, written as other tools may write it, and stores that read it. */
import { RedisClient, type RedisOptions } from '../../../core/acl/redis/client.ts';
import { redisLimits, type RedisLimits } from '../../../core/acl/redis/limits.ts';
import { RedisAccessStore, type RedisAccessStoreOptions } from '../../../core/acl/redis/store.ts';
import { limitsOf } from '../limits.ts';
import { memoryLog, type MemoryLog } from '../memory-log.ts';
import { until } from './cluster.ts';

/** A value as JSON. */
export const transferOf = (...zones: readonly string[]): string =>
  JSON.stringify({ allow: [{ action: 'transfer', zones }] });

/** Options for a server of a test; short times are for tests of servers that are silent, a busy machine is no outage. */
export function singleAt(path: string, timeoutMs = 10_000): RedisOptions {
  return { mode: 'single', servers: [{ path }], timeoutMs };
}

export interface StoreBed {
  readonly store: RedisAccessStore;
  readonly log: MemoryLog;
}

/** A store with the default limits, but for those that are changed. */
export function openStore(
  redis: RedisOptions,
  options: Partial<Omit<RedisAccessStoreOptions, 'limits'>> & { readonly limits?: Partial<RedisLimits> } = {},
): StoreBed {
  const log = memoryLog();
  const { limits = {}, ...rest } = options;
  const store = RedisAccessStore.open({
    redis,
    prefix: 'danced',
    log,
    nowMs: Date.now,
    ...rest,
    limits: limitsOf(redisLimits, limits),
  });
  return { store, log };
}

/** The same, when it is ready. */
export async function openReadyStore(...args: Parameters<typeof openStore>): Promise<StoreBed> {
  const bed = openStore(...args);
  await until('the store is ready', () => bed.store.ready().ready);
  return bed;
}

/** Writes lists without any code of danced but the connection. */
export class ListWriter {
  readonly #client: RedisClient;
  readonly #root: string;

  private constructor(client: RedisClient, root: string) {
    this.#client = client;
    this.#root = root;
  }

  static async open(redis: RedisOptions, root = 'danced:v1:'): Promise<ListWriter> {
    const client = new RedisClient(redis, {
      onUp: nothing,
      onDown: nothing,
      onMessage: nothing,
      onSubscribed: nothing,
      onUnsubscribed: nothing,
    });
    client.connect();
    await until('the writer is connected', () => client.isUp);
    return new ListWriter(client, root);
  }

  get client(): RedisClient {
    return this.#client;
  }

  /**
   * Changes keys (`client:a.example`; `roles word` for a role), counts the revision, and tells: `numbered` with the revision,
   * `plain` the keys alone, `silent` nothing.
   */
  async write(
    changes: Readonly<Record<string, string | undefined>>,
    telling: 'numbered' | 'plain' | 'silent' = 'numbered',
  ): Promise<number> {
    const commands = Object.entries(changes).map(([key, text]) => {
      const [name = '', field] = key.split(' ');
      const full = this.#root + name;
      if (field !== undefined)
        return text === undefined ? ['HDEL', full, field] : ['HSET', full, field, text];
      return text === undefined ? ['DEL', full] : ['SET', full, text];
    });
    const replies = await this.#client.transaction([...commands, ['INCR', `${this.#root}revision`]]);
    const revision = Number(replies.at(-1));
    const keys = Object.keys(changes).map((key) => this.#root + (key.split(' ')[0] ?? ''));
    if (telling !== 'silent')
      await this.publish([...(telling === 'numbered' ? [String(revision)] : []), ...keys].join('\n'));
    return revision;
  }

  async publish(message: string): Promise<void> {
    await this.#client.call('PUBLISH', `${this.#root}changes`, message);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function nothing(): void {
  // Nobody asks.
}
