/**
 * The states of all servers (probe-state.ts), in memory and in a file that survives restarts (RFC 9539 section 4.5). Bounded:
 * the server that was asked longest ago makes room.
 *
 * The file is only ever a help: one that is missing, broken, too large or of another version is a line in the log, and so is one
 * that cannot be written; then things go on with what is in memory.
 *
 * Limitations: one process writes a file; of several the last one counts.
 */
import { constants } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder, type Log } from '../../../../core/index.ts';
import type { OpportunisticLimits } from './limits.ts';
import { unknownState, type ProbeState, type ProbeStatus } from './probe-state.ts';
import { readStates, writeStates, type StateEntry } from './state-text.ts';

export interface ProbeStatesOptions {
  /** Undefined: in memory only. */
  readonly file: string | undefined;
  readonly limits: Pick<OpportunisticLimits, 'probe-states' | 'probe-save'>;
  readonly log: Log;
}

/** More is none of ours: the most that can be configured has some 25 MB. */
const largestFileOctets = 64 * 1024 * 1024;
/** Nobody else needs to know whom we ask. */
const fileMode = 0o600;

export class ProbeStates {
  readonly #options: ProbeStatesOptions;
  /** By both addresses; the one that was used last comes last. */
  readonly #entries = new Map<string, StateEntry>();
  #isDirty = false;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  /** Why the file could not be written the last time. */
  #failure = '';
  #isClosed = false;

  private constructor(options: ProbeStatesOptions) {
    this.#options = options;
  }

  /** With what the file has. Never rejects. */
  static async open(options: ProbeStatesOptions): Promise<ProbeStates> {
    const states = new ProbeStates(options);
    await states.#load();
    return states;
  }

  /** Servers that something is known of. */
  get size(): number {
    return this.#entries.size;
  }

  count(status: ProbeStatus): number {
    let count = 0;
    for (const { state } of this.#entries.values()) if (state.status === status) count += 1;
    return count;
  }

  get(own: string, server: string): ProbeState {
    return this.#entries.get(keyOf(own, server))?.state ?? unknownState;
  }

  /** Takes a new state over. `isWorthSaving`: not for what only says that the server was asked again. */
  set(own: string, server: string, state: ProbeState, isWorthSaving = true): void {
    const key = keyOf(own, server);
    this.#entries.delete(key);
    this.#entries.set(key, { own, server, state });
    this.#makeRoom();
    if (isWorthSaving) this.#noteChange();
  }

  /** Writes the file now, if anything has changed. Never rejects. */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One after the other.
    this.#saving = this.#saving.then(() => this.#write());
    return this.#saving;
  }

  /** Writes the file for the last time. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.save();
  }

  #noteChange(): void {
    this.#isDirty = true;
    if (this.#options.file === undefined || this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.save(), this.#options.limits['probe-save']).unref();
  }

  #makeRoom(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.limits['probe-states']) return;
      this.#entries.delete(key);
    }
  }

  async #load(): Promise<void> {
    const { file, log } = this.#options;
    if (file === undefined) return;
    try {
      const entries = readStates(await readBounded(file));
      const byActivity = entries.toSorted(
        (a, b) => (a.state.lastActivityMs ?? 0) - (b.state.lastActivityMs ?? 0),
      );
      for (const { own, server, state } of byActivity) this.set(own, server, state, false);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      log.warn('state of opportunistic servers not read, begun anew', { file, detail: wordsOf(error) });
    }
  }

  async #write(): Promise<void> {
    const { file, log } = this.#options;
    if (file === undefined || !this.#isDirty) return;
    this.#isDirty = false;
    try {
      await replace(file, writeStates(this.#entries.values()));
      if (this.#failure !== '') log.info('state of opportunistic servers written again', { file });
      this.#failure = '';
    } catch (error) {
      const detail = wordsOf(error);
      if (detail !== this.#failure) log.warn('state of opportunistic servers not written', { file, detail });
      this.#failure = detail;
      this.#noteChange();
    }
  }
}

function keyOf(own: string, server: string): string {
  return `${own} ${server}`;
}

async function readBounded(file: string): Promise<string> {
  // Not blocked by a pipe that somebody has put there.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error('it is not a file');
    if (stat.size > largestFileOctets)
      throw new Error(`it has ${String(stat.size)} octets, which is too much`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** In one step: whoever reads it has the old one or the new one, whole, also after a crash or on a full disk. */
async function replace(file: string, text: string): Promise<void> {
  const target = await targetOf(file);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.new`);
  // One that a crash has left.
  await rm(temporary, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode);
  try {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** Behind a symbolic link the file it leads to. A device or a folder is not replaced. */
async function targetOf(file: string): Promise<string> {
  try {
    const target = await realpath(file);
    if (!(await stat(target)).isFile()) throw new Error('it is not a file');
    return target;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return file;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
