/** What the head of a list (head.ts) needs, and what it tells of. */
import type { Changes } from './changes.ts';
import type { Clock, Moment } from './clock.ts';
import type { RedisKeys } from './keys.ts';
import type { ListReader } from './list-reader.ts';

/** What the head tells of. */
export interface HeadEvents {
  /**
   * Entries, but not all of them. What was read at that revision has the change in it; undefined: nobody knows. Called before
   * the head counts as being there.
   */
  onEntries(changes: Changes, revision: number | undefined): void;
  /** Everything may be different; `isOther` if Redis has become another, so that nothing of before counts. */
  onEverything(isOther: boolean): void;
  /** Roles or anonymous; the entries are as they were. */
  onHead(): void;
  /** In step with Redis as of that moment. */
  onInStep(since: Moment): void;
  onMissing(fault: 'missing' | 'broken', before: number | undefined): void;
  /** The revision is lower than it was. */
  onSetBack(from: number, to: number): void;
  /** A broken value; `at` is its key, for a role with its word. */
  onBroken(at: string, fault: string): void;
}

export interface HeadOptions {
  readonly reader: ListReader;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly events: HeadEvents;
}

/** There is no list in Redis that could be used. */
export class ListMissing extends Error {
  override readonly name = 'ListMissing';
}
