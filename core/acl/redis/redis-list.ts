/**
 * An access list in Redis, as tools read and change it (keys.ts says what is where).
 *
 * Changes go in batches, each with its revision and its message in one step (write-script.ts): up to 500 changes are one, and
 * made together or not at all. The first list of an empty Redis is there for gates when its last batch is.
 *
 * Limitations: what is read is as of no one moment, if somebody changes the list meanwhile.
 */
import type { Name } from '../../dns/name.ts';
import {
  ListChangedError,
  ListError,
  makeEntry,
  patternOf,
  unreadable,
  type ApplyOptions,
  type ApplyResult,
  type FaultListener,
  type FoundEntry,
  type ListChange,
  type ListState,
  type ListStore,
} from '../list-store.ts';
import type { AccessEntry, AccessRights, RoleTable } from '../model.ts';
import type { ClientPattern } from '../patterns.ts';
import { presentRights, presentRole } from '../present.ts';
import { RedisClient, RedisUnavailable, type RedisOptions } from './client.ts';
import { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';
import { askRevision, ListKeys, type Value } from './lookup-script.ts';
import { readRoles, RightsReader } from './values.ts';
import { writeBatch, type KeyWrite } from './write-script.ts';

export interface RedisListOptions {
  readonly redis: RedisOptions;
  readonly prefix: string;
  readonly onFault: FaultListener;
  /** How long to wait for a connection; milliseconds. */
  readonly connectMs?: number;
  /** Octets of a value; a gate takes no longer one. */
  readonly valueOctets?: number;
}

const usualConnectMs = 5000;

/** Bounds of one batch: Redis does nothing else meanwhile, and a message must not be longer than gates read. */
const batchBounds = { changes: 500, characters: 1_000_000 } as const;
/** Values that are read at once. */
const readAtOnce = 500;

export class RedisList implements ListStore {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #candidates: ListKeys;
  readonly #where: string;
  readonly #onFault: FaultListener;
  readonly #valueOctets: number;
  readonly #rights = new RightsReader();
  readonly #told = new Set<string>();

  private constructor(redis: RedisClient, options: RedisListOptions) {
    this.#redis = redis;
    this.#keys = new RedisKeys({ prefix: options.prefix, inCluster: options.redis.mode === 'cluster' });
    this.#candidates = new ListKeys(this.#keys);
    this.#where = `${redis.where} (${this.#keys.revision.replace(/revision$/, '*')})`;
    this.#onFault = options.onFault;
    this.#valueOctets = options.valueOctets ?? redisLimits['value-octets'].default;
  }

  /** Connects. Rejects with ListError when that takes too long, and says why. */
  static async open(options: RedisListOptions): Promise<RedisList> {
    const redis = await connected(options);
    return new RedisList(redis, options);
  }

  describe(): string {
    return this.#where;
  }

  async state(): Promise<ListState> {
    const revision = await this.#ask(askRevision(this.#redis, this.#candidates));
    if (revision === 'broken') throw new ListError(`${this.#where}: ${brokenWords(this.#keys.revision)}`);
    if (revision === 'missing') return { isThere: false, stamp: '' };
    return { isThere: true, stamp: String(revision), revision };
  }

  async roles(): Promise<RoleTable> {
    const written = await this.#readRoles();
    const { roles, faults } = readRoles(written);
    for (const { role, fault } of faults) {
      this.#noteFault(role === undefined ? this.#keys.roles : `${this.#keys.roles} ${role}`, fault);
    }
    return roles;
  }

  async anonymous(): Promise<AccessRights | undefined> {
    const [value] = await this.#values([this.#keys.anonymous]);
    const read = value && this.#rights.read(value);
    if (read === undefined || read.value !== undefined) return read?.value;
    this.#noteFault(this.#keys.anonymous, read.fault);
    return undefined;
  }

  async entry(pattern: ClientPattern): Promise<FoundEntry> {
    return (await this.find([pattern]))[0];
  }

  async find(patterns: readonly ClientPattern[]): Promise<readonly FoundEntry[]> {
    const found: FoundEntry[] = [];
    for (let at = 0; at < patterns.length; at += readAtOnce) {
      const some = patterns.slice(at, at + readAtOnce);
      const keys = some.map((pattern) => this.#keyOf(pattern));
      const values = await this.#values(keys);
      for (const [index, pattern] of some.entries()) {
        found.push(this.#entryOf(pattern, keys[index] ?? '', values[index]));
      }
    }
    return found;
  }

  async entryFor(name: Name): Promise<FoundEntry> {
    const keys = this.#candidates.candidates(name);
    const values = await this.#values(keys);
    const at = values.findIndex((value) => value !== undefined);
    const key = keys[at];
    const parsed = key === undefined ? undefined : this.#keys.parse(key);
    if (key === undefined || parsed === undefined || !('name' in parsed)) return undefined;
    return this.#entryOf({ name: parsed.name, below: parsed.kind === 'below' }, key, values[at]);
  }

  async *entries(): AsyncGenerator<AccessEntry, void> {
    for await (const patterns of this.#patternBatches()) {
      for (const found of await this.find(patterns)) {
        if (found !== undefined && found !== unreadable) yield found;
      }
    }
  }

  async *patterns(): AsyncGenerator<ClientPattern, void> {
    for await (const patterns of this.#patternBatches()) yield* patterns;
  }

  async apply(
    changes: Iterable<ListChange> | AsyncIterable<ListChange>,
    { expected, onProgress }: ApplyOptions = {},
  ): Promise<ApplyResult> {
    let revision: number | undefined;
    let done = 0;
    let stamp = expected?.stamp;
    for await (const { writes, isLast } of this.#batches(changes)) {
      revision = await this.#write(writes, stamp, isLast);
      // The next batch goes on from there; without a revision there is nothing to compare.
      if (stamp !== undefined) stamp = revision === undefined ? '' : String(revision);
      done += writes.length;
      onProgress?.(done);
    }
    // Nothing to write, but perhaps a list to begin: an empty one, or one whose revision was lost.
    if (done === 0) revision = await this.#write([], stamp, true);
    return { revision, remarks: [] };
  }

  async close(): Promise<void> {
    await this.#redis.close();
  }

  async #write(
    writes: readonly KeyWrite[],
    expected: string | undefined,
    mayBegin: boolean,
  ): Promise<number | undefined> {
    const outcome = await this.#ask(writeBatch(this.#redis, this.#keys, { writes, expected, mayBegin }));
    if (outcome.done) return outcome.revision;
    if (outcome.why === 'changed') {
      throw new ListChangedError(
        `${this.#where}: somebody else has changed the list in the meantime; try again`,
      );
    }
    const key = outcome.why === 'broken-roles' ? this.#keys.roles : this.#keys.revision;
    throw new ListError(`${this.#where}: ${brokenWords(key)}`);
  }

  async *#batches(
    changes: Iterable<ListChange> | AsyncIterable<ListChange>,
  ): AsyncGenerator<{ writes: readonly KeyWrite[]; isLast: boolean }, void> {
    let writes: KeyWrite[] = [];
    let characters = 0;
    for await (const change of changes) {
      const write = this.#writeOf(change);
      const length = (write.text?.length ?? 0) + ('key' in write ? write.key.length : write.role.length);
      // Given out only when there is another one, so that the last is known to be the last.
      if (
        writes.length === batchBounds.changes ||
        (writes.length > 0 && characters + length > batchBounds.characters)
      ) {
        yield { writes, isLast: false };
        writes = [];
        characters = 0;
      }
      writes.push(write);
      characters += length;
    }
    if (writes.length > 0) yield { writes, isLast: true };
  }

  #writeOf(change: ListChange): KeyWrite {
    if ('put' in change) {
      return { key: this.#keyOf(patternOf(change.put)), text: this.#json(presentRights(change.put.rights)) };
    }
    if ('remove' in change) return { key: this.#keyOf(change.remove), text: undefined };
    if ('role' in change) {
      return { role: change.role, text: change.rules && this.#json(presentRole(change.rules)) };
    }
    const { anonymous } = change;
    return { key: this.#keys.anonymous, text: anonymous && this.#json(presentRights(anonymous)) };
  }

  #json(value: unknown): string {
    const text = JSON.stringify(value);
    const octets = Buffer.byteLength(text);
    if (octets <= this.#valueOctets) return text;
    throw new ListError(
      `an entry has ${String(octets)} octets, more than the ${String(this.#valueOctets)} that gates read (value-octets of access.limits); write its zones shorter, as "*.example.com"`,
    );
  }

  #keyOf({ name, below }: ClientPattern): string {
    return below ? this.#keys.below(name) : this.#keys.client(name);
  }

  #entryOf(pattern: ClientPattern, key: string, value: Value | undefined): FoundEntry {
    if (value === undefined) return undefined;
    const read = this.#rights.read(value);
    if (read.value !== undefined) return makeEntry(pattern, read.value);
    this.#noteFault(key, read.fault);
    return unreadable;
  }

  async *#patternBatches(): AsyncGenerator<readonly ClientPattern[], void> {
    for (const match of this.#keys.entryPatterns) {
      const batches = this.#redis.scan(match)[Symbol.asyncIterator]();
      for (;;) {
        const step = await this.#ask(batches.next());
        if (step.done === true) break;
        const patterns: ClientPattern[] = [];
        for (const key of step.value) {
          const parsed = this.#keys.parse(key);
          if (parsed !== undefined && 'name' in parsed) {
            patterns.push({ name: parsed.name, below: parsed.kind === 'below' });
          } else {
            this.#noteFault(key, misnamed);
          }
        }
        yield patterns;
      }
    }
  }

  /** The values of keys, in their order; undefined where there is none. */
  async #values(keys: readonly string[]): Promise<(Value | undefined)[]> {
    const texts = (await this.#ask(this.#redis.call('MGET', ...keys))) as (string | null)[];
    const without = keys.filter((_, at) => texts[at] === null);
    const isNothing = without.length === 0 || (await this.#ask(this.#redis.call('EXISTS', ...without))) === 0;
    return await Promise.all(
      texts.map(async (text, at): Promise<Value | undefined> => {
        if (text === null) return isNothing ? undefined : await this.#notText(keys[at] ?? '');
        if (text.length * 3 <= this.#valueOctets) return { text };
        const octets = Buffer.byteLength(text);
        if (octets <= this.#valueOctets) return { text };
        return { fault: `has ${String(octets)} octets, more than value-octets of access.limits` };
      }),
    );
  }

  /** MGET says nothing where there is something else than text; a gate denies there. */
  async #notText(key: string): Promise<Value | undefined> {
    const type = await this.#ask(this.#redis.call('TYPE', key));
    // A string: it came after MGET.
    if (type === 'none' || type === 'string') return undefined;
    return { fault: 'is not text: another kind of value is under the key' };
  }

  async #readRoles(): Promise<ReadonlyMap<string, Value> | { readonly fault: string }> {
    let reply: string[];
    try {
      reply = (await this.#redis.call('HGETALL', this.#keys.roles)) as string[];
    } catch (error) {
      if (!(error instanceof RedisUnavailable && error.reply === 'WRONGTYPE')) throw asListError(error);
      return { fault: 'is not a hash: another kind of value is under the key' };
    }
    const roles = new Map<string, Value>();
    for (let at = 0; at + 1 < reply.length; at += 2)
      roles.set(reply[at] ?? '', { text: reply[at + 1] ?? '' });
    return roles;
  }

  #noteFault(place: string, wrong: string): void {
    if (this.#told.has(place)) return;
    if (this.#told.size < maxTold) this.#told.add(place);
    this.#onFault({ place, wrong });
  }

  async #ask<T>(question: Promise<T>): Promise<T> {
    try {
      return await question;
    } catch (error) {
      throw asListError(error);
    }
  }
}

/** Faults that are remembered as told. */
const maxTold = 10_000;

const misnamed =
  'is not written as the key of an entry is: lower case, no trailing dot, every octet but a-z, 0-9, - and _ as \\DDD; no gate reads it';

function brokenWords(key: string): string {
  return `another kind of value is under the key ${key}; see what it is (redis-cli TYPE), delete it, and import the list again`;
}

function asListError(error: unknown): unknown {
  return error instanceof RedisUnavailable ? new ListError(error.message, { cause: error }) : error;
}

async function connected({
  redis: options,
  connectMs = usualConnectMs,
}: RedisListOptions): Promise<RedisClient> {
  return await new Promise((resolve, reject) => {
    const client = new RedisClient(options, {
      onUp: () => {
        clearTimeout(timer);
        resolve(client);
      },
      onDown: () => undefined,
      onMessage: () => undefined,
      onSubscribed: () => undefined,
      onUnsubscribed: () => undefined,
    });
    const timer = setTimeout(() => {
      const { where, why } = client;
      void client.close();
      reject(new ListError(`${where}: ${why}`));
    }, connectMs);
    client.connect();
  });
}
