/**
 * Reads the files of one zone, those that they include among them, in slices: while a piece is read from the disk others have
 * their turn, and no piece takes longer than a few milliseconds.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Name,
  RrClass,
  RrType,
  type ResourceRecord,
  ZoneTextError,
  ZoneTextReader,
  type IncludedFile,
  type RecordSink,
} from '../../../core/index.ts';
import {
  includedPath,
  inWords,
  openConfined,
  stampOf,
  unusable,
  type ConfinedFile,
} from './confined-file.ts';
import type { UpstreamError } from '../upstream/upstream.ts';

export interface ZoneReading {
  readonly zone: Name;
  /** The file of the zone, and the folder that all its files are in: absolute paths. */
  readonly file: string;
  readonly folder: string;
  /** Of all files together. */
  readonly maxOctets: number;
  readonly maxRecords: number;
  /** Takes every record but the SOA record. */
  readonly sink: RecordSink;
  /** What it throws ends the reading. */
  readonly onSoa?: (soa: ResourceRecord) => void;
  readonly signal: AbortSignal;
  /** Awaited after each piece. */
  readonly afterPiece?: () => Promise<void>;
}

export interface ZoneRead {
  readonly soa: ResourceRecord;
  /** With the SOA record. */
  readonly records: number;
  /** Of every file that was read, by its path as it was opened. */
  readonly stamps: ReadonlyMap<string, string>;
}

/** Octets of a piece; some 2,000 records. */
const pieceOctets = 1 << 18;
const recordsPerTurn = 2_000;
/** Files that one zone includes, also the same again. */
const maxIncludes = 1_000;

/** Reads the whole zone. Rejects with UpstreamError, ZoneTextError, or the reason of the signal. */
export async function readZone(reading: ZoneReading): Promise<ZoneRead> {
  const { zone, file, maxRecords, sink, onSoa } = reading;
  const soas: ResourceRecord[] = [];
  const stamps = new Map<string, string>();
  const reader = new ZoneTextReader({
    ...{ origin: zone, file, maxRecords, recordsPerTurn, includes: true },
    sink: (octets, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd) => {
      if (type !== RrType.SOA) {
        sink(octets, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd);
        return;
      }
      const soa = soaOf(octets, nameAt, nameEnd, ttl, rdataAt, rdataEnd);
      soas.push(soa);
      onSoa?.(soa);
    },
  });
  await new FileStack(reading, reader, stamps).read();
  const [soa] = soas;
  if (soa === undefined) throw new TypeError('the reader has let a zone without SOA record pass');
  return { soa, records: reader.records, stamps };
}

/** The SOA record alone: the zone is read as far as it. Rejects as `readZone` does. */
export async function readSoa(reading: Omit<ZoneReading, 'sink' | 'onSoa'>): Promise<ResourceRecord> {
  const onSoa = (soa: ResourceRecord): never => {
    throw new SoaFound(soa);
  };
  try {
    return (await readZone({ ...reading, sink: () => undefined, onSoa })).soa;
  } catch (error) {
    if (error instanceof SoaFound) return error.soa;
    throw error;
  }
}

/** Ends a reading that has what it was for. */
class SoaFound extends Error {
  readonly soa: ResourceRecord;

  constructor(soa: ResourceRecord) {
    super('the SOA record was found');
    this.soa = soa;
  }
}

function soaOf(
  octets: Buffer,
  nameAt: number,
  nameEnd: number,
  ttl: number,
  rdataAt: number,
  rdataEnd: number,
): ResourceRecord {
  const rdata = Buffer.from(octets.subarray(rdataAt, rdataEnd));
  const name = Name.fromWire(octets.subarray(nameAt, nameEnd));
  return { name, type: RrType.SOA, class: RrClass.IN, ttl, rdata };
}

/** The files that are open, one in the other. */
class FileStack {
  readonly #reading: ZoneReading;
  readonly #reader: ZoneTextReader;
  readonly #stamps: Map<string, string>;
  readonly #files: OpenFile[] = [];
  #left: number;
  #includes = 0;

  constructor(reading: ZoneReading, reader: ZoneTextReader, stamps: Map<string, string>) {
    this.#reading = reading;
    this.#reader = reader;
    this.#stamps = stamps;
    this.#left = reading.maxOctets;
  }

  async read(): Promise<void> {
    try {
      await this.#open(this.#reading.file);
      while (this.#reader.wanted !== 'nothing') {
        this.#reading.signal.throwIfAborted();
        await this.#step(this.#reader.wanted);
        await this.#reading.afterPiece?.();
      }
    } finally {
      for (const file of this.#files) await file.close();
    }
  }

  async #step(wanted: ZoneTextReader['wanted']): Promise<void> {
    if (typeof wanted === 'object') {
      await this.#include(wanted);
    } else if (wanted === 'turn') {
      await nextTurn();
      this.#reader.resume();
    } else {
      await this.#push();
    }
  }

  async #push(): Promise<void> {
    const file = this.#files.at(-1);
    if (file === undefined) throw new TypeError('the reader wants more of no file');
    const piece = await file.next();
    if (piece !== undefined) {
      this.#reader.push(piece);
      return;
    }
    await file.finish();
    this.#files.pop();
    await file.close();
    this.#reader.end();
  }

  async #include({ path, place }: IncludedFile): Promise<void> {
    const mistake = (wrong: string, right: string, cause?: unknown): ZoneTextError =>
      new ZoneTextError(place, wrong, right, cause);
    this.#includes += 1;
    if (this.#includes > maxIncludes)
      throw mistake(`more than ${maxIncludes} files included`, 'include fewer');
    const from = this.#files.at(-1)?.path ?? this.#reading.file;
    const target = includedPath(from, path);
    try {
      await this.#open(target);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw mistake(`the file to include cannot be used: ${error.message}`, 'correct its path', error);
    }
    this.#reader.open(target);
  }

  async #open(path: string): Promise<void> {
    const file = await openConfined(this.#reading.folder, path, this.#left);
    this.#left -= file.octets;
    this.#files.push(new OpenFile(file, path));
    this.#stamps.set(path, file.stamp);
  }
}

/** One file, the next piece of which is on its way while this one is used. */
class OpenFile {
  readonly path: string;
  readonly #file: ConfinedFile;
  /** One is read into while the other is used. */
  readonly #buffers: readonly [Buffer, Buffer];
  #pieces = 0;
  #octets = 0;
  #coming: Promise<Buffer>;

  constructor(file: ConfinedFile, path: string) {
    this.#file = file;
    this.path = path;
    // One more than there should be: so much is seen of a file that grows.
    const length = Math.min(pieceOctets, file.octets + 1);
    this.#buffers = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
    this.#coming = this.#read();
  }

  /** The next octets, which stay as they are till the next call; undefined at the end. Rejects with UpstreamError. */
  async next(): Promise<Buffer | undefined> {
    const piece = await this.#coming;
    this.#octets += piece.length;
    if (piece.length === 0) return undefined;
    if (this.#octets > this.#file.octets) throw this.#changed();
    this.#coming = this.#read();
    return piece;
  }

  /** Whether what was read is one state of the file. Rejects with UpstreamError. */
  async finish(): Promise<void> {
    const stats = await inWords(this.path, () => this.#file.handle.stat({ bigint: true }));
    if (stampOf(stats) !== this.#file.stamp || this.#octets !== this.#file.octets) throw this.#changed();
  }

  async close(): Promise<void> {
    await this.#coming.catch(() => undefined);
    await this.#file.handle.close();
  }

  #read(): Promise<Buffer> {
    const into = this.#buffers[this.#pieces % 2 === 0 ? 0 : 1];
    this.#pieces += 1;
    const piece = inWords(this.path, async () => {
      const { bytesRead } = await this.#file.handle.read(into, 0, into.length, null);
      return into.subarray(0, bytesRead);
    });
    // Nobody may be waiting for it when it fails.
    piece.catch(() => undefined);
    return piece;
  }

  #changed(): UpstreamError {
    return unusable(`${this.path}: it was changed while it was read; it is read again at the next look`);
  }
}
