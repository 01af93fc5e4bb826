/**
 * The strict form of an UPDATE that comes in (RFC 2136 sections 2 and 3), and the refusal for what is none: everything that
 * can be said without knowing the zone, so that the primary gets nothing that it would have to find broken.
 *
 * Limitations: types that are not known are taken as they are (RFC 3597), where RFC 2136 section 3.4.1.2 has FORMERR. What
 * stands in the additional section is not passed on (section 2.6 leaves that to the server).
 *
 * Pure.
 */
import {
  EdeCode,
  MessageWalker,
  Opcode,
  parseMessage,
  parseOrNothing,
  Rcode,
  RrClass,
  RrType,
  type Message,
  type Name,
  type ResourceRecord,
} from '../../../core/index.ts';
import type { Refusal } from '../request/request.ts';

/** One line of the prerequisite or the update section, as the access list judges it. */
export interface UpdateRecord {
  readonly name: Name;
  /** ANY: all records of the name. Undefined: a condition. */
  readonly type: number | undefined;
}

export interface Update {
  readonly zone: Name;
  readonly message: Message;
  /** Conditions first, then what is added and deleted. */
  readonly records: readonly UpdateRecord[];
  /** Zone, prerequisites and updates as they came, without what stands in the additional section. */
  readonly body: Buffer;
}

export type ParsedUpdate =
  | { readonly update: Update }
  | {
      readonly update?: undefined;
      readonly message: Message;
      readonly refusal: Refusal;
      readonly zone?: Name;
    }
  /** Not to be answered, or octets whose header is all that can be read. */
  | { readonly update?: undefined; readonly message?: undefined; readonly formatError: boolean };

/** Reads one message. Total. @param maxRecords conditions and updates together */
export function readUpdate(octets: Buffer, maxRecords: number): ParsedUpdate {
  if (octets.length < 12 || (octets.readUInt8(2) & 0x80) !== 0) return { formatError: false };
  const message = parseOrNothing(octets, parseMessage);
  if (!message) return { formatError: true };
  const refuse = (refusal: Refusal): ParsedUpdate => ({ message, refusal });
  // RFC 6891 section 6.1.3.
  if (message.edns && message.edns.version > 0)
    return refuse({ rcode: Rcode.BADVERS, text: 'EDNS version 0 is spoken here' });
  if (message.header.opcode !== Opcode.UPDATE) return refuse(notUpdate);
  // RFC 2136 section 3.1.1: one zone, of type SOA.
  const [question] = message.questions;
  if (question?.type !== RrType.SOA || message.questions.length !== 1)
    return refuse(malformed('one zone, of type SOA, is expected'));
  if (question.class !== RrClass.IN) return refuse(otherClass);
  const zone = question.name;
  if (message.additionals.some(({ type }) => type === RrType.TSIG || type === RrType.SIG))
    return { message, zone, refusal: signed };
  if (message.answers.length + message.authorities.length > maxRecords)
    return { message, zone, refusal: tooLarge };
  const wrong =
    firstOf(message.answers, (record) => wrongCondition(record, zone)) ??
    firstOf(message.authorities, (record) => wrongUpdate(record, zone));
  if (wrong !== undefined) return { message, zone, refusal: wrong };
  const records = [
    ...message.answers.map(({ name }) => ({ name, type: undefined })),
    ...message.authorities.map(({ name, type }) => ({ name, type })),
  ];
  return { update: { zone, message, records, body: withoutAdditional(octets) } };
}

/** RFC 2136 section 3.2: what a condition may be. */
function wrongCondition(record: ResourceRecord, zone: Name): Refusal | undefined {
  const { name, class: rrClass, ttl, rdata } = record;
  if (ttl !== 0) return malformed(`the condition about ${name.toString()} has a TTL`);
  if (!name.isAtOrBelow(zone)) return notInZone(name);
  const isBare = rrClass === RrClass.ANY || rrClass === RrClass.NONE;
  if (isBare) {
    if (rdata.length > 0) return malformed(`the condition about ${name.toString()} has data`);
  } else if (rrClass !== RrClass.IN) return strangeClass(name);
  return isMeta(record) && !(isBare && record.type === RrType.ANY) ? strangeType(name) : undefined;
}

/** RFC 2136 section 3.4.1, the prescan. */
function wrongUpdate(record: ResourceRecord, zone: Name): Refusal | undefined {
  const { name, type, class: rrClass, ttl, rdata } = record;
  if (!name.isAtOrBelow(zone)) return notInZone(name);
  if (rrClass === RrClass.IN) return isMeta(record) ? strangeType(name) : undefined;
  if (rrClass !== RrClass.ANY && rrClass !== RrClass.NONE) return strangeClass(name);
  if (ttl !== 0) return malformed(`the deletion at ${name.toString()} has a TTL`);
  if (rrClass === RrClass.NONE) return isMeta(record) ? strangeType(name) : undefined;
  if (rdata.length > 0) return malformed(`the deletion of a whole set at ${name.toString()} has data`);
  return isMeta(record) && type !== RrType.ANY ? strangeType(name) : undefined;
}

/** Types that no record of a zone has (RFC 6895 section 3.1): questions, and parts of messages. */
function isMeta({ type }: ResourceRecord): boolean {
  return type === 0 || type === RrType.OPT || (type >= 128 && type <= 255);
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What comes before the additional section, with its count at 0. Names point backwards only, so they stay whole. */
function withoutAdditional(octets: Buffer): Buffer {
  const walker = new MessageWalker(octets);
  let end = octets.length;
  while (walker.next()) {
    if (walker.section !== 'additional') continue;
    end = walker.recordStart;
    break;
  }
  const body = Buffer.from(octets.subarray(0, end));
  // RFC 2136 section 2.2: of the flags only QR counts, which is clear.
  body.writeUInt16BE(Opcode.UPDATE << 11, 2);
  body.writeUInt16BE(0, 10);
  return body;
}

const notUpdate: Refusal = {
  rcode: Rcode.NOTIMP,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'only UPDATE is taken here',
};
const signed: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'TSIG and SIG(0) are not used here: the TLS certificate says who the client is',
};
const tooLarge: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'more records than one update may have here; send them in several',
};
const otherClass: Refusal = {
  rcode: Rcode.NOTAUTH,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'zones of class IN are served here',
};

function malformed(text: string): Refusal {
  return { rcode: Rcode.FORMERR, text };
}

function notInZone(name: Name): Refusal {
  return { rcode: Rcode.NOTZONE, text: `${name.toString()} is not in the zone` };
}

function strangeClass(name: Name): Refusal {
  return malformed(`the record at ${name.toString()} is not of class IN, ANY or NONE`);
}

function strangeType(name: Name): Refusal {
  return malformed(`the record at ${name.toString()} has a type that records of a zone do not have`);
}
