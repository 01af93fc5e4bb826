/**
 * The steps of an incremental transfer, applied to a version (RFC 1995 section 4): a new version, which shares with the old one
 * every message that no step touches.
 *
 * What is deleted must be there, what is added must not; else the version here is not what the server takes it for, and nothing
 * is changed. The TTL of what is deleted is not asked. The order of the records is of no meaning (RFC 5936 section 2.2): what is
 * added goes into a message that is made anew anyway and has its owner, or into one at the end.
 */
import type { ResourceRecord } from '../dns/message.ts';
import { addsWhatIs, type Change, ChangeSet, deletesWhatIsNot } from './condense.ts';
import { soaSerial } from './differences.ts';
import type { OwnerIndex } from './owner-index.ts';
import { recordKey, sameOctets } from './record-key.ts';
import { Remake, type Touched } from './remake.ts';
import { Turns } from './turns.ts';
import {
  openMessage,
  type Differences,
  type Pause,
  type Store,
  type StoredMessage,
  type ZoneVersion,
} from './zone-version.ts';

/** Octets that the work on one change counts as. */
const changeOctets = 128;

/**
 * Rejects with TransferFormatError for steps that do not fit the version, with DnsFormatError for what is no record, and with
 * the error of `store`, of `pause` or of a file; version and index can then be used as before. Not to be called for an index
 * while it is at work on it.
 */
export async function applyDifferences(
  version: ZoneVersion,
  index: OwnerIndex,
  steps: readonly Differences[],
  store: Store,
  pause: Pause,
): Promise<ZoneVersion> {
  await index.prepare(version, pause);
  const turns = new Turns(pause);
  const set = new ChangeSet(version.soa);
  for (const step of steps) {
    const taking = set.take(step);
    for (let turn = taking.next(); turn.done !== true; turn = taking.next()) await pause();
  }
  const changes = new Changes(set.changes, index);
  await changes.seek(turns);
  await changes.find(version, turns);
  await changes.check(turns);

  const remake = new Remake(version, index.cursor, store);
  for (const [number, touched] of changes.touched) {
    const message = await opened(version.messages[number]);
    remake.message(number, message, touched);
    await turns.after(message.length);
  }
  for (const record of changes.added) {
    remake.add(record);
    await turns.after(changeOctets + record.rdata.length);
  }
  await remake.finish();

  const next: ZoneVersion = {
    zone: version.zone,
    soa: set.soa,
    serial: soaSerial(set.soa),
    records: version.records + changes.growth,
    octets: remake.messages.reduce((sum, { length }) => sum + length, 0),
    messages: remake.messages,
  };
  index.change(next, remake.changes());
  return next;
}

/** The changes, and where in the version they take place. */
class Changes {
  /** By message number. */
  readonly touched = new Map<number, Touched>();
  /** What is added at the end. */
  readonly added: ResourceRecord[] = [];
  /** Records more than before. */
  growth = 0;
  readonly #index: OwnerIndex;
  readonly #changes: ReadonlyMap<string, Change>;
  /** Hashes of the owners, and where there may be records of them. */
  readonly #hashes = new Set<number>();
  readonly #candidates = new Set<number>();
  readonly #found = new Set<Change>();
  /** Those that stand there as they shall be. */
  readonly #kept = new Set<Change>();

  constructor(changes: ReadonlyMap<string, Change>, index: OwnerIndex) {
    this.#changes = changes;
    this.#index = index;
  }

  async seek(turns: Turns): Promise<void> {
    for (const change of this.#changes.values()) {
      const hash = this.#index.hashOf(change.record.name);
      // Many records of one owner must not be one look at all its messages each.
      if (!this.#hashes.has(hash)) {
        this.#hashes.add(hash);
        for (const number of this.#index.messages(hash)) this.#candidates.add(number);
      }
      await turns.after(changeOctets);
    }
  }

  async find({ messages }: ZoneVersion, turns: Turns): Promise<void> {
    for (const number of [...this.#candidates].sort((a, b) => a - b)) {
      const message = await opened(messages[number]);
      const touched = this.#findIn(message);
      if (touched.cuts.length > 0) this.touched.set(number, touched);
      await turns.after(message.length);
    }
  }

  /** Throws TransferFormatError if something was not found, or was; then notes where what is added goes. */
  async check(turns: Turns): Promise<void> {
    for (const change of this.#changes.values()) {
      const isFound = this.#found.has(change);
      if (change.wasThere && !isFound) throw deletesWhatIsNot(change.record);
      if (!change.wasThere && isFound) throw addsWhatIs(change.record);
    }
    const homes = new Map<number, Touched | undefined>();
    for (const change of this.#changes.values()) {
      const { after } = change;
      if (after === undefined || this.#kept.has(change)) continue;
      const hash = this.#index.hashOf(after.name);
      if (!homes.has(hash)) homes.set(hash, this.#homeOf(hash));
      (homes.get(hash)?.added ?? this.added).push(after);
      this.growth += 1;
      await turns.after(changeOctets);
    }
  }

  #findIn(message: Buffer): Touched {
    const { cursor } = this.#index;
    const touched: Touched = { cuts: [], owners: new Set(), kept: new Map(), added: [] };
    cursor.open(message);
    while (cursor.next()) {
      if (!this.#hashes.has(cursor.hash)) continue;
      touched.owners.add(cursor.hash);
      if (this.#isDeleted(cursor.record())) {
        touched.cuts.push({ start: cursor.recordStart, end: cursor.rdataEnd });
        this.growth -= 1;
      } else if (!touched.kept.has(cursor.hash)) {
        touched.kept.set(cursor.hash, cursor.ownerStart);
      }
    }
    return touched;
  }

  /** Notes as well that the record was found. */
  #isDeleted(record: ResourceRecord): boolean {
    const change = this.#changes.get(recordKey(record));
    if (change === undefined) return false;
    this.#found.add(change);
    if (change.after === undefined || !sameOctets(change.after, record)) return true;
    this.#kept.add(change);
    return false;
  }

  /** A message that is made anew and has the owner. */
  #homeOf(hash: number): Touched | undefined {
    for (const number of this.#index.messages(hash)) {
      const touched = this.touched.get(number);
      if (touched !== undefined) return touched;
    }
    return undefined;
  }
}

function opened(message: StoredMessage | undefined): Buffer | Promise<Buffer> {
  if (message === undefined) throw new RangeError('the index names a message that the version does not have');
  return openMessage(message);
}
