/**
 * The files that a configuration of NSD or Knot DNS includes, read one after the other within `oldConfigLimits`.
 *
 * Limitations: which files fit a pattern is the caller's to say (`ListFiles`); without it a pattern is not followed.
 */
import { Buffer } from 'node:buffer';
import { OldConfigError, oldConfigLimits } from './old-config.ts';
import type { ListFiles, ReadFile, SourcePlace } from './old-config.ts';

/** A place in a file down to the column. */
export interface TextPlace extends SourcePlace {
  /** From 1, in characters. */
  readonly column: number;
}

export interface IncludedFile {
  readonly path: string;
  readonly text: string;
}

export interface IncludeRequest {
  /** Path or pattern, absolute or relative to the working directory of this program. */
  readonly path: string;
  readonly isPattern: boolean;
  readonly at: SourcePlace;
  /** 1 for what the first file includes. */
  readonly depth: number;
}

/** What an `include` comes to. */
export interface IncludeResult {
  readonly files: readonly IncludedFile[];
  /** Why files are missing, one clause for each. */
  readonly missing: readonly string[];
}

/** An error that has the column too. */
export function brokenAt(place: TextPlace, message: string): OldConfigError {
  return new OldConfigError(plainPlace(place), `column ${String(place.column)}: ${message}`);
}

/** A place without its column, as results have it. */
export function plainPlace({ file, line }: SourcePlace): SourcePlace {
  return { file, line };
}

export class IncludedFiles {
  readonly #readFile: ReadFile;
  readonly #listFiles: ListFiles | undefined;
  #files = 0;
  #octets = 0;

  constructor(readFile: ReadFile, listFiles: ListFiles | undefined) {
    this.#readFile = readFile;
    this.#listFiles = listFiles;
  }

  /** The text of the file to begin with. Throws OldConfigError if it cannot be had, or is too long. */
  first(file: string): string {
    const text = this.#read(file, { file, line: 1 });
    if (text === undefined) {
      throw new OldConfigError(
        { file, line: 1 },
        'the file cannot be read; give the path of a readable file',
      );
    }
    return text;
  }

  /** Reads what an `include` names, in order. Throws OldConfigError when a limit is passed. */
  include({ path, isPattern, at, depth }: IncludeRequest): IncludeResult {
    if (depth > oldConfigLimits.includeDepth) {
      const most = String(oldConfigLimits.includeDepth);
      throw new OldConfigError(at, `files include one another more than ${most} deep; look for a circle`);
    }
    if (!isPattern) return this.#readAll([path], at);
    if (this.#listFiles === undefined) {
      const why =
        'the pattern was not followed, since nothing here lists folders; name each file, or read each by itself';
      return { files: [], missing: [why] };
    }
    // No file that fits is no error to either program.
    return this.#readAll(this.#listFiles(path), at);
  }

  #readAll(paths: readonly string[], at: SourcePlace): IncludeResult {
    const files: IncludedFile[] = [];
    const missing: string[] = [];
    for (const path of paths) {
      const text = this.#read(path, at);
      if (text === undefined) missing.push(`${path} cannot be read; nothing that stands in it was looked at`);
      else files.push({ path, text });
    }
    return { files, missing };
  }

  #read(path: string, at: SourcePlace): string | undefined {
    this.#files += 1;
    if (this.#files > oldConfigLimits.includes) {
      throw new OldConfigError(at, `more than ${String(oldConfigLimits.includes)} files; read them in parts`);
    }
    const text = this.#readFile(path);
    if (text === undefined) return undefined;
    const octets = Buffer.byteLength(text);
    this.#octets += octets;
    if (octets > oldConfigLimits.fileOctets || this.#octets > oldConfigLimits.totalOctets) {
      throw new OldConfigError(
        at,
        `too long with ${path}: a file of a name server's configuration is not that long`,
      );
    }
    return text;
  }
}
