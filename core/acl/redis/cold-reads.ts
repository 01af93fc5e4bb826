/**
 * Reads entries from Redis, each name once at a time, so that what comes of it is right as of the revision that is known
 * here: not older (the reply was on its way while the message of a change overtook it) and not newer (the roles that are
 * known here may not fit it).
 */
import type { Name } from '../../dns/name.ts';
import type { Changes } from './changes.ts';
import { ListMissing } from './head-events.ts';
import type { ListHead } from './head.ts';
import type { Known, KnownNames } from './known-names.ts';
import { redisBounds } from './limits.ts';
import type { ListReader } from './list-reader.ts';
import { ListKeys, type FoundEntry } from './lookup-script.ts';
import type { RedisKeys } from './keys.ts';
import { RightsReader } from './values.ts';

export interface ColdReadsOptions {
  readonly reader: ListReader;
  readonly keys: RedisKeys;
  readonly head: ListHead;
  readonly names: KnownNames;
  /** A broken value. */
  readonly onBroken: (key: string, fault: string) => void;
}

interface Read {
  readonly name: Name;
  promise: Promise<Known>;
  /** Of the reply, once there is one. */
  revision: number | undefined;
  /** Whether the entry changed after, or perhaps after, it was read. */
  isOverrun: boolean;
}

export class ColdReads {
  readonly #options: ColdReadsOptions;
  readonly #listKeys: ListKeys;
  readonly #rights = new RightsReader();
  readonly #underWay = new Map<string, Read>();

  constructor(options: ColdReadsOptions) {
    this.#options = options;
    this.#listKeys = new ListKeys(options.keys);
  }

  /** Whether somebody reads the name already. */
  isUnderWay(name: Name): boolean {
    return this.#underWay.has(name.key);
  }

  /** Reads what there is of a name, and remembers it. Rejects with RedisUnavailable or ListMissing. */
  read(name: Name): Promise<Known> {
    const shared = this.#underWay.get(name.key);
    if (shared !== undefined) return shared.promise;
    if (this.#underWay.size >= redisBounds.readsAtOnce) {
      return Promise.reject(new ListMissing(`${redisBounds.readsAtOnce} names are read already`));
    }
    const read: Read = { name, promise: unset, revision: undefined, isOverrun: false };
    this.#underWay.set(name.key, read);
    read.promise = this.#read(read).finally(() => {
      this.#underWay.delete(name.key);
    });
    return read.promise;
  }

  /** What is being read may be of before this change, unless it is of its revision. */
  overrun(changes: Changes | undefined, revision: number | undefined): void {
    for (const read of this.#underWay.values()) {
      const hasIt = revision !== undefined && read.revision !== undefined && read.revision >= revision;
      if (!hasIt && (changes?.concerns(read.name) ?? true)) read.isOverrun = true;
    }
  }

  async #read(read: Read): Promise<Known> {
    const { reader, head, names } = this.#options;
    const { name } = read;
    for (let tries = 1; ; tries += 1) {
      read.isOverrun = false;
      read.revision = undefined;
      const before = head.revision;
      const { revision, found } = await reader.findEntry(this.#listKeys.candidates(name));
      if (typeof revision !== 'number') {
        head.noteDoubt();
        throw new ListMissing('there is no access list in Redis');
      }
      read.revision = revision;
      if (before !== undefined && revision < before) {
        // Redis has become another.
        head.noteDoubt();
        await head.confirm();
        read.isOverrun = true;
      } else if (!head.hasReached(revision)) {
        await head.reach(revision);
      }
      const isLast = tries === redisBounds.tries;
      if (read.isOverrun && !isLast) continue;
      const known = this.#knownFrom(found);
      if (!read.isOverrun) names.put(name.key, known);
      return known;
    }
  }

  #knownFrom(found: FoundEntry | undefined): Known {
    const { generation } = this.#options.names;
    if (found === undefined) return { entry: undefined, isExact: false, generation };
    const { key } = found;
    const isExact = found.above === 0;
    const rights = this.#rights.read(found.value);
    if (rights.value === undefined) {
      this.#options.onBroken(key, rights.fault);
      return { entry: undefined, fault: `the value of ${key} is broken`, isExact, generation };
    }
    return { entry: { pattern: this.#listKeys.patternOf(key), rights: rights.value }, isExact, generation };
  }
}

/** Replaced before anybody sees it. */
const unset = new Promise<never>(() => undefined);
