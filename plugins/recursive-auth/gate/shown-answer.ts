/**
 * What a class is shown of an answer, where it may not ask for every name: servers go on from an alias into other zones that they
 * have (RFC 1034 section 4.3.2), and add addresses that nobody asked for, so that the name of the question alone keeps no zone
 * from anybody.
 *
 *  - An alias to a name that is not for the class is where the answer ends, as if the server did not have that zone: what it
 *    leads to and the response code, which is that of the last name (RFC 6604 section 3), are not told.
 *  - Additional records of such names are left out, but for those of a delegation, without which it cannot be followed.
 *
 * Limitations: names stay where they are the data of others: targets of MX, SRV, NS and aliases, and the next names of NSEC records, without
 * which the proof would be none. Who hides names too takes NSEC3, and a zone of its own for them that has no delegation here.
 */
import {
  DnsFormatError,
  encodeMessage,
  parseMessage,
  parseName,
  parseOrNothing,
  Rcode,
  RrType,
  type Message,
  type ResourceRecord,
  type SourceFailure,
} from '../../../core/index.ts';
import type { NamesBelow } from './names-below.ts';

const headerOctets = 12;
const questionFieldOctets = 4;
/** Type, class, TTL and length of the data. */
const recordFieldOctets = 10;
/** RFC 1035 section 4.1.4: to the name of the question, which stands first. */
const pointerToQuestion = 0xc000 | headerOctets;

/** The answer as it is, if nothing of it is hidden; a failure if it cannot be read. */
export function shownAnswer(octets: Buffer, names: NamesBelow): Buffer | SourceFailure {
  if (isOfOneName(octets)) return octets;
  try {
    const answer = parseMessage(octets);
    const shown = shownOf(answer, names);
    return shown === answer ? octets : encodeMessage(shown);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return { failure: `the answer is malformed: ${error.message}`, isTimeout: false, kind: 'unusable' };
  }
}

/**
 * Whether all that the answer says is said of the name of the question, which has been looked at: most answers are so, and need
 * not be read. False if that is not plain at once.
 */
function isOfOneName(octets: Buffer): boolean {
  const size = octets.length;
  if (size < headerOctets || octets.readUInt16BE(4) !== 1) return false;
  let at = afterName(octets, headerOctets) + questionFieldOctets;
  const answers = octets.readUInt16BE(6);
  const authorityEnd = answers + octets.readUInt16BE(8);
  const records = authorityEnd + octets.readUInt16BE(10);
  for (let record = 0; record < records; record += 1) {
    const fields = afterName(octets, at);
    if (fields + recordFieldOctets > size) return false;
    const type = octets.readUInt16BE(fields);
    const isOfQuestion = fields === at + 2 && octets.readUInt16BE(at) === pointerToQuestion;
    if (record < answers) {
      if (!isOfQuestion || type === RrType.CNAME || type === RrType.DNAME) return false;
    } else if (record >= authorityEnd && type !== RrType.OPT) return false;
    at = fields + recordFieldOctets + octets.readUInt16BE(fields + recordFieldOctets - 2);
  }
  return at === size;
}

/** Where a name ends; beyond the message if it does not. */
function afterName(octets: Buffer, start: number): number {
  for (let at = start; at < octets.length;) {
    const length = octets[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
  return octets.length + 1;
}

function shownOf(answer: Message, names: NamesBelow): Message {
  const { header, answers, additionals } = answer;
  const isShown = ({ name }: ResourceRecord): boolean => names.hasName(name);
  if (!answers.every((record) => isShown(record) && !isAliasToHidden(record, names))) {
    return {
      ...answer,
      header: { ...header, rcode: Rcode.NOERROR },
      answers: answers.filter(isShown),
      authorities: answer.authorities.filter((record) => isShown(record) && isOfDenial(record)),
      additionals: [],
    };
  }
  if (isDelegation(answer) || additionals.every(isShown)) return answer;
  return { ...answer, additionals: additionals.filter(isShown) };
}

function isAliasToHidden({ type, rdata }: ResourceRecord, names: NamesBelow): boolean {
  // Of a DNAME the server makes the CNAME that counts (RFC 6672 section 3.1).
  if (type !== RrType.CNAME) return false;
  const target = parseOrNothing(rdata, parseName);
  return target === undefined || !names.hasName(target);
}

/** What proves that an answer is a wildcard's (RFC 4035 section 3.1.3.3): without it that is bogus. */
function isOfDenial({ type, rdata }: ResourceRecord): boolean {
  const covered = type === RrType.RRSIG && rdata.length > 1 ? rdata.readUInt16BE(0) : type;
  return covered === RrType.NSEC || covered === RrType.NSEC3;
}

function isDelegation({ header, answers, authorities }: Message): boolean {
  return !header.aa && answers.length === 0 && authorities.some(({ type }) => type === RrType.NS);
}
