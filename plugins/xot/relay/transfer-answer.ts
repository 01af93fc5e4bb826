/**
 * The answer to a transfer as it comes in: makes sure that each message belongs to it, and knows the last (RFC 5936 section 2.2,
 * RFC 1995 section 4).
 *
 * Messages are walked strictly, record by record, with one exception: once it is known that a whole zone comes, a long message
 * is only looked at from both ends. Its header and question must be as they were; its OPT record must be the last octets, the
 * same as before; and if its last octets could be those of the SOA record that ends the zone, it is walked. What a server may
 * hide in the middle is hidden from nobody but us: the client reads every record.
 */
import {
  MessageWalker,
  Rcode,
  RrClass,
  RrType,
  TransferEnd,
  TransferFormatError,
} from '../../../core/index.ts';
import type { OptPlace } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import { optPlace, rcodeOf, type RelayReport } from './report.ts';

/** A shorter message costs little to walk; among these are those by which small zones and most large ones end. */
const leastQuickOctets = 2_048;
const headerOctets = 12;
/** Of the flags: QR, opcode, TC and response code. */
const plainMask = 0xfa0f;
const plainAnswer = 0x8000;
/** An SOA's RDATA ends with five numbers of four octets, the serial first (RFC 1035 section 3.3.13). */
const serialFromEnd = 20;

export class TransferAnswer {
  ended = false;
  readonly #id: number;
  readonly #request: ZoneRequest;
  readonly #report: RelayReport;
  readonly #end: TransferEnd;
  /** The question of the last message that was walked and had one, as it stands. */
  #question = Buffer.alloc(0);
  /** The OPT record of the last message that was walked and had one at its end, as it stands. */
  #opt: { readonly octets: Buffer; readonly place: OptPlace } | undefined;

  /** @param id that every message must have */
  constructor(request: ZoneRequest, id: number, report: RelayReport) {
    this.#id = id;
    this.#request = request;
    this.#report = report;
    this.#end = new TransferEnd(request.clientSerial);
  }

  /** Takes the next message; gives where its OPT record is. Throws DnsFormatError and TransferFormatError. */
  take(message: Buffer): OptPlace | undefined {
    if (this.ended) throw new TransferFormatError('the primary sent a message after the end of its answer');
    const report = this.#report;
    report.messages++;
    const tail = this.#look(message);
    if (tail !== undefined) {
      this.#end.records += message.readUInt16BE(6);
      report.records = this.#end.records;
      return tail === noOpt ? undefined : tail;
    }
    const walker = new MessageWalker(message);
    this.#checkBelonging(walker);
    const opt = this.#walk(walker);
    const rcode = rcodeOf(walker, opt);
    report.rcode = rcode;
    report.records = this.#end.records;
    report.serial = this.#end.serial;
    report.form = this.#end.form;
    // An error ends the session (RFC 5936 section 2.2).
    this.ended = rcode !== Rcode.NOERROR || this.#end.ended;
    return opt;
  }

  /** The OPT record of a message that need not be walked, or that it has none; undefined for one that must be. */
  #look(message: Buffer): OptPlace | typeof noOpt | undefined {
    if (message.length < leastQuickOctets || this.#end.form !== 'whole') return undefined;
    const isPlain = (message.readUInt16BE(2) & plainMask) === plainAnswer;
    if (!isPlain || message.readUInt16BE(0) !== this.#id) return undefined;
    const questions = message.readUInt16BE(4);
    if (questions > 1 || (questions === 1 && !this.#repeatsQuestion(message))) return undefined;
    // Answers, and nothing in the authority section.
    if (message.readUInt16BE(6) === 0 || message.readUInt16BE(8) !== 0) return undefined;
    const additionals = message.readUInt16BE(10);
    const opt = additionals === 1 ? this.#optAtEnd(message) : undefined;
    if (additionals > 0 && opt === undefined) return undefined;
    const end = opt?.start ?? message.length;
    return message.readUInt32BE(end - serialFromEnd) === this.#end.serial ? undefined : (opt ?? noOpt);
  }

  #repeatsQuestion(message: Buffer): boolean {
    const { length } = this.#question;
    return (
      length > 0 && message.compare(this.#question, 0, length, headerOctets, headerOctets + length) === 0
    );
  }

  #optAtEnd(message: Buffer): OptPlace | undefined {
    if (this.#opt === undefined) return undefined;
    const { octets, place } = this.#opt;
    const start = message.length - octets.length;
    return message.compare(octets, 0, octets.length, start) === 0 ? { ...place, start } : undefined;
  }

  /** RFC 7766 section 7: an answer is ours by ID and, where it has one, by question. */
  #checkBelonging(walker: MessageWalker): void {
    const isResponse = (walker.flags & 0x8000) !== 0;
    if (!isResponse || walker.id !== this.#id)
      throw new TransferFormatError('the primary sent an answer to another question');
    if (walker.questionCount === 0) return;
    const question = walker.readQuestion();
    const { kind, zone } = this.#request;
    if (walker.questionCount > 1 || question.type !== RrType[kind] || !question.name.equals(zone)) {
      throw new TransferFormatError('the primary sent an answer to another question');
    }
    this.#question = Buffer.from(walker.octets.subarray(headerOctets, walker.offset));
  }

  #walk(walker: MessageWalker): OptPlace | undefined {
    let opt: OptPlace | undefined;
    while (walker.next()) {
      if (walker.section === 'answer') this.#end.record(walker.type, serialOf(walker));
      if (walker.type === RrType.OPT) opt = optPlace(walker);
    }
    this.#end.messageEnd();
    if (opt?.isLast === true)
      this.#opt = { octets: Buffer.from(walker.octets.subarray(opt.start)), place: opt };
    return opt;
  }
}

/** The message needs no walk, and has no OPT record. */
const noOpt = Symbol('no OPT');

function serialOf(walker: MessageWalker): number | undefined {
  if (walker.type !== RrType.SOA) return undefined;
  // Of class IN, or it may be empty (RFC 2136).
  if (walker.class !== RrClass.IN)
    throw new TransferFormatError('the primary sent an SOA that is not of class IN');
  return walker.octets.readUInt32BE(walker.rdataEnd - serialFromEnd);
}
