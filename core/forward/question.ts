/**
 * Just as much of a message as forwarding needs: where the question ends, whether a message answers it, the OPT record of
 * a query and the keepalive in an answer. Octets only; nothing is allocated.
 *
 * Limitations: records are not checked; who uses an answer reads it with care (core/dns/walker.ts).
 */
import { EdnsOptionCode, RrType } from '../dns/constants.ts';
import { headerOctets } from '../dns/walker.ts';

const maxNameOctets = 255;
/** The root name, type, class and TTL of an OPT record; its RDLENGTH follows. */
const optFieldOctets = 9;
const optOctets = optFieldOctets + 2;

/** Where the only question of a query ends; 0 if it is no query with one whole question. */
export function questionEnd(query: Buffer): number {
  if (query.length < headerOctets || (query[2] ?? 0) & 0x80 || query.readUInt16BE(4) !== 1) return 0;
  let at = headerOctets;
  for (;;) {
    const length = query[at];
    // A pointer in the first name of a message would point to nothing.
    if (length === undefined || length > 63) return 0;
    at += length + 1;
    if (length === 0) break;
  }
  const isWhole = at - headerOctets <= maxNameOctets && at + 4 <= query.length;
  return isWhole ? at + 4 : 0;
}

/**
 * Whether a message is a response of the query's opcode to its question (RFC 5452 section 9.1, RFC 7766 section 7), the ID
 * aside. Upper and lower case are the same: some servers do not keep them (RFC 4343 section 4.1).
 *
 * @param end see `questionEnd`
 */
export function isAnswerTo(message: Buffer, query: Buffer, end: number): boolean {
  if (message.length < headerOctets) return false;
  const flags = message[2] ?? 0;
  // QR, and the four bits of the opcode.
  if ((flags & 0xf8) !== (0x80 | ((query[2] ?? 0) & 0x78))) return false;
  if (message[4] !== 0 || message[5] !== 1) return isBareError(message);
  if (message.length < end) return false;
  for (let at = headerOctets; at < end - 4; at++) {
    const octet = message[at] ?? 0;
    const asked = query[at] ?? 0;
    // Octets of length are below 64, letters above: only letters can differ in that one bit.
    if (octet !== asked && ((octet ^ asked) !== 0x20 || !isLetter(octet | 0x20))) return false;
  }
  for (let at = end - 4; at < end; at++) if (message[at] !== query[at]) return false;
  return true;
}

function isLetter(octet: number): boolean {
  return octet >= 0x61 && octet <= 0x7a;
}

/** An error without question and records, as of a server that could not read the query (RFC 1035 section 4.1.1). */
function isBareError(message: Buffer): boolean {
  const counts = message.readUInt16BE(4) + message.readUInt32BE(6);
  return counts === 0 && ((message[3] ?? 0) & 0xf) !== 0;
}

/** The response code of the header. */
export function rcodeOf(message: Buffer): number {
  return (message[3] ?? 0) & 0xf;
}

/** Whether an answer was cut. */
export function isTruncated(message: Buffer): boolean {
  return ((message[2] ?? 0) & 0x02) !== 0;
}

/** Where the OPT record of a query begins, if it is the only record, and whole; otherwise 0. */
export function optStart(query: Buffer, end: number): number {
  // No answer, no authority, one additional record.
  if (query.readUInt32BE(6) !== 0 || query.readUInt16BE(10) !== 1) return 0;
  const isOpt =
    end + optOctets <= query.length && query[end] === 0 && query.readUInt16BE(end + 1) === RrType.OPT;
  if (!isOpt) return 0;
  return end + optOctets + query.readUInt16BE(end + optFieldOctets) === query.length ? end : 0;
}

/** Where the RDLENGTH of an OPT record is. */
export function optLengthAt(start: number): number {
  return start + optFieldOctets;
}

/** Whether the OPT record at the end of a query has an option, or has octets that are none. */
export function hasOption(query: Buffer, start: number, code: number): boolean {
  for (let at = start + optOctets; at < query.length;) {
    if (at + 4 > query.length || query.readUInt16BE(at) === code) return true;
    at += 4 + query.readUInt16BE(at + 2);
  }
  return false;
}

/** The idle timeout in milliseconds that a server states in an answer (RFC 7828 section 3.1); -1 for none. */
export function keepaliveMs(answer: Buffer): number {
  const { length } = answer;
  if (length < headerOctets + optOctets || answer.readUInt16BE(10) === 0) return -1;
  // Nearly always the last record is an OPT without options.
  if (answer[length - 1] === 0 && answer[length - 2] === 0 && isOptAt(answer, length - optOctets)) return -1;
  return searchKeepalive(answer);
}

function isOptAt(answer: Buffer, at: number): boolean {
  return answer[at] === 0 && answer[at + 1] === 0 && answer[at + 2] === RrType.OPT;
}

/** Walks over the records; whatever is malformed is not heeded. */
function searchKeepalive(answer: Buffer): number {
  let at = headerOctets;
  for (let rest = answer.readUInt16BE(4); rest > 0; rest--) at = nameEnd(answer, at) + 4;
  let records = answer.readUInt16BE(6) + answer.readUInt16BE(8) + answer.readUInt16BE(10);
  for (; records > 0; records--) {
    const fields = nameEnd(answer, at);
    if (fields + 10 > answer.length) return -1;
    const end = fields + 10 + answer.readUInt16BE(fields + 8);
    if (end > answer.length) return -1;
    if (answer.readUInt16BE(fields) === RrType.OPT) return keepaliveIn(answer, fields + 10, end);
    at = end;
  }
  return -1;
}

function keepaliveIn(answer: Buffer, from: number, end: number): number {
  for (let at = from; at + 4 <= end;) {
    const length = answer.readUInt16BE(at + 2);
    const isKeepalive = answer.readUInt16BE(at) === EdnsOptionCode.TCP_KEEPALIVE && length === 2;
    if (isKeepalive && at + 6 <= end) return answer.readUInt16BE(at + 4) * 100;
    at += 4 + length;
  }
  return -1;
}

/** The octet after a name; past the message for one that has no end. */
function nameEnd(answer: Buffer, start: number): number {
  for (let at = start; at < answer.length;) {
    const length = answer[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
  return answer.length + 1;
}
