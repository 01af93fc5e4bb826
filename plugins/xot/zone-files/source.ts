/**
 * A folder of zone files as the source of zones (RFC 1035 section 5): `example.com.zone` or `example.com` is the zone example.com.
 *
 * A new state of a file counts when it is right as a whole, and its serial is newer than that of what is served (RFC 1982);
 * otherwise what was there stays, and it is told why. Files that have just been written are left alone for a moment, since
 * whoever writes them may not be done.
 *
 * Limitations: every change reads the whole zone again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  openMessage,
  parseSoa,
  serialCompare,
  ZoneWriter,
  type Log,
  type Name,
  type ResourceRecord,
  type Store,
  type StoredMessage,
  type ZoneVersion,
} from '../../../core/index.ts';
import type { CheckedSoa, Fetched, ZoneSource } from '../cache/source.ts';
import type { CacheLimits } from '../cache/limits.ts';
import { stampOfFile, unusable } from './confined-file.ts';
import { isUnchanged, ZoneFolder, type ListedZone } from './folder.ts';
import { readSoa, readZone, type ZoneRead } from './read-zone.ts';

export interface FileSourceOptions {
  /** Absolute. */
  readonly folder: string;
  readonly limits: () => Pick<CacheLimits, 'zone-octets' | 'zone-records'>;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface FolderLook {
  /** All that there are. */
  readonly zones: readonly Name[];
  /** Those whose files are not as they were when they were read: they are to be checked. */
  readonly changed: readonly Name[];
}

/** What was read of a zone last. */
interface Known {
  readonly file: string;
  readonly soa: ResourceRecord;
  readonly stamps: ReadonlyMap<string, string>;
  readonly version: ZoneVersion;
}

/** For which a file that was just changed is left alone. */
export const settleMs = 1_000;

export class FileSource implements ZoneSource {
  readonly label: string;
  readonly #folder: ZoneFolder;
  readonly #options: FileSourceOptions;
  readonly #known = new Map<string, Known>();
  #listed: Promise<void> | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#folder = new ZoneFolder(options.folder, options.log);
    this.label = `zone files in ${options.folder}`;
  }

  /** Looks at the folder. Rejects with UpstreamError when that cannot be read; all is as it was then. */
  async look(): Promise<FolderLook> {
    await this.#folder.list();
    this.#listed = Promise.resolve();
    const zones = [...this.#folder.zones.values()];
    for (const key of this.#known.keys()) if (!this.#folder.zones.has(key)) this.#known.delete(key);
    const changed: Name[] = [];
    for (const zone of zones) {
      const known = this.#known.get(zone.name.key);
      // Of a zone that was never read everybody knows that it must be.
      if (known !== undefined && !(await this.#isCurrent(zone, known))) changed.push(zone.name);
    }
    return { zones: zones.map(({ name }) => name), changed };
  }

  /**
   * The SOA record in the file. Rejects with UpstreamError or ZoneTextError: also for other records with the same serial.
   *
   * @param have what is served, where that is known: what was read last otherwise
   */
  async check(zone: Name, signal: AbortSignal, have?: ZoneVersion): Promise<CheckedSoa> {
    const listed = await this.#zone(zone);
    const known = this.#known.get(zone.key);
    if (known !== undefined && (await this.#isCurrent(listed, known))) return { soa: known.soa };
    const served = have ?? known?.version;
    const soa = await readSoa(this.#reading(listed, signal));
    if (parseSoa(soa.rdata).serial !== served?.serial) return { soa };
    const read = await this.#compare(listed, served, signal);
    if (known !== undefined) this.#known.set(zone.key, { ...known, ...read, file: listed.file });
    return { soa: read.soa };
  }

  /** Rejects as `check` does, and with what `store` throws. */
  async fetch(
    zone: Name,
    have: ZoneVersion | undefined,
    store: Store,
    signal: AbortSignal,
  ): Promise<Fetched> {
    const listed = await this.#zone(zone);
    const known = this.#known.get(zone.key);
    const isKnown = have !== undefined && known?.version.serial === have.serial;
    if (isKnown && (await this.#isCurrent(listed, known))) return { form: 'up-to-date' };
    if (have !== undefined) {
      const soa = await readSoa(this.#reading(listed, signal));
      const { serial } = parseSoa(soa.rdata);
      if (serial === have.serial) {
        const read = await this.#compare(listed, have, signal);
        this.#known.set(zone.key, { ...read, file: listed.file, version: have });
        return { form: 'up-to-date' };
      }
      if (!(serialCompare(serial, have.serial) > 0)) throw notNewer(listed.file, serial, have.serial);
    }
    const { version, read } = await this.#load(listed, store, signal);
    this.#known.set(zone.key, { ...read, file: listed.file, version });
    return { form: 'whole', version };
  }

  async #zone(zone: Name): Promise<ListedZone> {
    this.#listed ??= this.#folder.list();
    try {
      await this.#listed;
    } catch (error) {
      this.#listed = undefined;
      throw error;
    }
    const listed = this.#folder.zones.get(zone.key);
    if (listed === undefined) {
      throw unusable(
        `${this.#options.folder}: there is no file of the zone ${zone.toString()}, as ${zone.toString()}.zone`,
      );
    }
    return listed;
  }

  /** Whether what was read is still so; a file that was changed just now counts as it was. */
  async #isCurrent(listed: ListedZone, known: Known): Promise<boolean> {
    if (listed.file === known.file && (await isUnchanged(known.stamps))) return true;
    const now = this.#options.nowMs();
    for (const path of new Set([listed.file, ...known.stamps.keys()])) {
      const { changedMs } = await stampOfFile(path);
      if (changedMs <= now && now - changedMs < settleMs) return true;
    }
    return false;
  }

  #reading({ name, file }: ListedZone, signal: AbortSignal): Omit<Parameters<typeof readZone>[0], 'sink'> {
    const limits = this.#options.limits();
    return {
      ...{ zone: name, file, folder: this.#options.folder, signal },
      ...{ maxOctets: limits['zone-octets'], maxRecords: limits['zone-records'] },
    };
  }

  async #load(
    listed: ListedZone,
    store: Store,
    signal: AbortSignal,
  ): Promise<{ readonly version: ZoneVersion; readonly read: ZoneRead }> {
    const messages: StoredMessage[] = [];
    let octets = 0;
    const writer = new ZoneWriter(listed.name, (message) => {
      octets += message.length;
      messages.push(store(message));
    });
    const read = await readZone({
      ...this.#reading(listed, signal),
      sink: (from, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd) =>
        writer.addOctets(from, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd),
    });
    writer.finish();
    const { soa, records } = read;
    const { serial } = parseSoa(soa.rdata);
    return { version: { zone: listed.name, soa, serial, records, octets, messages }, read };
  }

  /** Reads the zone to see that it is the same. Rejects with UpstreamError if it is another, though its serial is the same. */
  async #compare(listed: ListedZone, served: ZoneVersion, signal: AbortSignal): Promise<ZoneRead> {
    const made: Buffer[] = [];
    let compared = 0;
    // The same records in the same order make the same messages.
    const compareMade = async (): Promise<void> => {
      for (const message of made.splice(0)) {
        const there = served.messages[compared];
        compared += 1;
        if (there === undefined || !message.equals(await openMessage(there)))
          throw sameSerial(listed.file, served.serial);
      }
    };
    const writer = new ZoneWriter(listed.name, (message) => made.push(message));
    const read = await readZone({
      ...this.#reading(listed, signal),
      sink: (from, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd) =>
        writer.addOctets(from, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd),
      afterPiece: compareMade,
    });
    writer.finish();
    await compareMade();
    const isSame =
      compared === served.messages.length &&
      read.soa.ttl === served.soa.ttl &&
      read.soa.rdata.equals(served.soa.rdata);
    if (!isSame) throw sameSerial(listed.file, served.serial);
    await nextTurn();
    return read;
  }
}

function sameSerial(file: string, serial: number): Error {
  return unusable(
    `${file}: its serial ${serial} is that of what is served, but its records or their order are others; raise the serial to publish them`,
  );
}

function notNewer(file: string, serial: number, served: number): Error {
  return unusable(
    `${file}: its serial ${serial} is not newer than ${served}, which is served (RFC 1982); raise the serial to publish it`,
  );
}
