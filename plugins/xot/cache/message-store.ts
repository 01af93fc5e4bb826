/**
 * Where the messages of kept zones are: in memory up to a bound for all zones together, beyond it in files without a name, which
 * are gone with the process, however it ends.
 *
 * Limitations: versions that are no longer current, but still sent to somebody, are not counted.
 */
import { closeSync, openSync, read, unlinkSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { MessageFile, Store, StoredMessage, ZoneVersion } from '../../../core/index.ts';

/** A file is closed when the last version that stands in it is forgotten: nobody else knows when that is. */
const forgotten = new FinalizationRegistry<number>((descriptor) => {
  closeSync(descriptor);
});

/**
 * Of a long zone what comes beyond this is kept where it lies, in the blocks that it was received in, which it fills; the few
 * messages of a short one would each hold a block.
 */
const copiedOctets = 1 << 20;

function copyOf(message: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(message.length);
  message.copy(copy);
  return copy;
}

/** Files of one version: more would use up the descriptors of the process, and keep what is dead on the disk. */
const mostFiles = 8;

/** Whether a version stands in so many files that it is to be fetched whole. */
export function isScattered({ messages }: ZoneVersion): boolean {
  const files = new Set<MessageFile>();
  for (const message of messages) if (!Buffer.isBuffer(message)) files.add(message.file);
  return files.size > mostFiles;
}

/** Append-only, readable by nobody but this process. */
class SpillFile implements MessageFile {
  readonly #descriptor: number;
  #length = 0;

  /** Throws the error of the system. */
  constructor(folder: string) {
    const path = join(folder, `danced-${randomUUID()}`);
    this.#descriptor = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    forgotten.register(this, this.#descriptor);
  }

  /** Throws the error of the system: for a full disk, ENOSPC. */
  append(octets: Buffer): number {
    const at = this.#length;
    let written = 0;
    while (written < octets.length) {
      written += writeSync(this.#descriptor, octets, written, octets.length - written, at + written);
    }
    this.#length += octets.length;
    return at;
  }

  read(at: number, length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const octets = Buffer.allocUnsafeSlow(length);
      read(this.#descriptor, octets, 0, length, at, (error, count) => {
        if (error !== null) reject(error);
        else if (count < length) reject(new Error('a file of kept zones is shorter than it was'));
        else resolve(octets);
      });
    });
  }
}

/** Keeps the messages of one version that is being loaded: who gives one does not write to it again. */
export interface Loading {
  readonly store: Store;
  /** It has become a version, which is counted from now on, or it has not. */
  end(): void;
}

export class MessageStore {
  readonly #memoryOctets: () => number;
  readonly #folder: () => string;
  /** Octets in memory of the current version of each zone. */
  readonly #counted = new Map<string, number>();
  #current = 0;
  #loading = 0;

  constructor(memoryOctets: () => number, folder: () => string) {
    this.#memoryOctets = memoryOctets;
    this.#folder = folder;
  }

  /** Octets in memory, those under way included. */
  get inMemory(): number {
    return this.#current + this.#loading;
  }

  load(): Loading {
    let octets = 0;
    let file: SpillFile | undefined;
    return {
      store: (message): StoredMessage => {
        if (file === undefined && this.inMemory + message.length <= this.#memoryOctets()) {
          octets += message.length;
          this.#loading += message.length;
          return octets > copiedOctets ? message : copyOf(message);
        }
        file ??= this.#openFile();
        return { file, at: file.append(message), length: message.length };
      },
      end: () => {
        this.#loading -= octets;
        octets = 0;
      },
    };
  }

  /** Counts what a zone has in memory now; undefined: it has nothing any more. */
  count(zone: string, version: ZoneVersion | undefined): void {
    let octets = 0;
    for (const message of version?.messages ?? []) if (Buffer.isBuffer(message)) octets += message.length;
    this.#current += octets - (this.#counted.get(zone) ?? 0);
    if (version === undefined) this.#counted.delete(zone);
    else this.#counted.set(zone, octets);
  }

  #openFile(): SpillFile {
    const folder = this.#folder();
    try {
      return new SpillFile(folder);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`no file for a zone beyond memory-octets can be made in ${folder}: ${why}`, {
        cause: error,
      });
    }
  }
}
