/**
 * An access list that is a file, as tools read and change it: comments and order stay (list-edit.ts), and the new file takes
 * the place of the old one in one step (replace-file.ts). All changes of one `apply` are made together or not at all.
 *
 * The daemon sees the change by itself (file-store.ts).
 *
 * Limitations: the list is held in memory, as the daemon holds it, and while it is changed a second time.
 */
import { ConfigError } from '../config/errors.ts';
import { configBounds } from '../config/limits-table.ts';
import { readTextFile } from '../config/text-file.ts';
import type { Name } from '../dns/name.ts';
import type { AccessList } from './access-list.ts';
import { editListText, type ListEdits } from './list-edit.ts';
import { parseAccessList } from './list-file.ts';
import {
  ListChangedError,
  ListError,
  patternKey,
  patternOf,
  type ApplyOptions,
  type ApplyResult,
  type FoundEntry,
  type ListChange,
  type ListState,
  type ListStore,
} from './list-store.ts';
import type { AccessEntry, AccessRights, RoleTable, RuleSet } from './model.ts';
import type { ClientPattern } from './patterns.ts';
import { presentRights, presentRole } from './present.ts';
import { fileStamp, replaceFile } from './replace-file.ts';

/** Readable for the group of danced, for nobody else. */
export const listFileMode = 0o640;

/** A list without clients. */
const emptyList = 'version: 1\nclients: {}\n';

interface Content {
  readonly text: string;
  readonly stamp: string;
  readonly list: AccessList;
}

export class FileList implements ListStore {
  readonly #file: string;
  #content: Content;

  private constructor(file: string, content: Content) {
    this.#file = file;
    this.#content = content;
  }

  /**
   * Reads the file. Rejects with ConfigError.
   *
   * @param mayBeNew a file that is not there counts as a list without clients, and `apply` makes it
   */
  static async open(file: string, { mayBeNew = false } = {}): Promise<FileList> {
    return new FileList(file, await readContent(file, mayBeNew));
  }

  describe(): string {
    return this.#file;
  }

  /** Entries in the file. */
  get size(): number {
    return this.#content.list.size;
  }

  state(): Promise<ListState> {
    const { stamp } = this.#content;
    return Promise.resolve({ isThere: stamp !== 'none', stamp });
  }

  roles(): Promise<RoleTable> {
    return Promise.resolve(this.#content.list.roles);
  }

  anonymous(): Promise<AccessRights | undefined> {
    return Promise.resolve(this.#content.list.anonymous);
  }

  entry(pattern: ClientPattern): Promise<FoundEntry> {
    return Promise.resolve(this.#content.list.entryOf(pattern));
  }

  find(patterns: readonly ClientPattern[]): Promise<readonly FoundEntry[]> {
    return Promise.resolve(patterns.map((pattern) => this.#content.list.entryOf(pattern)));
  }

  entryFor(name: Name): Promise<FoundEntry> {
    return Promise.resolve(this.#content.list.entryFor(name));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- other lists have to wait for theirs
  async *entries(): AsyncGenerator<AccessEntry, void> {
    yield* this.#content.list.entries();
  }

  async *patterns(): AsyncGenerator<ClientPattern, void> {
    for await (const entry of this.entries()) yield patternOf(entry);
  }

  async apply(
    changes: Iterable<ListChange> | AsyncIterable<ListChange>,
    { expected, onProgress }: ApplyOptions = {},
  ): Promise<ApplyResult> {
    const { text, stamp, list } = this.#content;
    if (expected !== undefined && expected.stamp !== stamp)
      throw new ListChangedError(changedWords(this.#file));
    const { edits, count } = await gather(changes);
    onProgress?.(count);
    if (count === 0 && stamp !== 'none') return { remarks: [] };
    const edited = editListText(text, edits, this.#file);
    const result = this.#checked(edited, list, edits);
    if (edited === text && stamp !== 'none') return { remarks: [] };
    const remarks = await replaceFile(this.#file, {
      content: piecesOf(edited),
      mode: listFileMode,
      expected: stamp,
    });
    this.#content = { text: edited, stamp: await fileStamp(this.#file), list: result };
    return { remarks };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The list of the new text, which must be the old one with the edits, and nothing else. */
  #checked(text: string, before: AccessList, edits: ListEdits): AccessList {
    try {
      const after = parseAccessList(text, this.#file);
      if (isEdited(before, after, edits)) return after;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const tooMany = error.problems.find(({ wrong }) => wrong.startsWith('more than'));
      if (tooMany !== undefined)
        throw new ListError(`${this.#file}: it would have ${tooMany.wrong}`, { cause: error });
    }
    throw new ListError(
      `${this.#file}: the change would not come out right in a file of this form; nothing was done. Make it with an editor, or write the list anew (danced access export)`,
    );
  }
}

async function readContent(file: string, mayBeNew: boolean): Promise<Content> {
  for (let tries = 1; ; tries += 1) {
    const stamp = await fileStamp(file);
    if (stamp === 'none' && mayBeNew)
      return { text: emptyList, stamp, list: parseAccessList(emptyList, file) };
    const text = readTextFile(file, configBounds.listOctets);
    // Text and stamp of the same file, unless somebody writes it all the time: then no change is made.
    if ((await fileStamp(file)) === stamp || tries === maxReadings) {
      return { text, stamp, list: parseAccessList(text, file) };
    }
  }
}

const maxReadings = 5;

async function gather(
  changes: Iterable<ListChange> | AsyncIterable<ListChange>,
): Promise<{ edits: ListEdits; count: number }> {
  const clients = new Map<string, AccessEntry | undefined>();
  const roles = new Map<string, RuleSet | undefined>();
  let anonymous: ListEdits['anonymous'];
  let count = 0;
  for await (const change of changes) {
    count += 1;
    if ('put' in change) clients.set(patternKey(patternOf(change.put)), change.put);
    else if ('remove' in change) clients.set(patternKey(change.remove), undefined);
    else if ('role' in change) roles.set(change.role, change.rules);
    else anonymous = { rights: change.anonymous };
  }
  return { edits: { clients, roles, ...(anonymous && { anonymous }) }, count };
}

/** Whether `after` is `before` with the edits made. */
function isEdited(before: AccessList, after: AccessList, edits: ListEdits): boolean {
  const text = writtenRights();
  let expectedSize = before.size;
  for (const [, entry] of edits.clients) if (entry !== undefined) expectedSize += 1;
  for (const old of before.entries()) {
    const pattern = patternOf(old);
    const key = patternKey(pattern);
    const wanted = edits.clients.has(key) ? edits.clients.get(key) : old;
    if (edits.clients.has(key)) expectedSize -= 1;
    const found = after.entryOf(pattern);
    if (found === undefined ? wanted !== undefined : wanted === undefined) return false;
    if (found && wanted && text(found.rights) !== text(wanted.rights)) return false;
  }
  for (const [, wanted] of edits.clients) {
    const found = wanted && after.entryOf(patternOf(wanted));
    if (wanted && (found === undefined || text(found.rights) !== text(wanted.rights))) return false;
  }
  const wantedAnonymous = edits.anonymous ? edits.anonymous.rights : before.anonymous;
  return (
    after.size === expectedSize &&
    (after.anonymous && text(after.anonymous)) === (wantedAnonymous && text(wantedAnonymous)) &&
    hasRoles(after.roles, new Map([...before.roles, ...edits.roles]))
  );
}

function hasRoles(found: RoleTable, wanted: ReadonlyMap<string, RuleSet | undefined>): boolean {
  let count = 0;
  for (const [word, rules] of wanted) {
    const own = found.get(word);
    if (rules === undefined ? own !== undefined : own === undefined) return false;
    if (rules && own && JSON.stringify(presentRole(own)) !== JSON.stringify(presentRole(rules))) return false;
    if (rules) count += 1;
  }
  return found.size === count;
}

/** The text of rights; entries with the same text share theirs, so that of a long list few are made. */
function writtenRights(): (rights: AccessRights) => string {
  const texts = new WeakMap<AccessRights, string>();
  return (rights) => {
    const known = texts.get(rights);
    if (known !== undefined) return known;
    const text = JSON.stringify(presentRights(rights));
    texts.set(rights, text);
    return text;
  };
}

/** Long texts are written piece by piece, so that they are not there once more as octets. */
function* piecesOf(text: string): Generator<string, void> {
  // A piece must not end between the halves of a surrogate pair.
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + pieceLength, text.length);
    if ((text.charCodeAt(end - 1) & 0xfc00) === 0xd800 && end < text.length) end += 1;
    yield text.slice(at, end);
    at = end;
  }
}

const pieceLength = 4 * 1024 * 1024;

function changedWords(file: string): string {
  return `${file}: it has changed in the meantime; nothing was done, so try again`;
}
