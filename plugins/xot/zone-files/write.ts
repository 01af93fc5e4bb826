/**
 * Writes zones into files for a name server beside us: each as `NAME.zone`, in one step, so that the server reads the old zone or
 * the new one, whole, also after a crash or on a full disk.
 *
 * Limitations: a symbolic link is replaced by the file itself. What is left of a writing that was cut off is overwritten by the
 * next of the same zone.
 */
import { constants } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type Name, syncFolder, type ZoneVersion, zoneText } from '../../../core/index.ts';
import { codeOf } from './confined-file.ts';
import { fileNameOfZone } from './file-name.ts';

/** A zone file that could not be written; the one that was there is as it was. */
export class ZoneWriteError extends Error {
  override readonly name = 'ZoneWriteError';
  readonly code = 'XOT_ZONE_WRITE';
  readonly blame = 'config';

  constructor(file: string, why: string, cause: unknown) {
    super(`${file}: the zone cannot be written: ${why}; the file is as it was`, { cause });
  }
}

/** The name server mostly is another user. */
const usualMode = 0o644;

/** What is written to one file now, and what is to be written after it. */
interface Writing {
  next: { version: ZoneVersion; readonly written: Promise<string> } | undefined;
  readonly written: Promise<string>;
}

/**
 * One folder that zones are written to. Writings of one zone follow each other; on a slow disk the newest version that waits takes
 * the place of older ones.
 */
export class ZoneFileWriter {
  readonly #folder: string;
  readonly #underWay = new Map<string, Writing>();

  /** @param folder absolute; must be there and be writable */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a zone is written to. */
  pathOf(zone: Name): string {
    return join(this.#folder, fileNameOfZone(zone));
  }

  /** Gives the path of the file when it has this version, or a newer one. Rejects with ZoneWriteError. */
  write(version: ZoneVersion): Promise<string> {
    const file = this.pathOf(version.zone);
    const current = this.#underWay.get(file);
    if (current === undefined) return this.#begin(file, version);
    if (current.next !== undefined) {
      current.next.version = version;
      return current.next.written;
    }
    const written = current.written
      .catch(() => undefined)
      .then(() => this.#begin(file, current.next?.version ?? version));
    current.next = { version, written };
    return written;
  }

  #begin(file: string, version: ZoneVersion): Promise<string> {
    const written = this.#replace(file, version);
    const writing: Writing = { next: undefined, written };
    this.#underWay.set(file, writing);
    const end = (): void => {
      if (writing.next === undefined) this.#underWay.delete(file);
    };
    written.then(end, end);
    return written;
  }

  async #replace(file: string, version: ZoneVersion): Promise<string> {
    try {
      await replace(this.#folder, file, version);
      return file;
    } catch (error) {
      throw new ZoneWriteError(file, wordsOf(error), error);
    }
  }
}

async function replace(folder: string, file: string, version: ZoneVersion): Promise<void> {
  const temporary = join(folder, `.${fileNameOfZone(version.zone)}.new`);
  const old = await stat(file).catch(() => undefined);
  // What a writing that was cut off has left, or a link that somebody has put there.
  await rm(temporary, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, usualMode);
  try {
    try {
      await handle.chmod(old === undefined ? usualMode : old.mode & 0o777);
      if (old !== undefined) await giveTo(handle, old);
      for await (const piece of zoneText(version)) await handle.writeFile(piece, 'latin1');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Owner and group as they were, where we may. */
async function giveTo(
  handle: FileHandle,
  old: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const own = await handle.stat();
  if (own.uid === old.uid && own.gid === old.gid) return;
  await handle.chown(old.uid, old.gid).catch(() => handle.chown(own.uid, old.gid).catch(() => undefined));
}

function wordsOf(error: unknown): string {
  return words.get(codeOf(error) ?? '') ?? (error instanceof Error ? error.message : String(error));
}

const words: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such folder; create it'],
  ['ENOTDIR', 'a part of the path is not a folder; correct the path'],
  ['EACCES', 'permission is denied; let the user that danced runs as write into the folder'],
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'no space is left on the disk'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EFBIG', 'the file would be too large'],
  ['EISDIR', 'a folder has its name; remove it'],
]);
