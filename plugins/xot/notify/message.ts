/**
 * NOTIFY messages (RFC 1996): the one that tells of a change, and what an answer to it says.
 *
 * Pure.
 */
import { randomInt } from 'node:crypto';
import {
  encodeMessage,
  makeQuery,
  Opcode,
  parseMessage,
  parseOrNothing,
  RrClass,
  RrType,
  type Message,
  type Name,
  type ResourceRecord,
} from '../../../core/index.ts';

/** RFC 1035 section 4.2.1: what every server takes by UDP. */
const udpOctets = 512;

/**
 * Tells that a zone has changed (RFC 1996 section 4.5), with a random ID. The new SOA is a hint, which is left out where it
 * would make the message too long for UDP (section 3.4).
 */
export function notifyMessage(zone: Name, soa: ResourceRecord): Buffer {
  const query = makeQuery({ id: randomInt(0x10000), name: zone, type: RrType.SOA });
  const bare: Message = { ...query, header: { ...query.header, opcode: Opcode.NOTIFY, aa: true } };
  const whole = encodeMessage({ ...bare, answers: [soa] });
  return whole.length <= udpOctets ? whole : encodeMessage(bare);
}

/**
 * The response code of an answer; undefined for octets that are no answer to the message (RFC 1996 section 3.6: same ID
 * and question). An error may come without its question. Total.
 */
export function readNotifyAnswer(octets: Buffer, message: Buffer, zone: Name): number | undefined {
  const answer = parseOrNothing(octets, parseMessage);
  if (!answer) return undefined;
  const { header, questions } = answer;
  if (!header.qr || header.id !== message.readUInt16BE(0) || header.opcode !== Opcode.NOTIFY)
    return undefined;
  const [question] = questions;
  if (question === undefined) return header.rcode === 0 ? undefined : header.rcode;
  const isSame =
    questions.length === 1 &&
    question.type === RrType.SOA &&
    question.class === RrClass.IN &&
    question.name.equals(zone);
  return isSame ? header.rcode : undefined;
}
