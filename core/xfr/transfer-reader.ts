/**
 * Reads the answer to AXFR or IXFR, message by message, strictly (RFC 5936 section 2.2, RFC 1995 section 4): what comes out is
 * the new version of the zone with its messages ready to be sent again, or the steps that lead to it.
 *
 * Messages of the server are kept as they are where they can be, since to write a million records again costs more than to
 * check them. Each is walked whole, and each owner must be in the zone. The first message, which begins with the SOA record,
 * is written anew without it; so are small messages, for servers that put one record into each.
 *
 * Limitations: records that come twice stay twice, which RFC 5936 section 2.2 lets every receiver ignore; that an incremental
 * answer fits the version that is there is seen when it is applied. Pure.
 */
import { EdnsOptionCode, Opcode, Rcode, rcodeName, RrClass, RrType } from '../dns/constants.ts';
import { findOption, parseExtendedError, parseOpt, type Edns } from '../dns/edns.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import { parseSoa } from '../dns/rdata.ts';
import { MessageWalker } from '../dns/walker.ts';
import { IxfrSteps } from './differences.ts';
import { TransferEnd, TransferFormatError } from './stream-end.ts';
import type { Differences, Store, StoredMessage, ZoneVersion } from './zone-version.ts';
import { maxStoredOctets, ZoneWriter } from './zone-writer.ts';

/** The server does not give the zone: its response code, and what it says of it. */
export class TransferRefusedError extends Error {
  override readonly name = 'TransferRefusedError';
  readonly code = 'XFR_REFUSED';
  readonly blame = 'upstream';
  readonly rcode: number;

  constructor(rcode: number, text: string) {
    super(`it answered ${rcodeName(rcode)}${text === '' ? '' : ` (${text})`}`);
    this.rcode = rcode;
  }
}

export interface TransferReaderOptions {
  readonly zone: Name;
  /** IXFR: the SOA record of the version that is there; undefined for AXFR. */
  readonly have?: ResourceRecord | undefined;
  readonly store: Store;
  /** Of a whole zone, and of the records of an incremental answer. */
  readonly maxRecords: number;
  readonly maxOctets: number;
}

export type TransferResult =
  | { readonly form: 'up-to-date' }
  | { readonly form: 'whole'; readonly version: ZoneVersion }
  | { readonly form: 'incremental'; readonly steps: readonly Differences[] };

/** Below this a message is written anew, together with others. */
const smallOctets = 4_096;
const headerPlace = { id: 0, flags: 2, answers: 6, authorities: 8, additionals: 10 } as const;
/** QR and AA (RFC 5936 section 2.2.1). */
const authoritativeAnswer = 0x8400;

/** What was seen on the way through one message. */
interface Passed {
  /** Where the question ends. */
  readonly answersAt: number;
  /** Where the records end that are kept. */
  readonly end: number;
  /** How many of them there are. */
  readonly kept: number;
}

export class TransferReader {
  /** Seconds of the EXPIRE option (RFC 7314), where the server said it. */
  expireSeconds: number | undefined;
  readonly #options: TransferReaderOptions;
  readonly #zone: Buffer;
  readonly #end: TransferEnd;
  readonly #writer: ZoneWriter;
  readonly #messages: StoredMessage[] = [];
  #octets = 0;
  #soa: ResourceRecord | undefined;
  #steps: IxfrSteps | undefined;

  constructor(options: TransferReaderOptions) {
    this.#options = options;
    this.#zone = Buffer.from(options.zone.key, 'latin1');
    this.#end = new TransferEnd(options.have && parseSoa(options.have.rdata).serial);
    this.#writer = new ZoneWriter(options.zone, (message) => {
      this.#keep(message);
    });
  }

  /** Whether the last message has been taken. */
  get ended(): boolean {
    return this.#end.ended;
  }

  /** Of the version that is transferred; undefined before the first record. */
  get serial(): number | undefined {
    return this.#end.serial;
  }

  /**
   * Takes the next message, whose ID is known to be right; its octets may be changed. Throws DnsFormatError and
   * TransferFormatError for what cannot be a transfer, and TransferRefusedError.
   */
  take(message: Buffer): void {
    if (this.ended) throw new TransferFormatError('it sent a message after the end of the transfer');
    const isFirst = this.#soa === undefined;
    const passed = this.#walk(message);
    if (this.#end.records > this.#options.maxRecords)
      throw new TransferFormatError(`more than ${String(this.#options.maxRecords)} records (max-records)`);
    // The first message holds the SOA record; that it is a whole zone may be known by the second only.
    if (passed.kept > 0 && this.#steps === undefined) {
      const { end } = passed;
      if (isFirst || end < smallOctets || end > maxStoredOctets) this.#writeAnew(message, isFirst, passed);
      else this.#keep(asStored(message, passed));
    }
    // Steps are held in memory till they are applied.
    if (this.#steps !== undefined) this.#octets += message.length;
    if (this.#octets > this.#options.maxOctets)
      throw new TransferFormatError(`more than ${String(this.#options.maxOctets)} octets (max-octets)`);
  }

  /** What came, when it has ended. */
  result(): TransferResult {
    const soa = this.#soa;
    if (!this.ended || soa === undefined) throw new TransferFormatError('the transfer has not ended');
    if (this.#end.form === 'up-to-date') return { form: 'up-to-date' };
    if (this.#steps !== undefined) return { form: 'incremental', steps: this.#steps.steps };
    this.#writer.finish();
    const { zone } = this.#options;
    const version: ZoneVersion = {
      zone,
      soa,
      serial: parseSoa(soa.rdata).serial,
      // The SOA record came twice.
      records: this.#end.records - 1,
      octets: this.#octets,
      messages: this.#messages,
    };
    return { form: 'whole', version };
  }

  /** Checks every record of a message. */
  #walk(message: Buffer): Passed {
    const walker = new MessageWalker(message);
    const rcode = this.#checkHeader(walker);
    const answersAt = walker.offset;
    let end = message.length;
    let kept = 0;
    let edns: Edns | undefined;
    while (walker.next()) {
      if (walker.section === 'answer') {
        if (rcode === Rcode.NOERROR && this.#record(walker)) kept++;
        // The SOA record that ends a whole zone is its last.
        else if (end > walker.recordStart && this.#end.ended) end = walker.recordStart;
        continue;
      }
      if (walker.section === 'authority' && rcode === Rcode.NOERROR)
        throw new TransferFormatError('it sent records in the authority section of a transfer');
      end = Math.min(end, walker.recordStart);
      if (walker.type === RrType.OPT)
        edns = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
    }
    this.#takeEdns(rcode, edns);
    this.#end.messageEnd();
    return { answersAt, end, kept };
  }

  /** RFC 5936 section 2.2.1; gives the lower bits of the response code. */
  #checkHeader(walker: MessageWalker): number {
    const { flags } = walker;
    if ((flags & 0x8000) === 0 || ((flags >> 11) & 15) !== Opcode.QUERY || (flags & 0x0200) !== 0)
      throw new TransferFormatError('it sent a message that is no answer to a transfer, or a truncated one');
    if (walker.questionCount > 1) throw new TransferFormatError('it sent two questions back');
    if (walker.questionCount === 1) {
      const { name, type, class: rrClass } = walker.readQuestion();
      const isOurs = type === RrType.AXFR || (type === RrType.IXFR && this.#options.have !== undefined);
      if (!isOurs || rrClass !== RrClass.IN || !name.equals(this.#options.zone))
        throw new TransferFormatError('it sent an answer to another question');
    }
    return flags & 15;
  }

  /** Takes an answer record; says whether it is one of a whole zone that is kept. */
  #record(walker: MessageWalker): boolean {
    if (walker.class !== RrClass.IN)
      throw new TransferFormatError('it sent a record that is not of class IN');
    if (!walker.isWithin(this.#zone)) {
      throw new TransferFormatError(
        `it sent a record of ${walker.name().toString()}, which is outside of the zone`,
      );
    }
    if (walker.type !== RrType.SOA) {
      this.#end.record(walker.type);
      if (this.#steps === undefined) return true;
      this.#steps.record(recordOf(walker));
      return false;
    }
    const soa = recordOf(walker);
    if (!soa.name.equals(this.#options.zone))
      throw new TransferFormatError('it sent an SOA record below the apex');
    this.#end.record(RrType.SOA, parseSoa(soa.rdata).serial);
    if (this.#soa === undefined) {
      this.#soa = soa;
      return false;
    }
    if (this.#end.form === 'whole' || this.#end.ended) {
      // RFC 5936 section 2.2, RFC 1995 section 4: the same SOA record opens and closes.
      if (!soa.rdata.equals(this.#soa.rdata))
        throw new TransferFormatError('the zone changed its SOA in mid-transfer');
      return false;
    }
    // Only an answer to IXFR is incremental.
    this.#steps ??= new IxfrSteps(this.#options.zone, this.#options.have ?? this.#soa, this.#soa);
    this.#steps.record(soa);
    return false;
  }

  #takeEdns(lowerRcode: number, edns: Edns | undefined): void {
    const rcode = lowerRcode | ((edns?.extendedRcode ?? 0) << 4);
    if (rcode !== Rcode.NOERROR) {
      const option = findOption(edns, EdnsOptionCode.EXTENDED_ERROR);
      throw new TransferRefusedError(rcode, option === undefined ? '' : parseExtendedError(option).text);
    }
    this.expireSeconds ??= expireOf(edns);
  }

  #writeAnew(message: Buffer, isFirst: boolean, passed: Passed): void {
    const walker = new MessageWalker(message);
    if (isFirst) walker.next();
    for (let count = 0; count < passed.kept && walker.next(); count++) this.#writer.add(recordOf(walker));
  }

  #keep(message: Buffer): void {
    this.#octets += message.length;
    this.#messages.push(this.#options.store(message));
  }
}

/** Seconds of an EXPIRE option that has some (RFC 7314 section 2.2). */
export function expireOf(edns: Edns | undefined): number | undefined {
  const option = findOption(edns, EdnsOptionCode.EXPIRE);
  return option?.data.length === 4 ? option.data.readUInt32BE(0) : undefined;
}

function recordOf(walker: MessageWalker): ResourceRecord {
  return {
    name: walker.name(),
    type: walker.type,
    class: walker.class,
    ttl: walker.ttl,
    rdata: walker.rdata(),
  };
}

/** A message of the server in the form of zone-version.ts, in place. */
function asStored(message: Buffer, { answersAt, end, kept }: Passed): Buffer {
  const octets = message.subarray(0, end);
  octets.writeUInt16BE(0, headerPlace.id);
  octets.writeUInt16BE(authoritativeAnswer, headerPlace.flags);
  octets.writeUInt16BE(kept, headerPlace.answers);
  octets.writeUInt16BE(0, headerPlace.authorities);
  octets.writeUInt16BE(0, headerPlace.additionals);
  if (octets.readUInt16BE(4) === 1) octets.writeUInt16BE(RrType.AXFR, answersAt - 4);
  return octets;
}
