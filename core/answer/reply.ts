/**
 * Replies from answers: the ID, the question as it was asked, the flags, the age of the TTLs and the OPT record of the
 * one who asks are written over a copy of the octets.
 *
 * Pure; the room is the caller's.
 */
import { EdnsOptionCode, Rcode } from '../dns/constants.ts';
import { paddingBlock } from '../dns/edns.ts';
import { headerOctets } from '../dns/walker.ts';
import type { Answer } from './answer.ts';

/** Who asked, and how: `QueryReader` is one, and so is what it keeps. */
export interface ReplyTo {
  readonly id: number;
  readonly flags: number;
  /** The question stands in them. */
  readonly octets: Buffer;
  readonly questionStart: number;
  readonly questionEnd: number;
  readonly hasEdns: boolean;
  readonly dnssecOk: boolean;
  readonly wantsKeepalive: boolean;
  readonly wantsPadding: boolean;
}

/** The way that the reply goes. */
export interface ReplyWay {
  /** The longest reply; a longer one is cut to its question, with TC set (RFC 2181 section 9). */
  readonly maxOctets: number;
  /** Idle time to be said to those who ask for it (RFC 7828), in milliseconds; undefined over UDP. */
  readonly idleTimeMs: number | undefined;
  /** RFC 7830 section 4: only where the way is encrypted. */
  readonly isEncrypted: boolean;
  /**
   * The answer is an authoritative server's: RA and CD stay as it has them (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6).
   * If not said it is a recursive resolver's, which sets RA and copies CD (RFC 4035 section 3.2.2).
   */
  readonly isAuthoritative?: boolean;
}

/** What is said beside the answer. */
export interface ReplyExtras {
  /** Seconds since it was stored. */
  readonly ageSeconds: number;
  /** Seconds that stand for all TTLs instead, of an answer that has grown too old (RFC 8767 section 4). */
  readonly staleTtl?: number | undefined;
  /** Options with Extended DNS Errors besides those of the answer; they go only to those who speak EDNS. */
  readonly extendedErrors?: Buffer | undefined;
}

const responseFlag = 0x8000;
const truncated = 0x0200;
const recursionDesired = 0x0100;
const recursionAvailable = 0x0080;
const authenticData = 0x0020;
const checkingDisabled = 0x0010;
const optOctets = 11;
const optionHeaderOctets = 4;
const keepaliveOctets = optionHeaderOctets + 2;
/** Our own limit over UDP, where it is said (RFC 6891 section 6.2.5; dnsflagday.net/2020). */
export const udpPayloadSize = 1232;
const optType = 41;

export class ReplyPlan {
  /** Octets of the whole reply. */
  length = 0;
  #bodyOctets = 0;
  #isCut = false;
  #padding = -1;

  /** How long the reply will be. Then make room, and call `write`. */
  measure(answer: Answer, to: ReplyTo, way: ReplyWay, extras: ReplyExtras): number {
    this.#isCut = false;
    this.#bodyOctets = answer.length;
    this.#padding = -1;
    let length = this.#bodyOctets + this.#optOctets(answer, to, way, extras);
    if (length > way.maxOctets) {
      this.#isCut = true;
      this.#bodyOctets = headerOctets + to.questionEnd - to.questionStart;
      length = this.#bodyOctets + (to.hasEdns ? optOctets : 0);
    } else if (to.wantsPadding && way.isEncrypted) {
      // RFC 8467 section 4.1. The block leaves no room at the very end of what a message can have.
      const over = (length + optionHeaderOctets) % paddingBlock.response;
      const padding = over === 0 ? 0 : paddingBlock.response - over;
      if (length + optionHeaderOctets + padding <= way.maxOctets) {
        this.#padding = padding;
        length += optionHeaderOctets + padding;
      }
    }
    this.length = length;
    return length;
  }

  /** Writes what was measured. */
  write(target: Buffer, at: number, answer: Answer, to: ReplyTo, way: ReplyWay, extras: ReplyExtras): void {
    const { octets, start, rcode } = answer;
    octets.copy(target, at, start, start + (this.#isCut ? headerOctets : answer.length));
    target[at] = to.id >>> 8;
    target[at + 1] = to.id;
    const copied = way.isAuthoritative === true ? recursionDesired : recursionDesired | checkingDisabled;
    let flags = ((octets[start + 2]! << 8) | octets[start + 3]!) & ~(copied | truncated | 15);
    // RFC 6891 section 6.1.3: what has no room in the header cannot be said without EDNS.
    const code = rcode > 15 && !to.hasEdns ? Rcode.SERVFAIL : rcode & 15;
    flags |= responseFlag | (to.flags & copied) | code;
    if (way.isAuthoritative !== true) flags |= recursionAvailable;
    // RFC 6840 section 5.8: AD only for those who said that they understand it.
    if (!to.dnssecOk && (to.flags & authenticData) === 0) flags &= ~authenticData;
    if (this.#isCut) flags |= truncated;
    target[at + 2] = flags >>> 8;
    target[at + 3] = flags;
    const { octets: asked, questionStart, questionEnd } = to;
    for (let from = questionStart, out = at + headerOctets; from < questionEnd; from += 1, out += 1)
      target[out] = asked[from]!;
    if (this.#isCut) target.fill(0, at + 6, at + headerOctets);
    else if (extras.staleTtl !== undefined) writeTtls(target, at, answer, extras.staleTtl);
    else if (extras.ageSeconds > 0) ageTtls(target, at, answer, extras.ageSeconds);
    if (to.hasEdns) this.#writeOpt(target, at, answer, to, way, extras);
  }

  #optOctets(answer: Answer, to: ReplyTo, { idleTimeMs }: ReplyWay, { extendedErrors }: ReplyExtras): number {
    if (!to.hasEdns) return 0;
    const keepalive = to.wantsKeepalive && idleTimeMs !== undefined ? keepaliveOctets : 0;
    return optOctets + keepalive + answer.errorsLength + (extendedErrors?.length ?? 0);
  }

  #writeOpt(
    target: Buffer,
    start: number,
    answer: Answer,
    to: ReplyTo,
    { idleTimeMs }: ReplyWay,
    { extendedErrors }: ReplyExtras,
  ): void {
    // ARCOUNT: one record more.
    const count = ((target[start + 10]! << 8) | target[start + 11]!) + 1;
    target[start + 10] = count >>> 8;
    target[start + 11] = count;
    let at = start + this.#bodyOctets;
    target[at] = 0;
    target[at + 1] = 0;
    target[at + 2] = optType;
    target[at + 3] = udpPayloadSize >>> 8;
    target[at + 4] = udpPayloadSize & 0xff;
    target[at + 5] = answer.rcode >>> 4;
    target[at + 6] = 0;
    // RFC 6891 section 6.1.4: DO is copied.
    target[at + 7] = to.dnssecOk ? 0x80 : 0;
    target[at + 8] = 0;
    const rdlengthAt = at + 9;
    at += optOctets;
    const optionsAt = at;
    // RFC 8914 section 3: what is explained is the first to be left out of an answer that is too long.
    if (!this.#isCut) {
      const { errors, errorsAt, errorsLength } = answer;
      if (errorsLength > 0) at += errors.copy(target, at, errorsAt, errorsAt + errorsLength);
      if (extendedErrors !== undefined) at += extendedErrors.copy(target, at);
      if (to.wantsKeepalive && idleTimeMs !== undefined) at = writeKeepalive(target, at, idleTimeMs);
      if (this.#padding >= 0) at = writePadding(target, at, this.#padding);
    }
    target[rdlengthAt] = (at - optionsAt) >>> 8;
    target[rdlengthAt + 1] = at - optionsAt;
  }
}

function ageTtls(
  target: Buffer,
  at: number,
  { places, placesAt, placeCount }: Answer,
  ageSeconds: number,
): void {
  for (let index = placesAt; index < placesAt + placeCount; index += 1) {
    const place = at + places[index]!;
    const ttl =
      (target[place]! << 24) | (target[place + 1]! << 16) | (target[place + 2]! << 8) | target[place + 3]!;
    // One with the highest bit set is below 0 here, and counts as 0 (RFC 2181 section 8).
    writeTtl(target, place, Math.max(0, ttl - ageSeconds));
  }
}

function writeTtls(target: Buffer, at: number, { places, placesAt, placeCount }: Answer, ttl: number): void {
  for (let index = placesAt; index < placesAt + placeCount; index += 1)
    writeTtl(target, at + places[index]!, ttl);
}

function writeTtl(target: Buffer, at: number, ttl: number): void {
  target[at] = ttl >>> 24;
  target[at + 1] = ttl >>> 16;
  target[at + 2] = ttl >>> 8;
  target[at + 3] = ttl;
}

/** RFC 7828 section 3.1: units of 100 milliseconds. */
function writeKeepalive(target: Buffer, at: number, idleTimeMs: number): number {
  const units = Math.min(0xffff, Math.floor(idleTimeMs / 100));
  target[at] = 0;
  target[at + 1] = EdnsOptionCode.TCP_KEEPALIVE;
  target[at + 2] = 0;
  target[at + 3] = 2;
  target[at + 4] = units >>> 8;
  target[at + 5] = units;
  return at + keepaliveOctets;
}

function writePadding(target: Buffer, at: number, padding: number): number {
  target[at] = 0;
  target[at + 1] = EdnsOptionCode.PADDING;
  target[at + 2] = padding >>> 8;
  target[at + 3] = padding;
  target.fill(0, at + optionHeaderOctets, at + optionHeaderOctets + padding);
  return at + optionHeaderOctets + padding;
}
