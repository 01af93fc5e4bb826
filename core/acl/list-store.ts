/**
 * An access list as tools see it: read whole, searched, and changed, whatever keeps it (file-list.ts, redis/redis-list.ts).
 *
 * Gates do not use it: they decide by `AccessControl`. A list that cannot be read or written is a `ListError`, or a
 * `ConfigError` where a file is wrong; an entry that cannot be read is a `ListFault`, and the rest goes on.
 */
import type { Name } from '../dns/name.ts';
import type { AccessEntry, AccessRights, RoleTable, RuleSet } from './model.ts';
import { presentClientPattern, readClientPattern, type ClientPattern } from './patterns.ts';

/** One change. `undefined` takes a role or what is said of anonymous clients away. */
export type ListChange =
  | { readonly put: AccessEntry }
  | { readonly remove: ClientPattern }
  | { readonly role: string; readonly rules: RuleSet | undefined }
  | { readonly anonymous: AccessRights | undefined };

/** Something in the list that cannot be read. A gate denies the clients that it is about. */
export interface ListFault {
  /** As `danced:v1:client:ns2.example`. */
  readonly place: string;
  /** What is wrong, and what would be right. */
  readonly wrong: string;
}

/** Where there is an entry for a pattern that cannot be read. */
export const unreadable = 'unreadable';
export type FoundEntry = AccessEntry | typeof unreadable | undefined;

export interface ListState {
  /** Whether gates have a list here. It may be an empty one. */
  readonly isThere: boolean;
  /** Changes with every change of the list. */
  readonly stamp: string;
  /** Of a list that counts its changes. */
  readonly revision?: number;
}

export interface ApplyOptions {
  /** The state that the changes were made for: with another one nothing is done (ListChangedError). */
  readonly expected?: ListState;
  /** Called now and then with the number of changes that are done. */
  readonly onProgress?: (done: number) => void;
}

export interface ApplyResult {
  /** As in ListState; undefined too where there was nothing to do. */
  readonly revision?: number | undefined;
  /** What the operator should know: the owner of the file could not be kept. */
  readonly remarks: readonly string[];
}

/** Called once for each fault that is met. */
export type FaultListener = (fault: ListFault) => void;

export interface ListStore {
  /** In words, to follow "in": `/etc/danced/access.yaml`, `Redis at 127.0.0.1:6379 (danced:v1)`. */
  describe(): string;
  state(): Promise<ListState>;
  roles(): Promise<RoleTable>;
  anonymous(): Promise<AccessRights | undefined>;
  /** The entry with exactly this pattern. */
  entry(pattern: ClientPattern): Promise<FoundEntry>;
  /** The same of many, in their order. */
  find(patterns: readonly ClientPattern[]): Promise<readonly FoundEntry[]>;
  /** The entry that decides for a name. */
  entryFor(name: Name): Promise<FoundEntry>;
  /** Every entry that can be read, in the order of the list if it has one; is not held in memory. */
  entries(): AsyncIterable<AccessEntry>;
  /** The patterns of every entry, also of those that cannot be read; may give one twice while the list changes. */
  patterns(): AsyncIterable<ClientPattern>;
  /**
   * Makes the changes, in their order; where there is no list, there is one then, also without changes. A store that takes them in batches says so in its header; a failure between two
   * leaves the first ones done, and doing all of them again is right.
   */
  apply(
    changes: Iterable<ListChange> | AsyncIterable<ListChange>,
    options?: ApplyOptions,
  ): Promise<ApplyResult>;
  close(): Promise<void>;
}

/** A list cannot be read or written; the message says where, why and what to do. */
export class ListError extends Error {
  override readonly name: string = 'ListError';
  readonly code: string = 'ACL_LIST';
  readonly blame = 'config';
}

/** Somebody else changed the list between the reading and the writing; nothing was done. */
export class ListChangedError extends ListError {
  override readonly name = 'ListChangedError';
  override readonly code = 'ACL_LIST_CHANGED';
}

/** An entry whose pattern is in the normal form: lower case. */
export function makeEntry(pattern: ClientPattern, rights: AccessRights): AccessEntry {
  return { pattern: presentClientPattern(pattern).toLowerCase(), rights };
}

/** The pattern of an entry that was read. */
export function patternOf({ pattern }: AccessEntry): ClientPattern {
  return readClientPattern(pattern);
}

/** Equal for equal patterns, whatever the case of their letters. */
export function patternKey({ name, below }: ClientPattern): string {
  return (below ? '*' : '') + name.key;
}
