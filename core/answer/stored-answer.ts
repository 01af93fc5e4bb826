/**
 * A response as it is kept: its octets without the OPT record, which belongs to one hop (RFC 6891 section 6.2.6), the places
 * of its TTLs, and how long it may be kept.
 *
 * Pure.
 */
import { EdnsOptionCode, Rcode, RrType } from '../dns/constants.ts';
import { parseOpt } from '../dns/edns.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { encodeMessage, parseMessage } from '../dns/message.ts';
import { MessageWalker } from '../dns/walker.ts';

export interface StoredAnswer {
  /** The message without OPT, in memory of its own; its ID means nothing. */
  readonly octets: Buffer;
  readonly questionEnd: number;
  /** Where the TTLs stand, and what they are, in seconds. */
  readonly ttlPlaces: readonly number[];
  readonly ttls: readonly number[];
  /** With the upper bits of the OPT record. */
  readonly rcode: number;
  /** Seconds that it may be kept; 0: not at all. */
  readonly keepSeconds: number;
  /** The Extended DNS Errors of the response, as options of an OPT record (RFC 8914). */
  readonly extendedErrors: Buffer;
}

/** Bounds on how long an answer is kept, in seconds. */
export interface KeepBounds {
  readonly ttlMax: number;
  /** For NXDOMAIN and for "no such data" (RFC 2308 section 5). */
  readonly negativeMax: number;
  /** For SERVFAIL (RFC 9520 section 3.2). */
  readonly failure: number;
}

const none: Buffer = Buffer.alloc(0);
/** Name of the record: TYPE, CLASS before it, RDLENGTH after it. */
const ttlBeforeRdata = 6;
const maxTtl = 0x7fff_ffff;
/** MINIMUM is the last field of the SOA. */
const minimumOctets = 4;

/**
 * Reads a response whole and strictly. Throws DnsFormatError for octets that are none, and for one that is truncated: it says
 * nothing to those who ask over a stream.
 */
export function storeAnswer(message: Buffer, bounds: KeepBounds): StoredAnswer {
  const walker = new MessageWalker(message);
  if ((walker.flags & 0x8000) === 0) throw new DnsFormatError('a query for an answer');
  if ((walker.flags & 0x0200) !== 0) throw new DnsFormatError('a truncated answer');
  if (walker.questionCount !== 1) throw new DnsFormatError('an answer without its question');
  walker.skipQuestion();
  const questionEnd = walker.offset;
  const ttlPlaces: number[] = [];
  const ttls: number[] = [];
  let least = maxTtl;
  let negativeSeconds = 0;
  let optStart = -1;
  let extendedErrors = none;
  let extendedRcode = 0;
  while (walker.next()) {
    if (walker.type === RrType.OPT) {
      optStart = walker.recordStart;
      extendedRcode = walker.ttl >>> 24;
      extendedErrors = errorsOf(walker);
      continue;
    }
    if (optStart !== -1) return storeAnswer(withoutOptInside(message), bounds);
    // RFC 2181 section 8: a TTL with the highest bit set counts as 0.
    const ttl = walker.ttl > maxTtl ? 0 : walker.ttl;
    ttlPlaces.push(walker.rdataStart - ttlBeforeRdata);
    ttls.push(ttl);
    if (ttl < least) least = ttl;
    if (walker.type === RrType.SOA && walker.section === 'authority')
      negativeSeconds = Math.min(ttl, message.readUInt32BE(walker.rdataEnd - minimumOctets));
  }
  const rcode = (extendedRcode << 4) | (walker.flags & 15);
  return {
    octets: optStart === -1 ? Buffer.from(message) : withoutLastRecord(message, optStart),
    questionEnd,
    ttlPlaces,
    ttls,
    rcode,
    keepSeconds: keepSeconds(rcode, walker.answerCount, least, negativeSeconds, bounds),
    extendedErrors,
  };
}

function keepSeconds(
  rcode: number,
  answers: number,
  least: number,
  negativeSeconds: number,
  { ttlMax, negativeMax, failure }: KeepBounds,
): number {
  if (rcode === Rcode.SERVFAIL) return failure;
  if (rcode === Rcode.NOERROR && answers > 0 && negativeSeconds === 0) return Math.min(least, ttlMax);
  // RFC 2308 section 5: without an SOA it is not kept. Aliases before a negative answer have TTLs of their own.
  if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN)
    return Math.min(least, negativeSeconds, negativeMax, ttlMax);
  return 0;
}

/** A copy: the message may be part of a larger buffer, which must not be kept for it. */
function withoutLastRecord(message: Buffer, start: number): Buffer {
  const octets = Buffer.from(message.subarray(0, start));
  octets.writeUInt16BE(octets.readUInt16BE(10) - 1, 10);
  return octets;
}

/** The rare way: the OPT record is not the last, and later names may point behind it. */
function withoutOptInside(octets: Buffer): Buffer {
  const { edns, ...message } = parseMessage(octets);
  const tail = edns === undefined ? {} : { edns };
  return encodeMessage({ ...message, ...tail });
}

/** The options with Extended DNS Errors, at most as many octets as `maxErrorOctets`, whole. */
function errorsOf(walker: MessageWalker): Buffer {
  if (walker.rdataStart === walker.rdataEnd) return none;
  const { options } = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
  const errors = options.filter(({ code, data }) => code === EdnsOptionCode.EXTENDED_ERROR && data.length >= 2);
  if (errors.length === 0) return none;
  const parts: Buffer[] = [];
  let room = maxErrorOctets;
  for (const { code, data } of errors) {
    room -= 4 + data.length;
    if (room < 0) break;
    const head = Buffer.alloc(4);
    head.writeUInt16BE(code, 0);
    head.writeUInt16BE(data.length, 2);
    parts.push(head, data);
  }
  return Buffer.concat(parts);
}

/** Octets of the words of others that are handed on with an answer. */
const maxErrorOctets = 512;
