/**
 * The files of another server's configuration: read, never written, within bounds.
 *
 * Limitations: text that is not UTF-8 is taken as Latin-1, which keeps every octet.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, globSync, openSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileErrorWords } from '../output.ts';
import { oldConfigLimits } from './old-config.ts';

export class SourceFiles {
  readonly #root: string | undefined;
  readonly #troubles = new Map<string, string>();

  /** @param root folder that absolute paths in the files are below, as of `named -t`; undefined for none */
  constructor(root: string | undefined) {
    this.#root = root;
  }

  /** What was the matter with files that could not be read, as 'FILE: permission denied'. */
  get troubles(): readonly string[] {
    return [...this.#troubles].map(([file, words]) => `${file}: ${words}`);
  }

  /** The text of a file that another one includes. */
  readonly read = (path: string): string | undefined => this.readFirst(this.#placed(path));

  /** Paths that fit a pattern, sorted, as `read` takes them. */
  readonly list = (pattern: string): readonly string[] => {
    const root = this.#root !== undefined && isAbsolute(pattern) ? this.#root : undefined;
    const found = globSync(this.#placed(pattern)).sort();
    const paths = root === undefined ? found : found.map((path) => `/${path.slice(join(root, '/').length)}`);
    return paths.slice(0, oldConfigLimits.includes + 1);
  };

  /** The text of a file by its own path; undefined with a word in `troubles` if it cannot be read. */
  readFirst(path: string): string | undefined {
    const read = readBounded(path);
    if ('trouble' in read) this.#troubles.set(path, read.trouble);
    return 'trouble' in read ? undefined : read.text;
  }

  #placed(path: string): string {
    return this.#root !== undefined && isAbsolute(path) ? join(this.#root, path) : path;
  }
}

function readBounded(path: string): { text: string } | { trouble: string } {
  let descriptor: number | undefined;
  try {
    // Not to wait for a writer when the file is a FIFO; it is refused below.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return { trouble: 'it is not a file' };
    if (stats.size > oldConfigLimits.fileOctets) {
      return { trouble: `it has more than ${String(oldConfigLimits.fileOctets)} octets` };
    }
    const octets = readFileSync(descriptor);
    return { text: octets.toString(isUtf8(octets) ? 'utf8' : 'latin1') };
  } catch (error) {
    return { trouble: fileErrorWords(error) ?? String(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
