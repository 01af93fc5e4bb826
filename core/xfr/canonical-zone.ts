/**
 * A version of a zone in canonical form and order: names as RFC 4034 section 6.1 has them, the RRsets of a name by type, the
 * records of an RRset by RDATA (section 6.3), each once. What checks of a whole zone walk over.
 *
 * Limitations: records of classes other than IN and those outside of the zone are left out (RFC 8976 appendix A.2).
 */
import { RrClass, RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { MessageWriter } from '../dns/writer.ts';
import { Blocks, CanonicalRecords, fixedOctets, offsetOf, Uint32List } from './canonical-records.ts';
import { maximumKeyOctets, sortInSlices, writeOrderKey } from './canonical-order.ts';
import { openMessage, type Pause, type ZoneVersion } from './zone-version.ts';

/** Records between two pauses: some 2 ms. */
const slice = 2048;
/** As many records of one name are sorted at once, without a pause. */
const sortedAtOnce = 2048;

export class CanonicalZone {
  readonly zone: Name;
  /** Each distinct record once, and the names that they belong to. */
  readonly recordCount: number;
  readonly ownerCount: number;
  readonly #blocks: Blocks;
  readonly #keys: Blocks;
  /** Places of records in canonical order. */
  readonly #records: Uint32Array;
  /** For each name, its first record; one more at the end. */
  readonly #owners: Uint32Array;
  readonly #ownerKeys: Uint32Array;

  private constructor(zone: Name, { blocks, keys, records, owners, ownerKeys }: CanonicalParts) {
    this.zone = zone;
    this.#blocks = blocks;
    this.#keys = keys;
    this.#records = records;
    this.#owners = owners;
    this.#ownerKeys = ownerKeys;
    this.recordCount = records.length;
    this.ownerCount = owners.length - 1;
  }

  /**
   * Puts a version in order. Undefined where it has more octets in canonical form than `maximumOctets`. Rejects with DnsFormatError
   * for malformed messages, and with what reading them from a file rejects with.
   */
  static async build(
    version: ZoneVersion,
    maximumOctets: number,
    pause: Pause,
  ): Promise<CanonicalZone | undefined> {
    const gathered = new Gathered(version.zone);
    gathered.add(soaMessage(version));
    let budget = slice;
    for (const stored of version.messages) {
      const opened = openMessage(stored);
      const message = Buffer.isBuffer(opened) ? opened : await opened;
      gathered.add(message);
      if (gathered.octets > maximumOctets) return undefined;
      budget -= message.readUInt16BE(6);
      if (budget <= 0) {
        await pause();
        budget = slice;
      }
    }
    return new CanonicalZone(version.zone, await gathered.inOrder(pause));
  }

  /** Index of the first record of a name; that of the name after it is where its records end. */
  firstRecord(owner: number): number {
    return this.#owners[owner] ?? this.recordCount;
  }

  /** The key of a name for comparison and for who is below whom (canonical-order.ts). Not to be written to. */
  ownerKey(owner: number): Buffer {
    const place = this.#ownerKeys[owner] ?? 0;
    const block = this.#keys.block(place);
    const offset = offsetOf(place);
    return block.subarray(offset + 2, offset + 2 + block.readUInt16BE(offset));
  }

  /** Owner of a record in canonical form. */
  ownerWire(record: number): Buffer {
    const place = this.#records[record] ?? 0;
    return this.#blocks.slice(place, this.#ownerOctets(place));
  }

  type(record: number): number {
    const place = this.#records[record] ?? 0;
    return this.#blocks.block(place).readUInt16BE(offsetOf(place) + this.#ownerOctets(place));
  }

  ttl(record: number): number {
    const place = this.#records[record] ?? 0;
    return this.#blocks.block(place).readUInt32BE(offsetOf(place) + this.#ownerOctets(place) + 4);
  }

  /** RDATA in canonical form. */
  rdata(record: number): Buffer {
    const place = this.#records[record] ?? 0;
    const fields = this.#ownerOctets(place) + fixedOctets;
    const octets = this.#blocks.block(place).readUInt16BE(offsetOf(place) + fields - 2);
    return this.#blocks.slice(place + fields, octets);
  }

  /** The whole record in canonical form. */
  wire(record: number): Buffer {
    const place = this.#records[record] ?? 0;
    return this.#blocks.slice(place, this.#wireOctets(place));
  }

  /**
   * How many records from one on stand in memory as they follow each other, and their octets: what can be hashed at once. At most
   * `maximumOctets`, but one record at least.
   */
  stretch(record: number, endRecord: number, maximumOctets: number): { records: number; octets: Buffer } {
    const start = this.#records[record] ?? 0;
    let octets = this.#wireOctets(start);
    let next = record + 1;
    while (next < endRecord && octets < maximumOctets) {
      const place = this.#records[next] ?? 0;
      // Where a block ends, the next one begins at offset 0.
      if (place !== start + octets || offsetOf(place) === 0) break;
      octets += this.#wireOctets(place);
      next += 1;
    }
    return { records: next - record, octets: this.#blocks.slice(start, octets) };
  }

  #ownerOctets(place: number): number {
    return nameOctets(this.#blocks.block(place), offsetOf(place));
  }

  #wireOctets(place: number): number {
    const fields = this.#ownerOctets(place) + fixedOctets;
    return fields + this.#blocks.block(place).readUInt16BE(offsetOf(place) + fields - 2);
  }
}

interface CanonicalParts {
  readonly blocks: Blocks;
  readonly keys: Blocks;
  readonly records: Uint32Array;
  readonly owners: Uint32Array;
  readonly ownerKeys: Uint32Array;
}

/** What the messages brought, in their order. A run is a stretch of records that have one owner. */
class Gathered {
  readonly #canonical: CanonicalRecords;
  readonly #zoneOctets: number;
  readonly #keys = new Blocks();
  readonly #records = new Uint32List();
  /** First record and key of each run. */
  readonly #runs = new Uint32List();
  readonly #runKeys = new Uint32List();

  constructor(zone: Name) {
    this.#canonical = new CanonicalRecords(zone);
    this.#zoneOctets = zone.wire.length;
  }

  get octets(): number {
    return this.#canonical.blocks.octets;
  }

  add(message: Buffer): void {
    this.#canonical.addMessage(message, (place, isNewOwner) => {
      if (isNewOwner) this.#beginRun();
      this.#records.push(place);
    });
  }

  #beginRun(): void {
    const { owner, ownerOctets } = this.#canonical;
    const { block, offset, place } = this.#keys.reserve(maximumKeyOctets + 2);
    const end = writeOrderKey(owner, ownerOctets, this.#zoneOctets, block, offset + 2);
    block.writeUInt16BE(end - offset - 2, offset);
    this.#keys.grow(end - offset);
    this.#runs.push(this.#records.length);
    this.#runKeys.push(place);
  }

  async inOrder(pause: Pause): Promise<CanonicalParts> {
    const runs = this.#runs.view();
    const sorted = await sortInSlices(
      Uint32Array.from(runs, (_, index) => index),
      (a, b) => this.#compareRuns(a, b),
      pause,
    );
    const records = new Uint32List();
    const owners = new Uint32List();
    const ownerKeys = new Uint32List();
    let budget = slice;
    for (let at = 0; at < sorted.length;) {
      const first = sorted[at] ?? 0;
      const stretches = [this.#placesOf(first)];
      for (at += 1; at < sorted.length && this.#compareRuns(first, sorted[at] ?? 0) === 0; at += 1) {
        stretches.push(this.#placesOf(sorted[at] ?? 0));
      }
      const places = joined(stretches);
      owners.push(records.length);
      ownerKeys.push(this.#runKeys.at(first));
      budget -= places.length;
      if (places.length > sortedAtOnce) await this.#addLargeOwner(places, records, pause);
      else this.#addOwner(places, records);
      if (budget <= 0) {
        await pause();
        budget = slice;
      }
    }
    owners.push(records.length);
    return {
      blocks: this.#canonical.blocks,
      keys: this.#keys,
      records: records.view(),
      owners: owners.view(),
      ownerKeys: ownerKeys.view(),
    };
  }

  /** The records of a run. A view: it is not to be written to. */
  #placesOf(run: number): Uint32Array {
    const end = run + 1 < this.#runs.length ? this.#runs.at(run + 1) : this.#records.length;
    return this.#records.view().subarray(this.#runs.at(run), end);
  }

  /** Adds the records of one name in canonical order, each once. */
  #addOwner(places: Uint32Array, records: Uint32List): void {
    const compare = this.#comparison(places);
    const sorted = isAscending(places, compare) ? places : Array.from(places).sort(compare);
    addDistinct(sorted, compare, records);
  }

  async #addLargeOwner(places: Uint32Array, records: Uint32List, pause: Pause): Promise<void> {
    const compare = this.#comparison(places);
    addDistinct(await sortInSlices(Uint32Array.from(places), compare, pause), compare, records);
  }

  #comparison(places: Uint32Array): (a: number, b: number) => number {
    const { blocks } = this.#canonical;
    const first = places[0] ?? 0;
    const ownerOctets = nameOctets(blocks.block(first), offsetOf(first));
    return (a, b) => compareRecords(blocks, ownerOctets, a, b);
  }

  #compareRuns(a: number, b: number): number {
    const left = this.#runKeys.at(a);
    const right = this.#runKeys.at(b);
    if (left === right) return 0;
    const leftBlock = this.#keys.block(left);
    const rightBlock = this.#keys.block(right);
    const leftStart = offsetOf(left) + 2;
    const rightStart = offsetOf(right) + 2;
    const leftOctets = leftBlock.readUInt16BE(leftStart - 2);
    const rightOctets = rightBlock.readUInt16BE(rightStart - 2);
    const common = Math.min(leftOctets, rightOctets);
    for (let at = 0; at < common; at += 1) {
      const difference = (leftBlock[leftStart + at] ?? 0) - (rightBlock[rightStart + at] ?? 0);
      if (difference !== 0) return difference;
    }
    return leftOctets - rightOctets;
  }
}

/** RFC 8976 section 3.3.1: by type; RFC 4034 section 6.3: then by RDATA. The records have one owner. */
function compareRecords(blocks: Blocks, ownerOctets: number, a: number, b: number): number {
  const left = blocks.block(a);
  const right = blocks.block(b);
  const leftFields = offsetOf(a) + ownerOctets;
  const rightFields = offsetOf(b) + ownerOctets;
  const byType = left.readUInt16BE(leftFields) - right.readUInt16BE(rightFields);
  if (byType !== 0) return byType;
  const leftRdata = leftFields + fixedOctets;
  const rightRdata = rightFields + fixedOctets;
  return left.compare(
    right,
    rightRdata,
    rightRdata + right.readUInt16BE(rightRdata - 2),
    leftRdata,
    leftRdata + left.readUInt16BE(leftRdata - 2),
  );
}

/** RFC 4034 section 6.3: equal records count once. */
function addDistinct(
  sorted: Iterable<number>,
  compare: (a: number, b: number) => number,
  records: Uint32List,
): void {
  let last: number | undefined;
  for (const place of sorted) {
    if (last === undefined || compare(last, place) !== 0) records.push(place);
    last = place;
  }
}

function joined(stretches: readonly Uint32Array[]): Uint32Array {
  const [only, ...others] = stretches;
  if (only !== undefined && others.length === 0) return only;
  const all = new Uint32Array(stretches.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const stretch of stretches) {
    all.set(stretch, at);
    at += stretch.length;
  }
  return all;
}

function isAscending(places: Uint32Array, compare: (a: number, b: number) => number): boolean {
  for (let at = 1; at < places.length; at += 1) {
    if (compare(places[at - 1] ?? 0, places[at] ?? 0) > 0) return false;
  }
  return true;
}

function nameOctets(block: Buffer, offset: number): number {
  let at = offset;
  for (let label = block.readUInt8(at); label !== 0; label = block.readUInt8(at)) at += label + 1;
  return at + 1 - offset;
}

/** The SOA record stands apart in a version. */
function soaMessage({ zone, soa }: ZoneVersion): Buffer {
  const writer = new MessageWriter();
  writer.tryAdd('answer', { ...soa, name: zone, type: RrType.SOA, class: RrClass.IN });
  return writer.finish();
}
