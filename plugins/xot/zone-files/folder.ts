/**
 * A folder of zone files: which zones it has, and which of them have changed since the last look.
 *
 * What is no zone file is told once and left alone. A file that has gone counts as there for one look more, since who replaces a
 * file may take it away for a moment.
 *
 * Limitations: files in folders below are not looked for, only included.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log, Name } from '../../../core/index.ts';
import { inWords, stampOfFile } from './confined-file.ts';
import { meaningOfFileName } from './file-name.ts';

/** One zone and its file. */
export interface ListedZone {
  readonly name: Name;
  /** Absolute. */
  readonly file: string;
}

/** Names that are told about; a folder of anything else is told in one line. */
const maxTold = 100;

export class ZoneFolder {
  readonly path: string;
  readonly #log: Log;
  /** By the key of the name. */
  #zones: ReadonlyMap<string, ListedZone> = new Map();
  /** Gone at the last look. */
  #going: ReadonlySet<string> = new Set();
  #told: ReadonlySet<string> = new Set();

  /** @param path absolute */
  constructor(path: string, log: Log) {
    this.path = path;
    this.#log = log;
  }

  get zones(): ReadonlyMap<string, ListedZone> {
    return this.#zones;
  }

  /** Lists the folder again. Rejects with UpstreamError, and keeps what it had. */
  async list(): Promise<void> {
    const entries = await inWords(this.path, () => readdir(this.path, { withFileTypes: true }));
    const found = new Map<string, ListedZone[]>();
    const told = new Set<string>();
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.isDirectory()) continue;
      const meaning = meaningOfFileName(entry.name);
      if ('ignored' in meaning) {
        this.#tell(told, entry.name, 'file left alone', meaning.ignored);
        continue;
      }
      const { key } = meaning.zone;
      found.set(key, [...(found.get(key) ?? []), { name: meaning.zone, file: join(this.path, entry.name) }]);
    }
    const zones = new Map<string, ListedZone>();
    for (const [key, files] of found) {
      const zone = this.#choose(key, files, told);
      if (zone !== undefined) zones.set(key, zone);
    }
    const going = new Set<string>();
    for (const [key, zone] of this.#zones) {
      if (zones.has(key) || found.has(key) || this.#going.has(key)) continue;
      going.add(key);
      zones.set(key, zone);
    }
    this.#zones = zones;
    this.#going = going;
    this.#told = told;
  }

  /** The file that a zone has; of several the one that it had before, and none if they are all new. */
  #choose(key: string, files: readonly ListedZone[], told: Set<string>): ListedZone | undefined {
    const [only, ...more] = files;
    if (more.length === 0) return only;
    const before = this.#zones.get(key)?.file;
    const kept = files.find(({ file }) => file === before);
    const names = files.map(({ file }) => file).join(' and ');
    const state = kept === undefined ? 'none of them is used' : `${kept.file} is used as before`;
    this.#tell(told, names, 'two files for one zone', `${state}; leave one of them`);
    return kept;
  }

  #tell(told: Set<string>, file: string, event: string, problem: string): void {
    told.add(file);
    if (this.#told.has(file) || told.size > maxTold + 1) return;
    if (told.size > maxTold) this.#log.warn('more files left alone', { folder: this.path });
    else this.#log.warn(event, { file, folder: this.path, problem });
  }
}

/** Whether files are as they were when they were read. Rejects with UpstreamError. */
export async function isUnchanged(stamps: ReadonlyMap<string, string>): Promise<boolean> {
  for (const [path, stamp] of stamps) {
    if ((await stampOfFile(path)).stamp !== stamp) return false;
  }
  return true;
}
