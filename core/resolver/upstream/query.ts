/**
 * The query that goes to a resolver, and whether a message answers it.
 *
 * A query says the question and nothing else that could tell who asks or why: no client subnet, no cookie, no other
 * option but padding where it is encrypted (RFC 8467).
 */
import { Opcode, RrClass } from '../../dns/constants.ts';
import { padTo, paddingBlock, type Edns } from '../../dns/edns.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../dns/message.ts';
import { Name } from '../../dns/name.ts';
import { parseOrNothing } from '../../dns/rdata.ts';
import { headerOctets } from '../../dns/walker.ts';

/** Octets of UDP payload that we take: what fits every path without fragments (RFC 9715 section 3.1). */
export const udpPayloadSize = 1232;

/** What is asked; the class is IN. */
export interface Asked {
  readonly name: Name;
  readonly type: number;
}

const edns: Edns = { udpPayloadSize, version: 0, dnssecOk: true, extendedRcode: 0, options: [] };

/** The query for the root name and type 0, into which those that are wanted are put. */
const emptyQuery = encodeMessage(queryFor(0, { name: Name.root, type: 0 }));

/**
 * The query of somebody who validates (RFC 4035 sections 4.9.1 and 4.9.2): DO asks for the DNSSEC records, CD for the data
 * even if the resolver thinks it bogus. AD is not asked for, because it is not believed.
 */
export function validatorsQuery(id: number, asked: Asked, options: { pad?: boolean } = {}): Buffer {
  const { wire } = asked.name;
  const octets = Buffer.allocUnsafe(emptyQuery.length - 1 + wire.length);
  const nameEnd = headerOctets + wire.length;
  emptyQuery.copy(octets, 0, 0, headerOctets);
  wire.copy(octets, headerOctets);
  emptyQuery.copy(octets, nameEnd, headerOctets + 1);
  octets.writeUInt16BE(id, 0);
  octets.writeUInt16BE(asked.type, nameEnd);
  if (options.pad !== true) return octets;
  // RFC 8467 section 4.1; RFC 7830 section 6: only where the transport encrypts.
  const padding = padTo(octets.length, paddingBlock.query);
  return encodeMessage({ ...queryFor(id, asked), edns: { ...edns, options: [padding] } });
}

function queryFor(id: number, { name, type }: Asked): Message {
  return makeQuery({ id, name, type, rd: true, cd: true, edns });
}

/** The message if it answers our question with our ID (RFC 5452 section 9.1); undefined for anything else. */
export function readAnswer(octets: Buffer, id: number, asked: Asked): Message | undefined {
  const message = readMessage(octets);
  return message?.header.id === id && answers(message, asked) ? message : undefined;
}

/** Whether octets that are no message may have been meant as the answer with this ID. */
export function isUnreadableAnswer(octets: Buffer, id: number): boolean {
  const isResponse =
    octets.length >= 12 && octets.readUInt16BE(0) === id && (octets.readUInt8(2) & 0x80) !== 0;
  return isResponse && readMessage(octets) === undefined;
}

/** The message, or undefined for octets that are none. */
export function readMessage(octets: Buffer): Message | undefined {
  return parseOrNothing(octets, parseMessage);
}

/** Whether a message is a response to exactly this question. */
export function answers({ header, questions }: Message, asked: Asked): boolean {
  const [echo] = questions;
  return (
    header.qr &&
    header.opcode === Opcode.QUERY &&
    questions.length === 1 &&
    echo?.type === asked.type &&
    echo.class === RrClass.IN &&
    echo.name.equals(asked.name)
  );
}
