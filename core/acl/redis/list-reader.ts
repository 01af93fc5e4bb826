/**
 * Reads a list in Redis: by the scripts of lookup-script.ts; and where these cannot run, key by key.
 *
 * All keys of a list are in one slot of a cluster. While that is moved to another node, what asks for several keys is refused
 * (TRYAGAIN), and with a million clients that takes minutes. What asks for one key is not. So it is asked for one after the other,
 * and the revision before and after: if it is the same, nothing changed in between.
 */
import { configBounds } from '../../config/limits-table.ts';
import { RedisUnavailable } from './errors.ts';
import type { RedisKeys } from './keys.ts';
import { redisBounds } from './limits.ts';
import {
  askRevision,
  findByScript,
  findEntry,
  ListKeys,
  readHead,
  readRoles,
  valueOf,
  wrongType,
  type Caller,
  type EntryReply,
  type HeadReply,
  type Revision,
  type Value,
} from './lookup-script.ts';

export interface ListReaderOptions {
  readonly redis: Caller;
  readonly keys: RedisKeys;
  readonly valueOctets: number;
  readonly inCluster: boolean;
}

export class ListReader {
  readonly #redis: Caller;
  readonly #keys: ListKeys;
  readonly #valueOctets: number;
  readonly #inCluster: boolean;
  /** Until when entries are read by the script; of `performance.now()`. */
  #carefulUntilMs = -Infinity;
  #carefulMs = 0;
  /** Until when no script is tried; of `performance.now()`. */
  #keyByKeyUntilMs = -Infinity;

  constructor({ redis, keys, valueOctets, inCluster }: ListReaderOptions) {
    this.#inCluster = inCluster;
    this.#redis = redis;
    this.#keys = new ListKeys(keys);
    this.#valueOctets = valueOctets;
  }

  /** Rejects with RedisUnavailable, as the others do. */
  askRevision(): Promise<Revision> {
    return askRevision(this.#redis, this.#keys);
  }

  /** Finds the entry that decides for the name with these candidates. */
  findEntry(candidates: readonly string[]): Promise<EntryReply> {
    // Without slots nothing is moved.
    if (!this.#inCluster) return this.#findAtOnce(candidates);
    const atOnce = (): Promise<EntryReply> => this.#findAtOnce(candidates);
    return this.#read(atOnce, async (revision) => {
      if (typeof revision !== 'number') return { revision, found: undefined };
      const values = await Promise.all(candidates.map((key) => this.#get(key)));
      const above = values.findIndex((value) => value !== undefined);
      const [key, value] = [candidates[above], values[above]];
      return {
        revision,
        found: key === undefined || value === undefined ? undefined : { key, above, value },
      };
    });
  }

  /**
   * What is quickest reads values however long they are. One of many megabytes costs everybody their answers, each time that a
   * name is looked for above which it stands; so after one, or after no answer, it is the script that looks.
   */
  async #findAtOnce(candidates: readonly string[]): Promise<EntryReply> {
    const [redis, keys, octets] = [this.#redis, this.#keys, this.#valueOctets];
    if (performance.now() < this.#carefulUntilMs) return findByScript(redis, keys, candidates, octets);
    try {
      return await findEntry(redis, keys, candidates, octets, () => {
        this.#beCareful();
      });
    } catch (error) {
      if (error instanceof RedisUnavailable && error.isOutage) this.#beCareful();
      throw error;
    }
  }

  /** For twice as long if it happens again soon after the last time. */
  #beCareful(): void {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#carefulUntilMs;
    if (sinceMs < 0) return;
    const { carefulMinMs, carefulMaxMs } = redisBounds;
    this.#carefulMs = sinceMs < this.#carefulMs ? Math.min(2 * this.#carefulMs, carefulMaxMs) : carefulMinMs;
    this.#carefulUntilMs = nowMs + this.#carefulMs;
  }

  /** Reads what holds for every name. */
  readHead(): Promise<HeadReply> {
    const bounds = { roles: configBounds.roles, valueOctets: this.#valueOctets };
    return this.#read(
      () => readHead(this.#redis, this.#keys, bounds),
      async (revision) => {
        if (typeof revision !== 'number')
          return { revision, roles: new Map<string, Value>(), anonymous: undefined };
        const [roles, anonymous] = await Promise.all([this.#roles(), this.#get(this.#keys.anonymous)]);
        return { revision, roles, anonymous };
      },
    );
  }

  async #read<T extends EntryReply | HeadReply>(
    byScript: () => Promise<T>,
    keyByKey: (revision: Revision) => Promise<T>,
  ): Promise<T> {
    if (performance.now() >= this.#keyByKeyUntilMs) {
      const reply = await this.#tryScript(byScript());
      if (reply !== undefined) return reply;
      this.#keyByKeyUntilMs = performance.now() + redisBounds.keyByKeyMs;
    }
    for (let tries = 1; tries <= redisBounds.tries; tries += 1) {
      const revision = await this.askRevision();
      const reply = await keyByKey(revision);
      if ((await this.askRevision()) === revision) return reply;
    }
    throw new RedisUnavailable('the list changes faster than it can be read while its slot is moved', {
      isOutage: false,
    });
  }

  /** Undefined: it was refused because the slot is being moved, or is being tried again and again for that. */
  async #tryScript<T>(answer: Promise<T>): Promise<T | undefined> {
    const reply = answer.catch((error: unknown) => {
      if (error instanceof RedisUnavailable && error.reply === 'TRYAGAIN') return undefined;
      throw error;
    });
    if (!this.#inCluster) return await reply;
    // What comes of it later is of no interest.
    reply.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, redisBounds.scriptMs, undefined);
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #get(key: string): Promise<Value | undefined> {
    const text = await this.#unlessWrongType(this.#redis.call('GET', key));
    if (text === null) return undefined;
    if (typeof text !== 'string') return { fault: wrongType };
    return valueOf(text, this.#valueOctets);
  }

  async #roles(): Promise<HeadReply['roles']> {
    const count = await this.#unlessWrongType(this.#redis.call('HLEN', this.#keys.roles));
    if (count === undefined || Number(count) > configBounds.roles) {
      return readRoles(count ?? 'type', configBounds.roles);
    }
    const written = (await this.#redis.call('HGETALL', this.#keys.roles)) as string[];
    const total = written.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (total > redisBounds.rolesOctets) return readRoles('octets', configBounds.roles);
    const cut = written.map((text, at) => {
      const octets = at % 2 === 0 ? 0 : Buffer.byteLength(text);
      return octets <= this.#valueOctets ? text : [octets];
    });
    return readRoles(cut, configBounds.roles);
  }

  /** Undefined for a key under which there is something of another kind. */
  async #unlessWrongType(answer: Promise<unknown>): Promise<unknown> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RedisUnavailable && error.reply === 'WRONGTYPE') return undefined;
      throw error;
    }
  }
}
