/**
 * Writes one message (RFC 1035 section 4.1), with compression: only pointers to offsets below 16384, only in owner
 * names and in the RDATA of the types of RFC 1035 (RFC 3597 section 4), and only to octets that are identical, so
 * that every name keeps its case (RFC 5936 section 3.4).
 *
 * It writes nothing that the walker would refuse. Limitations: no TSIG.
 */
import { RrType } from './constants.ts';
import type { Edns } from './edns.ts';
import { encodeOpt } from './edns.ts';
import { DnsFormatError } from './errors.ts';
import type { Name } from './name.ts';
import { NameReader } from './name-reader.ts';
import { checkRdata, endOfField, NAME, rdataLayout } from './rdata-layout.ts';
import { checkUnsigned } from './unsigned.ts';
import { headerOctets, maxMessageOctets } from './walker.ts';
import type { Question, Section } from './walker.ts';

/** Header (RFC 1035 section 4.1.1, RFC 4035 section 3.2), without the counts. */
export interface Header {
  readonly id: number;
  readonly qr: boolean;
  readonly opcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly rd: boolean;
  readonly ra: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  /** 12 bits where the message has EDNS, else 4. */
  readonly rcode: number;
}

export interface ResourceRecord {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  /** Names in it are not compressed. */
  readonly rdata: Buffer;
}

/** What is not given is 0 or false; `maxLength` 65535; `compress` true. */
export interface WriterOptions extends Partial<Header> {
  readonly maxLength?: number;
  readonly compress?: boolean;
}

/** RFC 1035 section 4.1.4: a pointer has 14 bits. */
const pointerLimit = 0x4000;
const pointerMark = 0xc000;
const sectionOrder: readonly Section[] = ['answer', 'authority', 'additional'];

export class MessageWriter {
  readonly #maxLength: number;
  readonly #compress: boolean;
  readonly #rcode: number;
  #octets = Buffer.alloc(512);
  #length = headerOctets;
  #questionCount = 0;
  readonly #recordCounts = [0, 0, 0];
  #opt: Buffer | undefined;
  /** Offsets by the octets of the name that begins there. */
  readonly #offsets = new Map<string, number>();
  /** Keys of #offsets in the order in which they came, to take back those of a record that did not fit. */
  readonly #keys: string[] = [];

  /** Throws DnsFormatError. */
  constructor(options: WriterOptions = {}) {
    this.#maxLength = Math.min(options.maxLength ?? maxMessageOctets, maxMessageOctets);
    this.#compress = options.compress ?? true;
    this.#rcode = options.rcode ?? 0;
    if (this.#maxLength < headerOctets) throw cannotWrite('a message shorter than its header');
    this.#octets.writeUInt16BE(checkUnsigned(options.id ?? 0, 0xffff, 'ID'), 0);
    this.#octets.writeUInt16BE(encodeFlags(options), 2);
  }

  /** Throws DnsFormatError; also if it does not fit. */
  addQuestion(question: Question): void {
    if (this.#recordCounts.some((count) => count > 0)) throw cannotWrite('a question after a record');
    this.#writeName(question.name);
    this.#writeUint16(checkUnsigned(question.type, 0xffff, 'type'));
    this.#writeUint16(checkUnsigned(question.class, 0xffff, 'class'));
    this.#questionCount += 1;
    if (this.#length > this.#room) throw cannotWrite('a message too long for its limit');
  }

  /**
   * Adds a record; false if it does not fit, and then nothing was written. Sections come in their order; OPT goes by
   * `setEdns`. Throws DnsFormatError for what is no record.
   */
  tryAdd(section: Section, record: ResourceRecord): boolean {
    const index = sectionOrder.indexOf(section);
    if (this.#recordCounts.some((count, later) => later > index && count > 0)) {
      throw cannotWrite('a record for a section that is complete');
    }
    checkRecord(record);
    const start = this.#length;
    this.#writeRecord(record);
    if (this.#length > this.#room) {
      this.#takeBack(start);
      return false;
    }
    this.#recordCounts[index] = (this.#recordCounts[index] ?? 0) + 1;
    return true;
  }

  /** Sets the OPT record and reserves its room; the upper bits of the response code come from the header's. */
  setEdns(edns: Edns): void {
    this.#opt = encodeOpt({ ...edns, extendedRcode: this.#rcode >> 4 });
    if (this.#length > this.#room) throw cannotWrite('a message too long for its limit');
  }

  /** Octets so far, the OPT record included: what padding is computed from. */
  get length(): number {
    return this.#length + (this.#opt?.length ?? 0);
  }

  /** The message. Throws DnsFormatError for a response code that needs EDNS and has none. */
  finish(): Buffer {
    if (this.#rcode > 15 && this.#opt === undefined) throw cannotWrite('an extended rcode without EDNS');
    const header = this.#octets;
    header.writeUInt16BE(this.#questionCount, 4);
    this.#recordCounts.forEach((count, index) => {
      const withOpt = index === 2 && this.#opt !== undefined ? count + 1 : count;
      header.writeUInt16BE(withOpt, 6 + 2 * index);
    });
    const body = this.#octets.subarray(0, this.#length);
    return this.#opt === undefined ? Buffer.from(body) : Buffer.concat([body, this.#opt]);
  }

  get #room(): number {
    return this.#maxLength - (this.#opt?.length ?? 0);
  }

  #writeRecord(record: ResourceRecord): void {
    this.#writeName(record.name);
    const fields = this.#length;
    this.#ensure(10);
    this.#octets.writeUInt16BE(record.type, fields);
    this.#octets.writeUInt16BE(record.class, fields + 2);
    this.#octets.writeUInt32BE(record.ttl, fields + 4);
    this.#length += 10;
    this.#writeRdata(record);
    this.#octets.writeUInt16BE(this.#length - fields - 10, fields + 8);
  }

  #writeRdata(record: ResourceRecord): void {
    const layout = rdataLayout(record.type, record.class);
    if (layout?.compression !== 'written' || record.rdata.length === 0) {
      this.#writeOctets(record.rdata);
      return;
    }
    const reader = new NameReader(record.rdata);
    let at = 0;
    for (const field of layout.fields) {
      const end = endOfField(reader, field, at, record.rdata.length, false);
      if (field === NAME) this.#writeName(reader.read(at));
      else this.#writeOctets(record.rdata.subarray(at, end));
      at = end;
    }
  }

  #writeName(name: Name): void {
    const text = name.wire.toString('latin1');
    let at = 0;
    for (;;) {
      const length = name.wire.readUInt8(at);
      if (length === 0) {
        this.#writeOctets(name.wire.subarray(at));
        return;
      }
      const suffix = text.slice(at);
      const known = this.#offsets.get(suffix);
      if (known !== undefined) {
        this.#writeUint16(pointerMark | known);
        return;
      }
      if (this.#compress && this.#length < pointerLimit) {
        this.#offsets.set(suffix, this.#length);
        this.#keys.push(suffix);
      }
      this.#writeOctets(name.wire.subarray(at, at + length + 1));
      at += length + 1;
    }
  }

  #writeUint16(value: number): void {
    this.#ensure(2);
    this.#octets.writeUInt16BE(value, this.#length);
    this.#length += 2;
  }

  #writeOctets(octets: Buffer): void {
    this.#ensure(octets.length);
    octets.copy(this.#octets, this.#length);
    this.#length += octets.length;
  }

  /** Makes room; a record may reach beyond the limit until it is taken back. */
  #ensure(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#octets.length) return;
    const larger = Buffer.alloc(Math.max(needed, this.#octets.length * 2));
    this.#octets.copy(larger, 0, 0, this.#length);
    this.#octets = larger;
  }

  #takeBack(start: number): void {
    this.#length = start;
    for (let key = this.#keys.at(-1); key !== undefined; key = this.#keys.at(-1)) {
      if ((this.#offsets.get(key) ?? 0) < start) return;
      this.#offsets.delete(key);
      this.#keys.pop();
    }
  }
}

function encodeFlags(header: Partial<Header>): number {
  const bit = (flag: boolean | undefined, place: number): number => (flag === true ? 1 << place : 0);
  return (
    bit(header.qr, 15) |
    (checkUnsigned(header.opcode ?? 0, 15, 'opcode') << 11) |
    bit(header.aa, 10) |
    bit(header.tc, 9) |
    bit(header.rd, 8) |
    bit(header.ra, 7) |
    bit(header.ad, 5) |
    bit(header.cd, 4) |
    (checkUnsigned(header.rcode ?? 0, 0xfff, 'response code') & 15)
  );
}

/** What passes here can be written, so that a record is written whole or not at all. */
function checkRecord(record: ResourceRecord): void {
  if (record.type === RrType.OPT || record.type === RrType.TSIG) throw cannotWrite('an OPT or TSIG record');
  checkUnsigned(record.type, 0xffff, 'type');
  checkUnsigned(record.class, 0xffff, 'class');
  checkUnsigned(record.ttl, 0xffff_ffff, 'TTL');
  if (record.rdata.length > 0xffff) throw cannotWrite('an RDATA of more than 65535 octets');
  const reader = new NameReader(record.rdata);
  try {
    checkRdata(reader, record.type, record.class, 0, record.rdata.length, false);
  } catch (error) {
    throw new DnsFormatError('cannot write an RDATA that its type does not allow', {
      blame: 'us',
      cause: error,
    });
  }
}

function cannotWrite(what: string): DnsFormatError {
  return new DnsFormatError(`cannot write ${what}`, { blame: 'us' });
}
