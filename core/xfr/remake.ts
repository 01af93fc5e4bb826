/**
 * Messages of a version made anew, each in the place of the old one, and new ones where there is no other room. Part of apply.ts.
 *
 * Small messages are not left behind: their records go into one at the end, and so do those that a message has no room for.
 */
import type { ResourceRecord } from '../dns/message.ts';
import type { MessageChange } from './owner-index.ts';
import type { RecordCursor } from './record-cursor.ts';
import { type Cut, Splicer } from './splice.ts';
import { openMessage, type Store, type StoredMessage, type ZoneVersion } from './zone-version.ts';
import { usualMessageOctets, ZoneWriter } from './zone-writer.ts';

/** Below this the records of a message that is made anew go elsewhere. */
const smallOctets = usualMessageOctets / 4;
const nothing = Buffer.alloc(0);

/** Hashes of the owners in a message: as the index has them under its number, and as they are now. */
interface Owners {
  readonly before: ReadonlySet<number>;
  readonly after: ReadonlySet<number>;
}

interface NewMessage {
  readonly stored: StoredMessage;
  readonly owners: ReadonlySet<number>;
}

/** What happens to one message. */
export interface Touched {
  /** Records to take out, in their order. */
  readonly cuts: Cut[];
  /** Hashes of the owners, and of those that are left where they stand; only of owners that something happens to. */
  readonly owners: Set<number>;
  readonly kept: Map<number, number>;
  readonly added: ResourceRecord[];
}

/** A writer that notes the owners. */
class NotingWriter {
  readonly made: { message: Buffer; owners: ReadonlySet<number> }[] = [];
  readonly writer: ZoneWriter;
  #owners = new Set<number>();

  constructor(version: ZoneVersion) {
    this.writer = new ZoneWriter(version.zone, (message) => {
      this.made.push({ message, owners: this.#owners });
      this.#owners = new Set();
    });
  }

  hasRoomFor(octets: number): boolean {
    return this.writer.records === 0 || this.writer.hasRoomFor(octets);
  }

  /** The record of the cursor, expanded. */
  addExpanded({ plain, plainNameEnd, plainEnd, type, ttl, hash }: RecordCursor): void {
    this.writer.addOctets(plain, 0, plainNameEnd, type, ttl, plainNameEnd, plainEnd);
    this.#owners.add(hash);
  }

  add(record: ResourceRecord, hash: number): void {
    this.writer.add(record);
    this.#owners.add(hash);
  }
}

export class Remake {
  readonly #version: ZoneVersion;
  readonly #cursor: RecordCursor;
  readonly #store: Store;
  readonly #messages: StoredMessage[];
  readonly #splicer = new Splicer();
  readonly #place: NotingWriter;
  readonly #end: NotingWriter;
  readonly #new: NewMessage[] = [];
  /** By message number: whose owners are not what the index has. */
  readonly #owners = new Map<number, Owners>();
  readonly #holes: number[] = [];

  constructor(version: ZoneVersion, cursor: RecordCursor, store: Store) {
    this.#version = version;
    this.#cursor = cursor;
    this.#store = store;
    this.#messages = [...version.messages];
    this.#place = new NotingWriter(version);
    this.#end = new NotingWriter(version);
  }

  /** The messages of the new version, after `finish`. */
  get messages(): readonly StoredMessage[] {
    return this.#messages;
  }

  /** For the index, after `finish`. */
  *changes(): Generator<MessageChange, void, undefined> {
    for (const [number, { before, after }] of this.#owners) yield { number, before, after };
  }

  /**
   * Makes a message anew; what of `added` it has no room for goes to the end. Each message once. Throws what the cursor, the
   * writer and `store` throw.
   */
  message(number: number, old: Buffer, touched: Touched): void {
    const after = new Set(touched.kept.keys());
    const message = this.#spliced(old, touched, after) ?? this.#rewritten(old, touched, after);
    if (message.length < smallOctets) {
      if (message.length > 0) this.#moveToEnd(message);
      this.#storeEnd();
      this.#owners.set(number, { before: this.#ownersOf(old), after: new Set() });
      this.#holes.push(number);
      return;
    }
    this.#storeEnd();
    this.#messages[number] = this.#store(message);
    this.#owners.set(number, { before: touched.owners, after });
  }

  #spliced(old: Buffer, { cuts, kept, added }: Touched, after: Set<number>): Buffer | undefined {
    const splicer = this.#splicer;
    if (!splicer.cut(old, cuts)) return undefined;
    for (const record of added) {
      const hash = this.#cursor.hashOf(record.name);
      if (splicer.tryAdd(record, kept.get(hash))) after.add(hash);
      else this.#end.add(record, hash);
    }
    return splicer.take() ?? nothing;
  }
  /** All records written again, to be compressed again. */
  #rewritten(old: Buffer, { cuts, added }: Touched, after: Set<number>): Buffer {
    const cursor = this.#cursor;
    const place = this.#place;
    let passed = 0;
    cursor.open(old);
    while (cursor.next()) {
      if (cuts[passed]?.start === cursor.recordStart) {
        passed += 1;
        continue;
      }
      cursor.expand();
      (place.hasRoomFor(cursor.plainEnd) ? place : this.#end).addExpanded(cursor);
    }
    for (const record of added) {
      const hasRoom = place.hasRoomFor(record.name.wire.length + record.rdata.length);
      (hasRoom ? place : this.#end).add(record, cursor.hashOf(record.name));
    }
    place.writer.finish();
    const [made] = place.made.splice(0);
    for (const hash of [...after]) if (made?.owners.has(hash) !== true) after.delete(hash);
    for (const record of added) {
      const hash = cursor.hashOf(record.name);
      if (made?.owners.has(hash) === true) after.add(hash);
    }
    return made?.message ?? nothing;
  }

  /** Adds a record at the end. */
  add(record: ResourceRecord): void {
    this.#end.add(record, this.#cursor.hashOf(record.name));
    this.#storeEnd();
  }

  /** To be awaited when all is there. Rejects as `message` throws, and with the error of a file. */
  async finish(): Promise<void> {
    await this.#joinLast();
    this.#end.writer.finish();
    this.#storeEnd();
    this.#holes.sort((a, b) => b - a);
    for (const { stored, owners } of this.#new) {
      const number = this.#holes.pop() ?? this.#messages.length;
      this.#messages[number] = stored;
      this.#owners.set(number, { before: this.#owners.get(number)?.before ?? new Set(), after: owners });
    }
    for (let hole = this.#holes.shift(); hole !== undefined; hole = this.#holes.shift())
      await this.#close(hole);
  }

  #moveToEnd(message: Buffer): void {
    const cursor = this.#cursor;
    cursor.open(message);
    while (cursor.next()) {
      cursor.expand();
      this.#end.addExpanded(cursor);
    }
    this.#storeEnd();
  }

  #storeEnd(): void {
    for (const { message, owners } of this.#end.made.splice(0)) {
      this.#new.push({ stored: this.#store(message), owners });
    }
  }

  /** What is new would else be one more message each time. */
  async #joinLast(): Promise<void> {
    const number = this.#version.messages.length - 1;
    const last = this.#version.messages[number];
    const { writer } = this.#end;
    if (last === undefined || this.#owners.has(number) || writer.records === 0) return;
    if (last.length + writer.length > usualMessageOctets) return;
    const message = await openMessage(last);
    this.#owners.set(number, { before: this.#ownersOf(message), after: new Set() });
    this.#holes.push(number);
    this.#moveToEnd(message);
  }

  /** The last message goes where there is none now. The holes come from the last to the first. */
  async #close(hole: number): Promise<void> {
    const last = this.#messages.length - 1;
    const moved = this.#messages.pop();
    if (hole === last || moved === undefined) return;
    const after = this.#ownersOf(await openMessage(moved));
    const changed = this.#owners.get(last);
    // Of a message that was touched only those owners are noted that something happened to.
    const before = new Set(changed?.before);
    for (const owner of after) if (changed?.after.has(owner) !== true) before.add(owner);
    this.#messages[hole] = moved;
    this.#owners.set(hole, { before: this.#owners.get(hole)?.before ?? new Set(), after });
    this.#owners.set(last, { before, after: new Set() });
  }

  #ownersOf(message: Buffer): Set<number> {
    const owners = new Set<number>();
    this.#cursor.open(message);
    while (this.#cursor.next()) owners.add(this.#cursor.hash);
    return owners;
  }
}
