/**
 * Puts a new file in the place of another in one step: whoever reads it has the old one or the new one, whole, also after
 * a crash or on a full disk.
 *
 * Limitations: the folder must be writable. Extended attributes and access control lists of the old file are lost, and so
 * are other hard links to it.
 */
import { constants } from 'node:fs';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '../config/sync-folder.ts';
import { ListChangedError, ListError } from './list-store.ts';

export interface Replacement {
  readonly content: AsyncIterable<string> | Iterable<string>;
  /** Of a file that was not there; one that was gives its own to the new. */
  readonly mode: number;
  /** Stamp (`fileStamp`) of the file that is to be replaced, 'none' where there must be none; missing: whatever is there. */
  readonly expected?: string;
}

/** What stat says of the file, and changes when it does; 'none' for no file. Follows symbolic links. */
export async function fileStamp(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'none';
    throw new ListError(`${file}: ${fileWords(error)}`, { cause: error });
  }
}

/**
 * Writes the new file beside the old one, and gives it its name; behind a symbolic link that is the file it leads to. Gives
 * remarks for the operator. Rejects with ListError, ListChangedError among them, or with what `content` throws; the old
 * file is untouched then.
 */
export async function replaceFile(file: string, { content, mode, expected }: Replacement): Promise<string[]> {
  return await inWords(file, async () => {
    const target = await targetOf(file);
    // One name for all: of two that change the file at the same time the second waits for the first, and sees its change.
    const temporary = join(dirname(target), `.${basename(target)}.new`);
    const handle = await openAlone(temporary, mode);
    try {
      const remarks: string[] = [];
      try {
        const old = await stat(target).catch(() => undefined);
        if (old !== undefined) {
          await requireWritable(target, file);
          remarks.push(...(await takeAfter(handle, old, target)));
        }
        for await (const piece of content) await handle.writeFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (expected !== undefined && (await fileStamp(target)) !== expected) {
        throw new ListChangedError(
          `${file}: somebody else has changed it in the meantime; nothing was done, so try again`,
        );
      }
      await rename(temporary, target);
      await syncFolder(dirname(target));
      return remarks;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  });
}

/** How long an edit that is under way is waited for; it takes milliseconds. */
const waits = 20;
const waitMs = 100;

async function openAlone(temporary: string, mode: number): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  for (let tries = 1; ; tries += 1) {
    try {
      return await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (tries === waits) {
        throw new ListError(
          `${temporary}: it is there already: another change is being made, or was cut off; remove it if none is`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** A file that its owner has made read-only is not replaced, though the folder would allow it. */
async function requireWritable(target: string, file: string): Promise<void> {
  try {
    await (await open(target, constants.O_WRONLY | constants.O_NONBLOCK)).close();
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    throw new ListError(`${file}: it cannot be written: this user may only read it; it is as it was`, {
      cause: error,
    });
  }
}

/** Mode and owner as they were, as far as we may. */
async function takeAfter(
  handle: FileHandle,
  old: { readonly mode: number; readonly uid: number; readonly gid: number },
  target: string,
): Promise<string[]> {
  const remarks: string[] = [];
  const own = await handle.stat();
  if (own.uid !== old.uid || own.gid !== old.gid) {
    const isOwned = await tryTo(handle.chown(old.uid, old.gid));
    const hasGroup = isOwned || (await tryTo(handle.chown(own.uid, old.gid)));
    if (!isOwned) {
      const lost = hasGroup ? 'owner' : 'owner and group';
      remarks.push(`${target}: its ${lost} could not be kept; see that danced may still read it`);
    }
  }
  // After chown, which takes bits away.
  await handle.chmod(old.mode & 0o7777);
  return remarks;
}

async function tryTo(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}

async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return join(await realpath(dirname(file)), basename(file));
  }
}

async function inWords<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ListError || !isSystemError(error)) throw error;
    throw new ListError(`${file}: it cannot be written: ${fileWords(error)}; it is as it was`, {
      cause: error,
    });
  }
}

function fileWords(error: unknown): string {
  const code = codeOf(error);
  return words.get(code ?? '') ?? (error instanceof Error ? error.message : String(error));
}

const words: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such folder'],
  [
    'EACCES',
    'permission is denied; the folder must be writable, since a new file takes the place of the old one',
  ],
  ['EPERM', 'the operation is not permitted'],
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'no space is left on the disk'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EFBIG', 'the file would be too large'],
  ['EBUSY', 'it is mounted by itself, so that no other can take its place; change it where it comes from'],
  ['EISDIR', 'it is a folder'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['ELOOP', 'its symbolic links lead in a circle'],
]);

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
