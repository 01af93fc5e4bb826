/**
 * Goes over a response once, as far as it takes to keep it and hand it on: where records begin and end, their TTLs, and what
 * belongs to the hop that it came by. Allocates nothing; one scanner is used for all.
 *
 * Limitations: names and RDATA are passed over, not judged: they are handed on as they are, to whoever asked. Who reads them
 * checks them (walker.ts).
 */
import { EdnsOptionCode, Rcode, RrType } from '../dns/constants.ts';
import type { Answer } from './answer.ts';
import { headerOctets, maxMessageOctets } from '../dns/walker.ts';

/** Bounds on how long an answer is kept, in seconds. */
export interface KeepBounds {
  readonly ttlMax: number;
  /** For NXDOMAIN and for "no such data" (RFC 2308 section 5). */
  readonly negativeMax: number;
  /** For SERVFAIL (RFC 9520 section 3.2). */
  readonly failure: number;
}

/** Name, type, class, TTL and RDLENGTH. */
const minRecordOctets = 11;
const maxRecords = Math.floor((maxMessageOctets - headerOctets) / minRecordOctets);
/** RFC 2181 section 8: beyond it a TTL counts as 0. */
const maxTtl = 0x7fff_ffff;
/** Octets of the words of others that are handed on with an answer. */
const maxErrorOctets = 512;
const optionHeaderOctets = 4;

/** What was scanned is an answer itself, until the next scan: for one that is not kept. */
export class AnswerScanner implements Answer {
  octets: Buffer = Buffer.alloc(0);
  readonly start = 0;
  /** Octets of the message without OPT: that of most is the last record. */
  length = 0;
  rcode = 0;
  /** Records that have a TTL. */
  placeCount = 0;
  readonly places = new Uint16Array(maxRecords);
  readonly placesAt = 0;
  readonly errorsAt = 0;
  /** Extended DNS Errors, as options. */
  readonly errors = Buffer.alloc(maxErrorOctets);
  errorsLength = 0;
  /** Whether OPT is not the last record: the message has to be written anew without it. */
  hasOptInside = false;
  #at = 0;
  #answers = 0;
  #least = 0;
  /** Of the SOA in the authority section; -1 without one. */
  #negative = -1;
  #optStart = -1;

  /** What is wrong with it, undefined for nothing. Total. Takes the OPT record off the count in the header. */
  scan(octets: Buffer): string | undefined {
    this.octets = octets;
    this.placeCount = 0;
    this.errorsLength = 0;
    this.hasOptInside = false;
    this.#least = maxTtl;
    this.#negative = -1;
    this.#optStart = -1;
    if (octets.length < headerOctets) return 'it is shorter than its header';
    const flags = (octets[2]! << 8) | octets[3]!;
    if ((flags & 0x8000) === 0) return 'it is a query';
    if ((flags & 0x0200) !== 0) return 'it is truncated';
    if (octets[4] !== 0 || octets[5] !== 1) return 'it does not have one question';
    this.rcode = flags & 15;
    this.#at = headerOctets;
    if (!this.#skipName() || this.#at + 4 > octets.length) return 'its question is cut short';
    this.#at += 4;
    this.#answers = (octets[6]! << 8) | octets[7]!;
    const authorityEnd = this.#answers + ((octets[8]! << 8) | octets[9]!);
    const records = authorityEnd + ((octets[10]! << 8) | octets[11]!);
    for (let record = 0; record < records; record += 1) {
      const isAuthority = record >= this.#answers && record < authorityEnd;
      if (!this.#record(isAuthority, record >= authorityEnd)) return 'a record is malformed';
    }
    if (this.#at !== octets.length) return 'it goes on after its last record';
    this.#leaveOptOut();
    return undefined;
  }

  #leaveOptOut(): void {
    const { octets } = this;
    this.length = octets.length;
    if (this.#optStart === -1 || this.hasOptInside) return;
    this.length = this.#optStart;
    const additionals = ((octets[10]! << 8) | octets[11]!) - 1;
    octets[10] = additionals >>> 8;
    octets[11] = additionals;
  }

  /** Seconds that what was scanned may be kept; 0: not at all. */
  keepSeconds({ ttlMax, negativeMax, failure }: KeepBounds): number {
    const { rcode } = this;
    if (rcode === Rcode.SERVFAIL) return failure;
    const isNegative = rcode === Rcode.NXDOMAIN || this.#answers === 0 || this.#negative >= 0;
    if (!isNegative && rcode === Rcode.NOERROR) return Math.min(this.#least, ttlMax);
    // RFC 2308 section 5: without an SOA it is not kept. Aliases before a negative answer have TTLs of their own.
    if ((rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && this.#negative >= 0)
      return Math.min(this.#least, this.#negative, negativeMax, ttlMax);
    return 0;
  }

  /** Says more of it (RFC 8914), as far as there is room. */
  addError(option: Buffer): void {
    if (this.errorsLength + option.length > maxErrorOctets) return;
    this.errorsLength += option.copy(this.errors, this.errorsLength);
  }

  #record(isAuthority: boolean, isAdditional: boolean): boolean {
    const { octets } = this;
    const start = this.#at;
    if (!this.#skipName()) return false;
    const at = this.#at;
    if (at + minRecordOctets - 1 > octets.length) return false;
    const type = (octets[at]! << 8) | octets[at + 1]!;
    const rdataAt = at + minRecordOctets - 1;
    const end = rdataAt + ((octets[at + 8]! << 8) | octets[at + 9]!);
    if (end > octets.length) return false;
    this.#at = end;
    // RFC 6891 section 6.1.1: in the additional section, once, owned by the root.
    if (type === RrType.OPT) return isAdditional && at === start + 1 && this.#opt(start, at, rdataAt, end);
    if (this.#optStart !== -1) this.hasOptInside = true;
    const ttlAt = at + 4;
    const ttl = uint32(octets, ttlAt);
    const kept = ttl > maxTtl ? 0 : ttl;
    this.places[this.placeCount] = ttlAt;
    this.placeCount += 1;
    if (kept < this.#least) this.#least = kept;
    // MINIMUM is the last field of the SOA.
    if (isAuthority && type === RrType.SOA && end - rdataAt >= minSoaOctets)
      this.#negative = Math.min(kept, uint32(octets, end - 4));
    return true;
  }

  #opt(start: number, at: number, rdataAt: number, end: number): boolean {
    if (this.#optStart !== -1) return false;
    const { octets } = this;
    this.#optStart = start;
    this.rcode |= octets[at + 4]! << 4;
    for (let option = rdataAt; option < end;) {
      if (option + optionHeaderOctets > end) return false;
      const length = (octets[option + 2]! << 8) | octets[option + 3]!;
      const next = option + optionHeaderOctets + length;
      if (next > end) return false;
      const isError = octets[option] === 0 && octets[option + 1] === EdnsOptionCode.EXTENDED_ERROR;
      if (isError && length >= 2 && this.errorsLength + next - option <= maxErrorOctets) {
        octets.copy(this.errors, this.errorsLength, option, next);
        this.errorsLength += next - option;
      }
      option = next;
    }
    return true;
  }

  /** Passes over a name: a pointer ends it (RFC 1035 section 4.1.4). */
  #skipName(): boolean {
    const { octets } = this;
    for (let at = this.#at; at < octets.length;) {
      const length = octets[at]!;
      if (length === 0) {
        this.#at = at + 1;
        return true;
      }
      if (length >= 0xc0) {
        this.#at = at + 2;
        return this.#at <= octets.length;
      }
      if (length > 63) return false;
      at += length + 1;
    }
    return false;
  }
}

/** Two names of one octet and five numbers. */
const minSoaOctets = 22;

function uint32(octets: Buffer, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
}

/** An answer of its own, for who keeps none; undefined for octets that are none, or not to be handed on as they are. */
export function readAnswer(octets: Buffer): Answer | undefined {
  const scanner = new AnswerScanner();
  return scanner.scan(octets) === undefined && !scanner.hasOptInside ? scanner : undefined;
}
