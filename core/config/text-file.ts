/**
 * Reads a file that an operator wrote: a regular file, UTF-8, of bounded size. Whatever goes wrong is a ConfigError
 * with words for it.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError } from './errors.ts';

/** The text of `file`. Throws ConfigError (`CFG_UNREADABLE`, or `CFG_INVALID` for text that is not UTF-8). */
export function readTextFile(file: string, maxOctets: number): string {
  const octets = readOctets(file, maxOctets);
  if (!isUtf8(octets)) {
    const problem = { file, line: firstBadLine(octets), column: 1, path: [] };
    throw new ConfigError([
      { ...problem, wrong: 'this line is not UTF-8 text', right: 'save the file with the encoding UTF-8' },
    ]);
  }
  return octets.toString('utf8');
}

function readOctets(file: string, maxOctets: number): Buffer {
  let descriptor: number | undefined;
  try {
    // Not to wait for a writer when the file is a FIFO; it is refused below.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw unreadable(file, 'is not a file', 'give the path of a text file');
    if (stats.size > maxOctets) {
      const wrong = `has ${String(stats.size)} octets, more than the ${String(maxOctets)} that are read`;
      throw unreadable(file, wrong, 'check that this is the file you mean');
    }
    return readFileSync(descriptor);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unreadable(file, ...wordsFor(error), error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function unreadable(file: string, wrong: string, right: string, cause?: unknown): ConfigError {
  const problem = { file, line: 1, column: 1, path: [], wrong, right };
  return new ConfigError([problem], { code: 'CFG_UNREADABLE', cause });
}

/** The usual failures of opening a file, in words. */
function wordsFor(error: unknown): [wrong: string, right: string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  switch (code) {
    case 'ENOENT':
      return ['there is no such file', 'create it, or correct the path'];
    case 'EACCES':
    case 'EPERM':
      return ['permission to read it is denied', 'let the user that danced runs as read it (chown, chmod)'];
    case 'ENOTDIR':
      return ['a part of its path is not a directory', 'correct the path'];
    default:
      return [`it cannot be read (${code})`, 'check the path and the file system'];
  }
}

function firstBadLine(octets: Buffer): number {
  let line = 1;
  for (let start = 0; start < octets.length; line += 1) {
    const newline = octets.indexOf(0x0a, start);
    const end = newline === -1 ? octets.length : newline;
    if (!isUtf8(octets.subarray(start, end))) return line;
    start = end + 1;
  }
  return line;
}
