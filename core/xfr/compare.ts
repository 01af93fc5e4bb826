/**
 * What changed from one version of a zone to another, told from their records (RFC 1995 section 4: the differences that an
 * incremental answer is made of), for versions that came whole.
 *
 * Exact: records that have the same hash are compared, octet by octet, in canonical form (RFC 4034 section 6.2), so a change of
 * case alone is none. Another TTL is a deletion and an addition. The records of the older version stand in a table as hashes and
 * places, some 20 octets for each while it works.
 *
 * Limitations: a record that is there twice counts once, with the TTL that it has first. If the older version is in a file and
 * has its records in quite another order, its messages are read many times.
 */
import { randomInt } from 'node:crypto';
import type { ResourceRecord } from '../dns/message.ts';
import { RecordCursor } from './record-cursor.ts';
import { recordKey } from './record-key.ts';
import { RecordTable } from './record-table.ts';
import { Turns } from './turns.ts';
import { openMessage, type Differences, type Pause, type ZoneVersion } from './zone-version.ts';

/** Messages of the older version that are kept when they come from a file; records mostly stand in much the same order. */
const messagesKept = 16;

export interface CompareLimits {
  /** Deletions and additions together. */
  readonly maxChanges: number;
}

/**
 * The step from one version to another; undefined if it has more changes than `limits` allow. Rejects with the error of a file
 * or of `pause`.
 *
 * @param seed of the hash; any number, unknown to those who choose records
 */
export async function compareVersions(
  older: ZoneVersion,
  newer: ZoneVersion,
  limits: CompareLimits,
  pause: Pause,
  seed = randomInt(2 ** 32),
): Promise<Differences | undefined> {
  return new Comparison(older, newer, limits, pause, seed).differences();
}

class Comparison {
  readonly #older: ZoneVersion;
  readonly #newer: ZoneVersion;
  readonly #maxChanges: number;
  readonly #turns: Turns;
  /** Goes over the messages. */
  readonly #cursor: RecordCursor;
  /** Looks at records of the older version. */
  readonly #known: RecordCursor;
  #knownMessage = -1;
  readonly #opened = new Map<number, Buffer>();
  readonly #table: RecordTable;
  readonly #added = new Map<string, ResourceRecord>();
  /** Records whose TTL changed, as they were. */
  readonly #otherTtl: ResourceRecord[] = [];

  constructor(
    older: ZoneVersion,
    newer: ZoneVersion,
    { maxChanges }: CompareLimits,
    pause: Pause,
    seed: number,
  ) {
    this.#older = older;
    this.#newer = newer;
    this.#maxChanges = maxChanges;
    this.#turns = new Turns(pause);
    this.#cursor = new RecordCursor(seed);
    this.#known = new RecordCursor(seed);
    this.#table = new RecordTable(older.records);
  }

  async differences(): Promise<Differences | undefined> {
    await this.#noteOlder();
    if (!(await this.#passNewer())) return undefined;
    const deleted = [...this.#otherTtl];
    const table = this.#table;
    for (let record = 0; table.unmarked > 0 && record < table.size; record += 1) {
      if (table.isMarked(record)) continue;
      const waiting = this.#look(record);
      if (waiting !== undefined) await waiting;
      deleted.push(this.#known.record());
    }
    return { from: this.#older.soa, to: this.#newer.soa, deleted, added: [...this.#added.values()] };
  }

  async #noteOlder(): Promise<void> {
    const cursor = this.#cursor;
    const table = this.#table;
    for (const [number, stored] of this.#older.messages.entries()) {
      const message = await openMessage(stored);
      cursor.open(message);
      while (cursor.next()) {
        cursor.expandCanonical();
        const hash = cursor.hashExpanded();
        let slot = table.slotFor(hash, table.firstSlot(hash));
        if (table.recordIn(slot) >= 0) slot = await this.#find(hash, slot);
        if (table.recordIn(slot) < 0) table.add(slot, hash, number, cursor.recordStart);
      }
      await this.#turns.after(message.length);
    }
  }

  /** False if there are too many changes. */
  async #passNewer(): Promise<boolean> {
    const cursor = this.#cursor;
    const table = this.#table;
    for (const stored of this.#newer.messages) {
      const message = await openMessage(stored);
      cursor.open(message);
      while (cursor.next()) {
        cursor.expandCanonical();
        const hash = cursor.hashExpanded();
        let slot = table.slotFor(hash, table.firstSlot(hash));
        let record = table.recordIn(slot);
        if (record >= 0) {
          const waiting = this.#look(record);
          if (waiting !== undefined) await waiting;
          if (!this.#known.isSameExpanded(cursor)) {
            slot = await this.#find(hash, slot + 1);
            record = table.recordIn(slot);
          }
        }
        if (record < 0) this.#noteAdded();
        else this.#noteFound(record);
        if (this.#added.size + this.#otherTtl.length > this.#maxChanges) return false;
      }
      await this.#turns.after(message.length);
    }
    return this.#added.size + this.#otherTtl.length + table.unmarked <= this.#maxChanges;
  }

  #noteAdded(): void {
    const record = this.#cursor.record();
    const key = recordKey(record);
    if (!this.#added.has(key)) this.#added.set(key, record);
  }

  /** The known cursor stands at the record of the older version. */
  #noteFound(record: number): void {
    const table = this.#table;
    if (table.isMarked(record)) return;
    table.mark(record);
    if (this.#known.ttl === this.#cursor.ttl) return;
    this.#otherTtl.push(this.#known.record());
    this.#noteAdded();
  }

  /** Slot of the record that the cursor stands at, or a free one, from a slot on; looks at what it finds. */
  async #find(hash: number, from: number): Promise<number> {
    const table = this.#table;
    for (let slot = table.slotFor(hash, from); ; slot = table.slotFor(hash, slot + 1)) {
      const record = table.recordIn(slot);
      if (record < 0) return slot;
      const waiting = this.#look(record);
      if (waiting !== undefined) await waiting;
      if (this.#known.isSameExpanded(this.#cursor)) return slot;
    }
  }

  /** Puts the known cursor on a record of the older version, expanded; the promise is for what is in a file. */
  #look(record: number): Promise<void> | undefined {
    const number = this.#table.messageOf(record);
    if (number !== this.#knownMessage) {
      const stored = this.#older.messages[number];
      if (!Buffer.isBuffer(stored)) return this.#lookInFile(record, number);
      this.#knownMessage = number;
      this.#known.open(stored);
    }
    this.#known.seek(this.#table.placeOf(record));
    this.#known.expandCanonical();
    return undefined;
  }

  async #lookInFile(record: number, number: number): Promise<void> {
    let message = this.#opened.get(number);
    if (message === undefined) {
      const stored = this.#older.messages[number];
      if (stored === undefined) throw new RangeError('no such message');
      message = await openMessage(stored);
      const [oldest] = this.#opened.keys();
      if (oldest !== undefined && this.#opened.size >= messagesKept) this.#opened.delete(oldest);
      this.#opened.set(number, message);
    }
    this.#knownMessage = number;
    this.#known.open(message);
    this.#known.seek(this.#table.placeOf(record));
    this.#known.expandCanonical();
  }
}
