/**
 * Zone files (RFC 1035 section 5, RFC 2308 section 4, RFC 3597 section 5) from octets to records in wire form, for zones of millions
 * of records: octets are pushed as they come from the disk, cut anywhere, and records go to a sink, uncompressed.
 *
 * Plain records take the quick way (fast-lane.ts); everything else goes through the strict reader of core/dns/zone-file.ts, entry
 * by entry. `$INCLUDE` is said to whoever pushes (`wanted`), who opens the file or refuses; `$GENERATE` is done here.
 *
 * Limitations: class IN. The whole is right or an error: what the sink has got by then is not a zone.
 */
import { DnsFormatError } from '../dns/errors.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import { TextFields } from '../dns/rdata-text.ts';
import { EntryReader } from '../dns/zone-file.ts';
import {
  LineError,
  unescapeOctets,
  zoneEntries,
  type ZoneEntry,
  type ZoneToken,
} from '../dns/zone-tokens.ts';
import { Entry, FastLane } from './fast-lane.ts';
import { generateLines } from './generate.ts';
import { entryEnd, TextSource } from './text-source.ts';
import { rdataStart } from './word-cursor.ts';
import { ZoneCheck } from './zone-check.ts';
import { rightFor, TextMistake, ZoneTextError, type TextPlace } from './zone-text-error.ts';

/**
 * Takes a record of class IN: its owner from `nameAt` to `nameEnd` and its RDATA from `rdataAt` to `rdataEnd`, both without
 * compression, in octets that are written to again afterwards.
 */
export type RecordSink = (
  octets: Buffer,
  nameAt: number,
  nameEnd: number,
  type: number,
  ttl: number,
  rdataAt: number,
  rdataEnd: number,
) => void;

export interface ZoneTextOptions {
  /** Apex of the zone, and what relative names are completed with at first. */
  readonly origin: Name;
  /** As errors call it. */
  readonly file: string;
  readonly sink: RecordSink;
  /** Of records before the first TTL is stated, in seconds; without it they are refused, but for the SOA record. */
  readonly ttl?: number;
  /** More are refused. */
  readonly maxRecords?: number;
  /** After so many records `wanted` is 'turn'; there is no bound unless given. */
  readonly recordsPerTurn?: number;
  /** Whether `$INCLUDE` is asked for; it is refused otherwise. */
  readonly includes?: boolean;
}

/** `$INCLUDE` was met: `open` the file, or throw. */
export interface IncludedFile {
  /** As it is written. */
  readonly path: string;
  readonly place: TextPlace;
}

/**
 * What the reader waits for: more of the file (`push`, `end`), somebody else's turn (`resume` after it), a file (`open`), or
 * nothing any more.
 */
export type Wanted = 'octets' | 'turn' | 'nothing' | IncludedFile;

/** Longest entry: RDATA of 65,535 octets in escapes of four, and some room for blanks. */
export const maxEntryOctets = 512 * 1024;
/** Files inside each other; the first is not counted. */
export const maxIncludeDepth = 10;

export class ZoneTextReader {
  /** Records read. */
  records = 0;
  readonly #options: Required<Omit<ZoneTextOptions, 'ttl'>>;
  readonly #apexOctets: number;
  readonly #lane: FastLane;
  readonly #careful: EntryReader;
  readonly #check = new ZoneCheck();
  /** The innermost last. */
  readonly #sources: TextSource[];
  #source: TextSource;
  /** Of `$INCLUDE` that was asked for. */
  #includedOrigin: Name | undefined;
  #wanted: Wanted = 'octets';
  #lastLine = 1;

  constructor(options: ZoneTextOptions) {
    const { maxRecords = Infinity, recordsPerTurn = Infinity, includes = false, origin, ttl } = options;
    this.#options = { ...options, maxRecords, recordsPerTurn, includes };
    this.#apexOctets = origin.wire.length;
    this.#lane = new FastLane(origin.canonicalWire());
    this.#careful = new EntryReader(ttl === undefined ? { origin } : { origin, ttl });
    this.#lane.lastTtl = ttl ?? -1;
    this.#lane.setOrigin(origin.wire);
    this.#source = new TextSource(options.file, 1);
    this.#sources = [this.#source];
  }

  get wanted(): Wanted {
    return this.#wanted;
  }

  /** Takes more of the innermost open file, and reads what is whole of it. Throws ZoneTextError. */
  push(octets: Buffer): void {
    this.#expect('octets');
    this.#source.add(octets);
    this.#run();
  }

  /** The innermost open file has no more. Throws ZoneTextError; at the end of all also for what the zone lacks. */
  end(): void {
    this.#expect('octets');
    this.#source.close();
    this.#run();
  }

  /** Goes on after a turn. Throws ZoneTextError. */
  resume(): void {
    this.#expect('turn');
    this.#run();
  }

  /** The file that was asked for comes next, and is called `file` in errors. */
  open(file: string): void {
    if (typeof this.#wanted !== 'object') throw new TypeError('no file is wanted');
    const { origin, owner } = this.#careful;
    this.#enter(new TextSource(file, 1, { origin, owner }));
    if (this.#includedOrigin !== undefined) this.#setOrigin(this.#includedOrigin);
    this.#wanted = 'octets';
  }

  #expect(wanted: Wanted): void {
    if (this.#wanted !== wanted)
      throw new TypeError(`the reader does not wait for ${JSON.stringify(wanted)}`);
  }

  #run(): void {
    this.#wanted = this.#read(this.#options.recordsPerTurn);
  }

  #read(records: number): Wanted {
    const { sink } = this.#options;
    const lane = this.#lane;
    const { cursor } = lane;
    let left = records;
    for (;;) {
      const source = this.#source;
      cursor.use(source.octets);
      cursor.at = source.at;
      cursor.line = source.line;
      while (cursor.at < source.end) {
        const { line } = cursor;
        let entry: number | IncludedFile = lane.take();
        if (entry === Entry.ODD) {
          const end = entryEnd(source.octets, cursor.at, source.end);
          const isWhole = end !== -1 || source.isEnded;
          if (!isWhole && source.end - cursor.at <= maxEntryOctets) break;
          entry = this.#readCarefully(source, isWhole && end !== -1 ? end : source.end);
          if (typeof entry === 'object') {
            this.#leave(source);
            return entry;
          }
          if (this.#source !== source) break;
        }
        if (entry !== Entry.RECORD) continue;
        this.#count(source, line);
        sink(cursor.out, lane.ownerAt, lane.ownerEnd, lane.type, lane.ttl, rdataStart, cursor.outAt);
        left -= 1;
        if (left > 0) continue;
        this.#leave(source);
        return 'turn';
      }
      this.#leave(source);
      if (this.#source !== source) continue;
      if (!this.#goOn(source)) return this.#sources.length === 0 ? 'nothing' : 'octets';
    }
  }

  /** Notes in the source how far it was read. */
  #leave(source: TextSource): void {
    const { cursor } = this.#lane;
    source.at = cursor.at;
    // All that a directive makes is in the line of the directive.
    if (source.pieces === undefined) source.line = cursor.line;
  }

  #count(source: TextSource, line: number): void {
    const lane = this.#lane;
    const { maxRecords } = this.#options;
    this.records += 1;
    try {
      this.#check.record(lane.type, lane.isSameOwner, lane.ownerEnd - lane.ownerAt === this.#apexOctets);
      if (this.records > maxRecords) {
        throw new TextMistake(
          `more than ${maxRecords} records`,
          'raise the limit if the zone is meant to be so large',
        );
      }
    } catch (error) {
      throw this.#error(source, line, 1, error);
    }
  }

  /** After all that is there of a source: more of it, or the file that it is in. False if somebody must push. */
  #goOn(source: TextSource): boolean {
    const { pieces } = source;
    if (pieces !== undefined) {
      const piece = this.#inPlace(source, source.line, () => pieces.next());
      if (piece.done !== true) {
        source.add(Buffer.from(piece.value, 'latin1'));
        return true;
      }
      source.close();
    }
    if (!source.isEnded) return false;
    this.#lastLine = source.line;
    this.#sources.pop();
    const outer = this.#sources.at(-1);
    if (outer === undefined) {
      this.#finish(source);
      return false;
    }
    this.#source = outer;
    if (source.includer !== undefined) {
      // RFC 1035 section 5.1: the origin of the including file is what it was, whatever the included one says.
      this.#lane.resumeOwner(source.includer.owner?.wire ?? Buffer.alloc(0));
      this.#setOrigin(source.includer.origin);
    }
    return true;
  }

  #finish(source: TextSource): void {
    const { missing } = this.#check;
    if (missing === undefined) return;
    const place = { file: source.file, line: this.#lastLine, column: 1 };
    const apex = this.#options.origin.toString();
    throw new ZoneTextError(
      place,
      `${missing} ${JSON.stringify(apex)} at the end of the file`,
      'add it to the zone',
    );
  }

  #enter(source: TextSource): void {
    this.#sources.push(source);
    this.#source = source;
  }

  /** Reads the entry that ends at `end`; the cursor is behind it then. */
  #readCarefully(source: TextSource, end: number): number | IncludedFile {
    const lane = this.#lane;
    const careful = this.#careful;
    const { cursor } = lane;
    const { line } = cursor;
    if (end - cursor.at > maxEntryOctets) {
      const mistake = new TextMistake(
        `an entry of more than ${maxEntryOctets} octets`,
        'see whether a ) is missing',
      );
      throw this.#error(source, line, 1, mistake);
    }
    const text = source.octets.toString('latin1', cursor.at, end);
    cursor.at = end;
    const entry = this.#inPlace(source, line, () => firstEntry(text));
    cursor.line += countLines(text);
    if (entry === undefined) return Entry.EMPTY;
    careful.owner =
      lane.ownerEnd === 0 ? undefined : Name.fromWire(cursor.out.subarray(lane.ownerAt, lane.ownerEnd));
    const [first] = entry.tokens;
    if (first?.isQuoted === false) {
      const directive = first.text.toUpperCase();
      if (directive === '$INCLUDE') return this.#include(source, line, entry);
      if (directive === '$GENERATE') return this.#generate(source, line, entry);
    }
    careful.lastTtl = lane.lastTtl < 0 ? undefined : lane.lastTtl;
    const record = this.#inPlace(
      source,
      line,
      () => this.#inZone(careful.read(entry)),
      () => careful.last,
    );
    lane.defaultTtl = careful.defaultTtl ?? -1;
    lane.lastTtl = careful.lastTtl ?? -1;
    lane.setOrigin(careful.origin.wire);
    if (record === undefined) return Entry.EMPTY;
    lane.isSameOwner = entry.isIndented && !lane.isResumed;
    lane.setOwner(record.name.wire);
    lane.type = record.type;
    lane.ttl = record.ttl;
    record.rdata.copy(cursor.out, rdataStart);
    cursor.outAt = rdataStart + record.rdata.length;
    return Entry.RECORD;
  }

  #inZone(record: ResourceRecord | undefined): ResourceRecord | undefined {
    if (record === undefined || record.name.isAtOrBelow(this.#options.origin)) return record;
    const name = JSON.stringify(record.name.toString());
    const zone = JSON.stringify(this.#options.origin.toString());
    throw new TextMistake(
      `a record of ${name}, which is not in the zone ${zone}`,
      'leave it out, or correct its name',
    );
  }

  #setOrigin(origin: Name): void {
    this.#careful.origin = origin;
    this.#lane.setOrigin(origin.wire);
  }

  #include(source: TextSource, line: number, entry: ZoneEntry): IncludedFile {
    const fields = new TextFields(entry.tokens.slice(1), this.#careful.origin);
    const read = (): IncludedFile => {
      const path = unescapeOctets(fields.word('the path of the file')).toString();
      this.#includedOrigin = fields.isAtEnd ? undefined : fields.name('the origin');
      fields.expectEnd();
      if (!this.#options.includes) {
        throw new TextMistake('$INCLUDE is not read here', 'write the records of that file into this one');
      }
      if (this.#sources.filter(({ pieces }) => pieces === undefined).length > maxIncludeDepth) {
        const wrong = `files included in each other more than ${maxIncludeDepth} deep`;
        throw new TextMistake(wrong, 'see whether one of them includes itself');
      }
      const place = { file: source.file, line, column: entry.tokens[1]?.column ?? 1 };
      return { path, place };
    };
    return this.#inPlace(source, line, read, () => fields.last ?? entry.tokens[0]);
  }

  #generate(source: TextSource, line: number, entry: ZoneEntry): number {
    const [directive, ...words] = entry.tokens;
    const pieces = this.#inPlace(
      source,
      line,
      () => generateLines(words),
      () => words[0] ?? directive,
    );
    const { origin, owner } = this.#careful;
    this.#enter(new TextSource(source.file, line, { origin, owner }, pieces));
    return Entry.EMPTY;
  }

  /** Does it, and says in errors where: at the word that it names then, or at the beginning of the line. */
  #inPlace<T>(source: TextSource, line: number, work: () => T, at?: () => ZoneToken | undefined): T {
    try {
      return work();
    } catch (error) {
      const { line: lines, column } = error instanceof LineError ? error : (at?.() ?? { line: 1, column: 1 });
      throw this.#error(source, line + lines - 1, column, error);
    }
  }

  #error(source: TextSource, line: number, column: number, error: unknown): unknown {
    if (!(error instanceof DnsFormatError)) return error;
    const { file } = source;
    const words = error instanceof LineError ? error.words : error.message;
    const right = error instanceof TextMistake ? error.right : rightFor(words);
    if (source.pieces === undefined) return new ZoneTextError({ file, line, column }, words, right, error);
    // What a directive makes has no place of its own.
    const place = { file, line: source.line, column: 1 };
    return new ZoneTextError(place, `in what $GENERATE makes: ${words}`, right, error);
  }
}

function firstEntry(text: string): ZoneEntry | undefined {
  const [entry] = zoneEntries(text);
  return entry;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
