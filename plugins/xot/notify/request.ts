/**
 * The strict form of a NOTIFY that comes in (RFC 1996 section 3), and the refusal for what is none.
 *
 * The SOA record in it is a hint and nothing more (section 3.7): it never changes what is served.
 *
 * Pure.
 */
import {
  EdeCode,
  Opcode,
  parseMessage,
  parseOrNothing,
  parseSoa,
  Rcode,
  RrClass,
  RrType,
  type Message,
  type Name,
} from '../../../core/index.ts';
import type { Refusal } from '../request/request.ts';

export interface Notify {
  readonly zone: Name;
  /** What the sender says to have; unproved. */
  readonly serial: number | undefined;
  readonly message: Message;
  /** Whether it has a TSIG record, which was not looked at. */
  readonly isSigned: boolean;
}

export type ParsedNotify =
  | { readonly notify: Notify }
  | { readonly notify?: undefined; readonly message: Message; readonly refusal: Refusal }
  /** Not to be answered, or octets whose header is all that can be read. */
  | { readonly notify?: undefined; readonly message?: undefined; readonly formatError: boolean };

/** The opcode, of octets that are at least a header (RFC 1035 section 4.1.1). */
export function opcodeOf(octets: Buffer): number {
  return (octets.readUInt8(2) >> 3) & 15;
}

/** Bits of the header that a NOTIFY has at 0: all but QR, opcode and AA (RFC 1996 sections 3.2 and 4.7). */
const zeroBits = 0x03ff;

/** Reads one message. Total. */
export function readNotify(octets: Buffer): ParsedNotify {
  if (octets.length < 12 || (octets.readUInt8(2) & 0x80) !== 0) return { formatError: false };
  const isNotify = opcodeOf(octets) === Opcode.NOTIFY;
  // RFC 1996 section 3.2: what has more in its header is ignored.
  if (isNotify && (octets.readUInt16BE(2) & zeroBits) !== 0) return { formatError: false };
  const message = parseOrNothing(octets, parseMessage);
  if (!message) return { formatError: true };
  const refuse = (refusal: Refusal): ParsedNotify => ({ message, refusal });
  // RFC 6891 section 6.1.3.
  if (message.edns && message.edns.version > 0)
    return refuse({ rcode: Rcode.BADVERS, text: 'EDNS version 0 is spoken here' });
  if (!isNotify) return refuse(notNotify);
  const [question] = message.questions;
  if (!question || message.questions.length !== 1)
    return refuse({ rcode: Rcode.FORMERR, text: 'one question is expected' });
  // RFC 1996 section 3.11: the only event there is.
  if (question.type !== RrType.SOA || question.class !== RrClass.IN) return refuse(unknownEvent);
  const zone = question.name;
  // Authority and additional records are ignored (section 3.9), but not that somebody has signed the message.
  const isSigned = message.additionals.some(({ type }) => type === RrType.TSIG);
  return { notify: { zone, serial: hintOf(message, zone), message, isSigned } };
}

const notNotify: Refusal = {
  rcode: Rcode.NOTIMP,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'only NOTIFY is taken here',
};
const unknownEvent: Refusal = {
  rcode: Rcode.NOTIMP,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'NOTIFY is about the SOA record of a zone',
};

/** The serial of the SOA record in the answer section, if that is all there is. */
function hintOf({ answers }: Message, zone: Name): number | undefined {
  const [soa] = answers;
  const isHint =
    answers.length === 1 && soa?.type === RrType.SOA && soa.class === RrClass.IN && soa.name.equals(zone);
  return isHint ? parseSoa(soa.rdata).serial : undefined;
}
