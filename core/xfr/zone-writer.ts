/**
 * Records into the messages of a transfer, as a version of a zone keeps them (zone-version.ts): one question, answers only,
 * names compressed. Every record of every zone that is loaded passes here, so nothing is allocated for one.
 *
 * Pointers are written in owner names and in the RDATA of the types of RFC 1035 (RFC 3597 section 4), and only to octets that
 * are identical, so that every name keeps its case (RFC 5936 section 3.4). The same records always make the same messages.
 *
 * Limitations: class IN; whether a record may be in the zone, and whether it came before, is not asked.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { maxLabelOctets, maxNameOctets, type Name } from '../dns/name.ts';
import { NameReader } from '../dns/name-reader.ts';
import { checkRdata, NAME, rdataLayout } from '../dns/rdata-layout.ts';
import { checkUnsigned } from '../dns/unsigned.ts';
import { headerOctets } from '../dns/walker.ts';
import { NameTable, pointerLimit } from './name-table.ts';

/**
 * Octets that a message is filled with. Pointers reach 16,384 octets (RFC 1035 section 4.1.4), so longer messages are
 * compressed less; and it fits a TLS record with its frame and an OPT record.
 */
export const usualMessageOctets = 16_000;
/** Of a message for one record that does not fit the usual ones; leaves room for an OPT record and a TSIG. */
export const maxStoredOctets = 65_000;
/**
 * Octets of a message's records, uncompressed. A reader spends at most half as much again on names, for the pointers in them,
 * and stays below its limit (maxExpandedNameOctets).
 */
const maxPlainOctets = 340_000;
/** Type, class, TTL and RDLENGTH. */
const recordFixedOctets = 10;
/** QR and AA (RFC 5936 section 2.2.1). */
const answerFlags = 0x8400;
const pointerMark = 0xc0;
/** RDATA of fewer octets is copied one by one: calling the copying function takes longer. */
const shortCopy = 24;

/** Takes a message that is complete, and how many records are in it. */
export type TakeMessage = (message: Buffer, records: number) => void;

export class ZoneWriter {
  readonly #take: TakeMessage;
  readonly #type: number;
  readonly #zone: Buffer;
  /** Where the answers begin. */
  readonly #start: number;
  readonly #out = Buffer.alloc(maxStoredOctets);
  readonly #names = new NameTable(this.#out);
  #at: number;
  #records = 0;
  /** Octets of its records, had they not been compressed. */
  #plain = 0;
  /** Of the record before; `#ownerAt` is where it stands if it can be pointed to, else 0. */
  readonly #owner = Buffer.alloc(maxNameOctets);
  #ownerLength = 0;
  #ownerAt = 0;
  /** Where the labels of the name under way begin. */
  readonly #labels = new Uint8Array(maxNameOctets);
  #reader = new NameReader(this.#owner);
  #scratch = Buffer.alloc(1024);

  /** @param type of the question: AXFR for messages that are kept, and then the SOA record of the zone is refused */
  constructor(zone: Name, take: TakeMessage, type: number = RrType.AXFR) {
    const out = this.#out;
    this.#take = take;
    this.#type = type;
    this.#zone = zone.wire;
    out.writeUInt16BE(answerFlags, 2);
    out.writeUInt16BE(1, 4);
    const fields = headerOctets + zone.wire.copy(out, headerOctets);
    out.writeUInt16BE(type, fields);
    out.writeUInt16BE(RrClass.IN, fields + 2);
    this.#at = this.#start = fields + 4;
    this.#noteZone();
  }

  /** Octets of the message under way. */
  get length(): number {
    return this.#at;
  }

  /** Records of the message under way. */
  get records(): number {
    return this.#records;
  }

  /** Whether a record still goes into the message under way, by the octets of its owner and RDATA, uncompressed. */
  hasRoomFor(octets: number): boolean {
    return this.#records === 0 || this.#hasRoom(octets + recordFixedOctets);
  }

  /**
   * Adds a record of class IN. Owner and RDATA stand in `octets`, uncompressed, from one place to before another; `ttl` in
   * seconds. Throws DnsFormatError for what cannot be in a message, and then nothing was added.
   */
  addOctets(
    octets: Buffer,
    nameAt: number,
    nameEnd: number,
    type: number,
    ttl: number,
    rdataAt: number,
    rdataEnd: number,
  ): void {
    const plain = nameEnd - nameAt + recordFixedOctets + rdataEnd - rdataAt;
    if (!this.#hasRoom(plain)) this.#makeRoom(plain);
    const isSame = this.#ownerAt !== 0 && this.#isOwner(octets, nameAt, nameEnd);
    const labels = isSame ? 0 : this.#readLabels(octets, nameAt, nameEnd);
    this.#checkRecord(octets, type, rdataAt, rdataEnd);

    if (isSame) this.#writePointer(this.#ownerAt);
    else this.#writeOwner(octets, nameAt, nameEnd, labels);
    const out = this.#out;
    const at = this.#at;
    out[at] = type >> 8;
    out[at + 1] = type & 0xff;
    out[at + 2] = 0;
    out[at + 3] = RrClass.IN;
    out[at + 4] = ttl >>> 24;
    out[at + 5] = (ttl >>> 16) & 0xff;
    out[at + 6] = (ttl >>> 8) & 0xff;
    out[at + 7] = ttl & 0xff;
    const start = at + recordFixedOctets;
    this.#at = start;
    this.#writeRdata(octets, type, rdataAt, rdataEnd);
    const length = this.#at - start;
    out[at + 8] = length >> 8;
    out[at + 9] = length & 0xff;
    this.#records += 1;
    this.#plain += plain;
  }

  /** As `addOctets`; throws DnsFormatError for other classes too. */
  add(record: ResourceRecord): void {
    if (record.class !== RrClass.IN) throw cannotWrite('a record of a class other than IN into a zone');
    checkUnsigned(record.type, 0xffff, 'type');
    checkUnsigned(record.ttl, 0xffff_ffff, 'TTL');
    const { wire } = record.name;
    const length = wire.length + record.rdata.length;
    if (length > this.#scratch.length) this.#scratch = Buffer.alloc(2 * length);
    wire.copy(this.#scratch, 0);
    record.rdata.copy(this.#scratch, wire.length);
    this.addOctets(this.#scratch, 0, wire.length, record.type, record.ttl, wire.length, length);
  }

  /** Hands over the message under way, if there is a record in it. */
  finish(): void {
    if (this.#records === 0) return;
    const records = this.#records;
    const message = Buffer.allocUnsafeSlow(this.#at);
    this.#out.writeUInt16BE(records, 6);
    this.#out.copy(message, 0, 0, this.#at);
    this.discard();
    this.#take(message, records);
  }

  /** Forgets the message under way. */
  discard(): void {
    this.#at = this.#start;
    this.#records = 0;
    this.#plain = 0;
    this.#ownerAt = 0;
    this.#names.clear();
    this.#noteZone();
  }

  /** The names above the zone stand in the question too. */
  #noteZone(): void {
    const count = this.#readLabels(this.#zone, 0, this.#zone.length, false);
    let rest = 0;
    for (let index = count - 1; index >= 0; index -= 1) {
      const label = this.#labels[index] ?? 0;
      this.#names.find(this.#zone, label, rest);
      rest = headerOctets + label;
      this.#names.addSought(rest);
    }
  }

  #hasRoom(plain: number): boolean {
    return this.#at + plain <= usualMessageOctets && this.#plain + plain <= maxPlainOctets;
  }

  #makeRoom(plain: number): void {
    if (this.#start + plain > maxStoredOctets) {
      throw cannotWrite(`a record of more than ${maxStoredOctets} octets with its message`);
    }
    this.finish();
  }

  #isOwner(octets: Buffer, nameAt: number, nameEnd: number): boolean {
    const owner = this.#owner;
    const length = this.#ownerLength;
    if (nameEnd - nameAt !== length) return false;
    for (let index = 0; index < length; index += 1) {
      if (owner[index] !== octets[nameAt + index]) return false;
    }
    return true;
  }

  #writeOwner(octets: Buffer, nameAt: number, nameEnd: number, labels: number): void {
    const owner = this.#owner;
    const length = nameEnd - nameAt;
    const place = this.#writeName(octets, nameAt, nameEnd, labels);
    // A pointer to the root would be longer than the root.
    this.#ownerAt = place < pointerLimit && length > 1 ? place : 0;
    this.#ownerLength = length;
    for (let index = 0; index < length; index += 1) owner[index] = octets[nameAt + index] ?? 0;
  }

  #checkRecord(octets: Buffer, type: number, rdataAt: number, rdataEnd: number): void {
    if (rdataAt > rdataEnd || rdataEnd > octets.length)
      throw cannotWrite('an RDATA that is not in its octets');
    if (type === RrType.OPT || type === RrType.TSIG) throw cannotWrite('an OPT or TSIG record into a zone');
    if (type === RrType.SOA && this.#type === RrType.AXFR) {
      throw cannotWrite('an SOA record among the other records of a zone');
    }
    if (rdataLayout(type, RrClass.IN) === undefined) return;
    if (this.#reader.octets !== octets) this.#reader = new NameReader(octets);
    checkRdata(this.#reader, type, RrClass.IN, rdataAt, rdataEnd, false);
  }

  #writeRdata(octets: Buffer, type: number, rdataAt: number, rdataEnd: number): void {
    const layout = rdataLayout(type, RrClass.IN);
    if (layout?.compression !== 'written') {
      this.#copy(octets, rdataAt, rdataEnd);
      return;
    }
    let at = rdataAt;
    for (const field of layout.fields) {
      let end = at + field;
      if (field === NAME) {
        end = endOfName(octets, at);
        this.#writeName(octets, at, end, this.#readLabels(octets, at, end));
      } else {
        this.#copy(octets, at, end);
      }
      at = end;
    }
  }

  /**
   * Notes where the labels of a name begin, and gives their number; those that it shares with the end of the zone's name are
   * not among them. Throws DnsFormatError for what is no name.
   */
  #readLabels(octets: Buffer, nameAt: number, nameEnd: number, mayPoint = true): number {
    const labels = this.#labels;
    if (nameEnd - nameAt > maxNameOctets || nameEnd > octets.length)
      throw cannotWrite('a name of more than 255 octets');
    const zoneAt = mayPoint && this.#endsWithZone(octets, nameAt, nameEnd) ? nameEnd - this.#zone.length : -1;
    let count = 0;
    let at = nameAt;
    while (at !== zoneAt) {
      const length = octets[at] ?? 0;
      if (length === 0 || length > maxLabelOctets || at >= nameEnd) break;
      labels[count] = at - nameAt;
      count += 1;
      at += length + 1;
    }
    if (at === zoneAt) return count | endsWithZoneMark;
    if (at !== nameEnd - 1 || octets[at] !== 0) throw cannotWrite('a name that is none');
    return count;
  }

  /** By octets; whether a label begins there is not asked. The root has no use for a pointer. */
  #endsWithZone(octets: Buffer, nameAt: number, nameEnd: number): boolean {
    const zone = this.#zone;
    const start = nameEnd - zone.length;
    if (start < nameAt || zone.length === 1) return false;
    for (let index = zone.length - 2; index >= 0; index -= 1) {
      if (zone[index] !== octets[start + index]) return false;
    }
    return true;
  }

  /** Writes a name whose labels were noted; gives a place where it stands, which the same name can be pointed to. */
  #writeName(octets: Buffer, nameAt: number, nameEnd: number, noted: number): number {
    const out = this.#out;
    const names = this.#names;
    const labels = this.#labels;
    const start = this.#at;
    let count = noted & ~endsWithZoneMark;
    let rest = noted === count ? 0 : headerOctets;
    /** Where in the name begins what is pointed to. */
    let end = noted === count ? nameEnd - nameAt - 1 : nameEnd - nameAt - this.#zone.length;
    while (count > 0) {
      const label = labels[count - 1] ?? 0;
      const found = names.find(octets, nameAt + label, rest);
      if (found === 0) break;
      rest = found;
      end = label;
      count -= 1;
    }
    const pointsTo = rest;
    for (; count > 0 && rest < pointerLimit; count -= 1) {
      const label = labels[count - 1] ?? 0;
      // The longest one that is not known was just looked for; none that is longer is known either.
      if (rest !== pointsTo) names.find(octets, nameAt + label, rest);
      rest = start + label;
      names.addSought(rest);
    }
    for (let index = 0; index < end; index += 1) out[start + index] = octets[nameAt + index] ?? 0;
    this.#at = start + end;
    if (pointsTo !== 0) {
      this.#writePointer(pointsTo);
    } else {
      out[this.#at] = 0;
      this.#at += 1;
    }
    return end === 0 && pointsTo !== 0 ? pointsTo : start;
  }

  #writePointer(place: number): void {
    const at = this.#at;
    this.#out[at] = pointerMark | (place >> 8);
    this.#out[at + 1] = place & 0xff;
    this.#at = at + 2;
  }

  #copy(octets: Buffer, from: number, end: number): void {
    const out = this.#out;
    const at = this.#at;
    const length = end - from;
    if (length <= shortCopy) {
      for (let index = 0; index < length; index += 1) out[at + index] = octets[from + index] ?? 0;
    } else {
      octets.copy(out, at, from, end);
    }
    this.#at = at + length;
  }
}

/** On the number of labels: the name ends with the zone's, which stands in the question. */
const endsWithZoneMark = 0x100;

/** Where a name that was checked ends. */
function endOfName(octets: Buffer, start: number): number {
  let at = start;
  for (let length = octets[at] ?? 0; length > 0; length = octets[at] ?? 0) at += length + 1;
  return at + 1;
}

/**
 * Records into replies to a question <zone, type>: messages with ID 0, as few as it takes. Throws DnsFormatError for a record
 * that fits none.
 */
export function renderRecords(zone: Name, type: number, records: Iterable<ResourceRecord>): Buffer[] {
  const messages: Buffer[] = [];
  const writer = new ZoneWriter(zone, (message) => messages.push(message), type);
  for (const record of records) writer.add(record);
  writer.finish();
  return messages;
}

function cannotWrite(what: string): DnsFormatError {
  return new DnsFormatError(`cannot write ${what}`, { blame: 'us' });
}
