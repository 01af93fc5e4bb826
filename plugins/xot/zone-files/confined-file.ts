/**
 * Opens files of one folder, and of the folders in it, for reading: regular files, which no symbolic link and no `..` leads out of
 * there, of bounded size.
 *
 * Limitations: who may write in the folder may put another file in the place of one between two looks; it is bounded in the same
 * way.
 */
import { constants, type BigIntStats } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, resolve, sep } from 'node:path';
import { UpstreamError } from '../upstream/upstream.ts';

export interface ConfinedFile {
  readonly handle: FileHandle;
  /** Where it is, without symbolic links. */
  readonly path: string;
  readonly stamp: string;
  readonly octets: number;
}

/** Opens a file at a path that is absolute; `folder` too. Rejects with UpstreamError. */
export async function openConfined(folder: string, path: string, maxOctets: number): Promise<ConfinedFile> {
  return inWords(path, async () => {
    const [base, real] = await Promise.all([realpath(folder), realpath(path)]);
    if (!real.startsWith(base === sep ? sep : base + sep)) {
      throw unusable(`${path}: it is not in ${folder}; zone files and what they include must be there`);
    }
    // Not to wait for a writer where it is a FIFO, and not to follow a link that has just been put there.
    const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const stats = await handle.stat({ bigint: true });
      if (!stats.isFile()) throw unusable(`${path}: it is not a regular file; give a zone file`);
      if (stats.size > BigInt(maxOctets)) {
        throw unusable(
          `${path}: it has ${String(stats.size)} octets, more than the ${maxOctets} that are left of the limit zone-octets`,
        );
      }
      return { handle, path: real, stamp: stampOf(stats), octets: Number(stats.size) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

/** Where a file includes another: relative to the folder of the including file, as to nobody's working directory. */
export function includedPath(from: string, path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(dirname(from), path);
}

/** What changes when the file does; 'none' for no file. Rejects with UpstreamError. */
export async function stampOfFile(
  path: string,
): Promise<{ readonly stamp: string; readonly changedMs: number }> {
  try {
    const stats = await stat(path, { bigint: true });
    return { stamp: stampOf(stats), changedMs: Number(stats.mtimeMs) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { stamp: 'none', changedMs: -Infinity };
    throw unusable(`${path}: ${wordsOf(error)}`, error);
  }
}

export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** Does it, and says in words what the system says. */
export async function inWords<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw unusable(`${path}: ${wordsOf(error)}`, error);
  }
}

export function unusable(words: string, cause?: unknown): UpstreamError {
  return new UpstreamError('unusable', words, false, cause);
}

function wordsOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  return (
    systemWords.get(code) ?? `it cannot be read: ${error instanceof Error ? error.message : String(error)}`
  );
}

const systemWords: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file; create it, or correct the name'],
  ['EACCES', 'permission to read it is denied; let the user that danced runs as read it'],
  ['EPERM', 'permission to read it is denied; let the user that danced runs as read it'],
  ['ENOTDIR', 'a part of the path is not a folder; correct the path'],
  ['ELOOP', 'its symbolic links lead in a circle, or it has just been replaced'],
  ['ENXIO', 'it is not a regular file; give a zone file'],
  ['EMFILE', 'too many files are open; raise the limit of open files'],
  ['EIO', 'the disk has failed'],
]);

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
