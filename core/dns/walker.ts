/**
 * A strict cursor over one message (RFC 1035 section 4.1): checks everything, copies nothing, allocates nothing for
 * a record. What it has passed is well-formed: names, counts, lengths, the form of the RDATA of the types we know,
 * one OPT at most and in its place, TSIG last, no octet left over.
 *
 * Limitations: no signature is checked, neither TSIG nor SIG(0); sense is not judged (a query with an answer in it).
 */
import { RrType } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import type { Name } from './name.ts';
import { NameReader } from './name-reader.ts';
import { checkRdata, expandRdata } from './rdata-layout.ts';

export type Section = 'answer' | 'authority' | 'additional';

export interface Question {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
}

/** Octets of a message's header (RFC 1035 section 4.1.1). */
export const headerOctets = 12;
/** The two-octet length before a message on TCP and the length field of UDP allow no more. */
export const maxMessageOctets = 65535;
/** Root name, type and class. */
const minQuestionOctets = 5;
/** Root name, type, class, TTL and RDLENGTH. */
const minRecordOctets = 11;

export class MessageWalker {
  readonly octets: Buffer;
  readonly id: number;
  /** The second 16 bits of the header, as they came. */
  readonly flags: number;
  readonly questionCount: number;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;

  /** Fields of the record that `next` moved to. */
  section: Section = 'answer';
  recordStart = 0;
  type = 0;
  class = 0;
  ttl = 0;
  rdataStart = 0;
  rdataEnd = 0;

  readonly #names: NameReader;
  #at = headerOctets;
  #questionsRead = 0;
  #recordsRead = 0;
  #optSeen = false;

  /** Reads the header. Throws DnsFormatError. */
  constructor(octets: Buffer) {
    if (octets.length < headerOctets) throw new DnsFormatError('a message shorter than its header');
    if (octets.length > maxMessageOctets) throw new DnsFormatError('a message of more than 65535 octets');
    this.octets = octets;
    this.id = octets.readUInt16BE(0);
    this.flags = octets.readUInt16BE(2);
    this.questionCount = octets.readUInt16BE(4);
    this.answerCount = octets.readUInt16BE(6);
    this.authorityCount = octets.readUInt16BE(8);
    this.additionalCount = octets.readUInt16BE(10);
    // Twelve octets that promise 262,140 records must not cost more than this line.
    const least = this.questionCount * minQuestionOctets + this.recordCount * minRecordOctets;
    if (headerOctets + least > octets.length) {
      throw new DnsFormatError('counts that the message has no room for');
    }
    this.#names = new NameReader(octets);
  }

  /** Records in all three sections, as the header has it. */
  get recordCount(): number {
    return this.answerCount + this.authorityCount + this.additionalCount;
  }

  /** The next question; call it at most `questionCount` times and before `next`. Throws DnsFormatError. */
  readQuestion(): Question {
    if (this.#questionsRead >= this.questionCount) throw new RangeError('all questions were read');
    const start = this.#at;
    this.#skipQuestion();
    const fields = this.#at - 4;
    return {
      name: this.#names.read(start),
      type: this.octets.readUInt16BE(fields),
      class: this.octets.readUInt16BE(fields + 2),
    };
  }

  /** Where the next question or record begins. */
  get offset(): number {
    return this.#at;
  }

  /** Passes over the next question. Throws DnsFormatError. */
  skipQuestion(): void {
    if (this.#questionsRead >= this.questionCount) throw new RangeError('all questions were read');
    this.#skipQuestion();
  }

  /**
   * Moves to the next record of whatever section; questions not read are passed over. False after the last one, when
   * the whole message has been found well-formed. Throws DnsFormatError.
   */
  next(): boolean {
    const { octets } = this;
    while (this.#questionsRead < this.questionCount) this.#skipQuestion();
    if (this.#recordsRead === this.recordCount) {
      if (this.#at !== octets.length) {
        throw new DnsFormatError('octets after the last record', { offset: this.#at });
      }
      return false;
    }
    const start = this.#at;
    const fields = this.#names.skip(start, true);
    if (fields + 10 > octets.length) throw new DnsFormatError('a record cut short', { offset: start });
    const rdataStart = fields + 10;
    const rdataEnd = rdataStart + octets.readUInt16BE(fields + 8);
    if (rdataEnd > octets.length) {
      throw new DnsFormatError('an RDLENGTH past the end of the message', { offset: start });
    }
    this.recordStart = start;
    this.type = octets.readUInt16BE(fields);
    this.class = octets.readUInt16BE(fields + 2);
    this.ttl = octets.readUInt32BE(fields + 4);
    this.rdataStart = rdataStart;
    this.rdataEnd = rdataEnd;
    this.section = this.#sectionOf(this.#recordsRead);
    this.#recordsRead += 1;
    this.#at = rdataEnd;
    if (this.type === RrType.OPT) this.#checkOpt();
    else if (this.type === RrType.TSIG) this.#checkTsig();
    checkRdata(this.#names, this.type, this.class, rdataStart, rdataEnd);
    return true;
  }

  /** Owner name of the record. Throws DnsFormatError, for a message whose names expand beyond all measure. */
  name(): Name {
    return this.#names.read(this.recordStart);
  }

  /** Whether the record is owned by `zone` or a name below it; `zone` in wire form and lower case, the same for each call. */
  isWithin(zone: Buffer): boolean {
    return this.#names.isWithin(this.recordStart, zone);
  }

  /** The record's RDATA in octets of its own, names expanded. Throws DnsFormatError as `name` does. */
  rdata(): Buffer {
    return expandRdata(this.#names, this.type, this.class, this.rdataStart, this.rdataEnd);
  }

  #skipQuestion(): void {
    const end = this.#names.skip(this.#at, true) + 4;
    if (end > this.octets.length) throw new DnsFormatError('a question cut short', { offset: this.#at });
    this.#at = end;
    this.#questionsRead += 1;
  }

  #sectionOf(index: number): Section {
    if (index < this.answerCount) return 'answer';
    return index < this.answerCount + this.authorityCount ? 'authority' : 'additional';
  }

  /** RFC 6891 section 6.1.1: one OPT at most, in the additional section, owned by the root. */
  #checkOpt(): void {
    const offset = this.recordStart;
    if (this.#optSeen) throw new DnsFormatError('a second OPT record', { offset });
    if (this.section !== 'additional') {
      throw new DnsFormatError('an OPT record in a wrong section', { offset });
    }
    if (this.octets.readUInt8(offset) !== 0) {
      throw new DnsFormatError('an OPT record not owned by the root', { offset });
    }
    this.#optSeen = true;
  }

  /** RFC 8945 section 5.2: a TSIG anywhere but at the end of the additional section is a format error. */
  #checkTsig(): void {
    if (this.section !== 'additional' || this.#recordsRead !== this.recordCount) {
      throw new DnsFormatError('a TSIG record that is not the last record', { offset: this.recordStart });
    }
  }
}
