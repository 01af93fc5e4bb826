/**
 * A zone in one version after another, and digests by which one says which version somebody has: exactly that one, or
 * none. Versions differ in a few records or in all of them, so that IXFR is worth it or is not.
 */
import { createHash } from 'node:crypto';
import { pathOf, runProgram } from './test-bed.ts';
import { recordLines, type ZoneText } from './zone-text.ts';

export interface SeriesOptions {
  readonly apex: string;
  /** Of each version, about. */
  readonly records: number;
  /** Of the SOA record, in seconds: how often to look, how soon again, and for how long a copy is good. */
  readonly timers?: { readonly refresh: number; readonly retry: number; readonly expire: number };
  /** How many records change from one version to the next. */
  readonly changes?: number;
}

/** A version as somebody has it. */
export interface ZoneDigest {
  readonly serial: number;
  readonly records: number;
  /** Over all records, whatever their order. */
  readonly digest: string;
}

const patience = { refresh: 3600, retry: 600, expire: 86_400 };

/** Versions of one zone; the same options make the same versions. */
export class ZoneSeries {
  readonly apex: string;
  readonly #options: Required<SeriesOptions>;
  readonly #published = new Map<number, ZoneDigest>();
  #serial = 0;
  #epoch = 0;

  constructor(options: SeriesOptions) {
    this.apex = options.apex;
    this.#options = { timers: patience, changes: 50, ...options };
  }

  /** The serial of the version that `next` last made. */
  get serial(): number {
    return this.#serial;
  }

  /** The next version; `changed` says how much of it is new. */
  next(changed: 'some' | 'all' = 'some'): ZoneText {
    this.#serial += 1;
    if (changed === 'all') this.#epoch += 1;
    const lines = this.#lines();
    this.#published.set(this.#serial, digestOf(lines)!);
    return { apex: this.apex, serial: this.#serial, text: [...lines, ''].join('\n') };
  }

  /** A version that has been made. */
  digest(serial = this.#serial): ZoneDigest {
    const found = this.#published.get(serial);
    if (found === undefined) throw new RangeError(`no version ${serial} of ${this.apex}`);
    return found;
  }

  /** Whether somebody has what he says that he has: one of the versions, and all of it. */
  has(seen: ZoneDigest): boolean {
    const published = this.#published.get(seen.serial);
    return published?.digest === seen.digest && published.records === seen.records;
  }

  #lines(): string[] {
    const { apex, records, timers, changes } = this.#options;
    const { refresh, retry, expire } = timers;
    const lines = [
      `${apex}. 3600 IN SOA ns1.${apex}. hostmaster.${apex}. ${this.#serial} ${refresh} ${retry} ${expire} 300`,
      `${apex}. 3600 IN NS ns1.${apex}.`,
      `ns1.${apex}. 3600 IN A 127.0.0.1`,
    ];
    const first = 10 + (this.#epoch % 200);
    for (let number = lines.length; number < records - changes; number += 1) {
      const rest = `${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
      lines.push(`host-${number}.${apex}. 3600 IN A ${first}.${rest}`);
    }
    for (let number = 0; number < changes; number += 1) {
      lines.push(`new-${this.#serial}-${number}.${apex}. 60 IN TXT "of version ${this.#serial}"`);
    }
    return lines;
  }
}

/** The digest of records, one a line, each once; undefined when there is no SOA record among them. */
export function digestOf(lines: readonly string[]): ZoneDigest | undefined {
  const serial = serialsOf(lines)[0];
  if (serial === undefined) return undefined;
  const digest = createHash('sha256')
    .update([...lines].sort().join('\n'))
    .digest('base64');
  return { serial, records: lines.length, digest };
}

/**
 * What a server on plain TCP transfers; undefined when it transfers nothing, or breaks off, so that a client knows that
 * it has nothing.
 */
export async function servedDigest(port: number, apex: string): Promise<ZoneDigest | undefined> {
  const args = ['+tcp', '+noall', '+answer', '+time=20', '+tries=1', apex, 'AXFR'];
  const { stdout } = await runProgram(pathOf('dig'), ['@127.0.0.1', '-p', String(port), ...args]);
  const lines = recordLines(stdout);
  const serials = serialsOf(lines);
  // RFC 5936 section 2.2: the SOA record again is the end.
  if (serials.length !== 2) return undefined;
  const again = lines.findIndex((line) => serialsOf([line]).length > 0);
  return digestOf(lines.toSpliced(again, 1));
}

function serialsOf(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const found = / IN SOA \S+ \S+ (\d+) /.exec(line);
    return found === null ? [] : [Number(found[1])];
  });
}
