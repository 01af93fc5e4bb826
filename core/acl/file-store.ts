/**
 * The access list from a file, read again when told to (SIGHUP) and when the file changes.
 *
 * A new file that is broken changes nothing: the old rules stay in force, and the log says what is wrong and where.
 *
 * Limitations: the file is read at one go, which stops the process for some seconds when it has a million clients.
 * File systems that report no changes (some network ones) need SIGHUP.
 */
import { statSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, formatProblem, maxPrintedProblems } from '../config/errors.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import type { Name } from '../dns/name.ts';
import {
  admissionBy,
  decideAnonymousBy,
  decideBy,
  everythingChanged,
  type AccessControl,
  type AccessListener,
} from './access-control.ts';
import type { AccessList } from './access-list.ts';
import { loadAccessList } from './list-file.ts';
import type { AccessRequest, Admission, Decision } from './model.ts';

/** Where the store reports reloads; core/observe has it. */
export interface AccessLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface FileAccessStoreOptions {
  readonly log: AccessLog;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** Called after every reload, whatever started it. */
  readonly onReload?: (result: ReloadResult) => void;
}

export type ReloadResult =
  { readonly ok: true; readonly clients: number } | { readonly ok: false; readonly error: ConfigError };

/** Milliseconds from a change in the folder to the reading: editors write, rename and touch in a row. */
const settleMs = 100;

export class FileAccessStore implements AccessControl {
  readonly #file: string;
  readonly #options: FileAccessStoreOptions;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<AccessListener>();
  #list: AccessList;
  /** What stat said before the last reading, good or bad: a change shows as a difference. */
  #stamp: string;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;

  private constructor(file: string, options: FileAccessStoreOptions) {
    this.#file = file;
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#stamp = stampOf(file);
    this.#list = loadAccessList(file);
  }

  /** Reads the file; does not watch it yet. Throws ConfigError. */
  static open(file: string, options: FileAccessStoreOptions): FileAccessStore {
    return new FileAccessStore(file, options);
  }

  /** Entries in force. */
  get clients(): number {
    return this.#list.size;
  }

  /** The names that have an entry of their own, of the list that is in force at this moment. */
  exactNames(): Iterable<Name> {
    return this.#list.exactNames();
  }

  admit(name: Name): Promise<Admission> {
    return Promise.resolve(admissionBy(this.#list.entryFor(name)));
  }

  decide(identity: ClientIdentity, request: AccessRequest): Promise<Decision> {
    // In the executor, so that a forged identity is a rejection like any other failure of a store.
    return new Promise((resolve) => {
      resolve(decideBy(this.#list, identity, request, this.#nowMs()));
    });
  }

  decideAnonymous(request: AccessRequest): Promise<Decision> {
    const { anonymous, roles } = this.#list;
    return Promise.resolve(decideAnonymousBy(anonymous, roles, request, this.#nowMs()));
  }

  onChange(listener: AccessListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Reads the file again. Broken: the old rules stay, and every problem is logged with its place. */
  reload(): ReloadResult {
    const result = this.#read();
    if (result.ok) {
      this.#options.log.info('access list loaded', { file: this.#file, clients: result.clients });
      for (const listener of this.#listeners) listener(everythingChanged);
    } else {
      this.#logProblems(result.error);
    }
    this.#options.onReload?.(result);
    return result;
  }

  /** Reloads whenever the file changes, also when an editor or a deployment replaces it; until `close`. */
  watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      // The folder, not the file: a watch on the file would stay with the old one when it is replaced.
      const watcher = watch(dirname(this.#file), { persistent: false }, () => {
        this.#settle();
      });
      watcher.on('error', (error) => {
        this.#watchFailed(error);
      });
      this.#watcher = watcher;
    } catch (error) {
      this.#watchFailed(error);
      return;
    }
    // What changed between the reading and the watch.
    this.#settle();
  }

  /** Stops watching; the rules stay. */
  close(): void {
    clearTimeout(this.#settling);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #read(): ReloadResult {
    this.#stamp = stampOf(this.#file);
    try {
      this.#list = loadAccessList(this.#file);
      return { ok: true, clients: this.#list.size };
    } catch (error) {
      if (error instanceof ConfigError) return { ok: false, error };
      throw error;
    }
  }

  #settle(): void {
    // Not started anew by every event: a busy folder must not put the reading off for ever.
    if (this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      if (stampOf(this.#file) !== this.#stamp) this.reload();
    }, settleMs);
    this.#settling.unref();
  }

  #logProblems(error: ConfigError): void {
    const { log } = this.#options;
    for (const problem of error.problems.slice(0, maxPrintedProblems)) {
      log.error('access list broken', { problem: formatProblem(problem) });
    }
    log.warn('access list kept', {
      file: this.#file,
      problems: error.problems.length,
      clients: this.#list.size,
      advice: 'the rules from before stay in force',
    });
  }

  #watchFailed(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    const advice = 'after a change send SIGHUP';
    this.#options.log.warn('access list not watched', { file: this.#file, error, advice });
  }
}

/** What changes when the file does: replaced, written or grown. Follows symbolic links, as reading does. */
function stampOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch {
    return 'none';
  }
}
