/**
 * Small messages around a question: the query that is sent on, and the answers that are errors.
 *
 * Pure.
 */
import { encodeOptions, extendedError } from '../dns/edns.ts';
import { headerOctets } from '../dns/walker.ts';
import type { QueryReader } from './query-reader.ts';
import { udpPayloadSize, type ReplyTo } from './reply.ts';
import type { Answer } from './answer.ts';

const optOctets = 11;
const optType = 41;
const recursionDesired = 0x01;
/** AD asks for AD (RFC 6840 section 5.7); who did not ask for it does not get it (reply.ts). */
const authenticData = 0x20;
const checkingDisabled = 0x10;

export interface ForwardedAs {
  /** Whether the option EDNS Client Subnet is passed on (RFC 7871 section 11.1 would have it never); not if not said. */
  readonly withClientSubnet?: boolean;
  /** Whether RD and AD are as they were, as authoritative servers are asked; if not said, RD and AD are set. */
  readonly keepsFlags?: boolean;
}

/**
 * The query that is forwarded for what a reader has read: the question, CD and DO as they were, and nothing else of
 * it: options of EDNS belong to one hop, and tell of who asks. Its ID is 0.
 */
export function forwardedQuery(
  reader: QueryReader,
  { withClientSubnet = false, keepsFlags = false }: ForwardedAs = {},
): Buffer {
  const questionOctets = reader.questionEnd - reader.questionStart;
  const subnet = withClientSubnet && reader.clientSubnetAt >= 0 ? reader.clientSubnetOctets : 0;
  const query = Buffer.allocUnsafe(headerOctets + questionOctets + optOctets + subnet);
  const at = headerOctets + questionOctets;
  for (let each = 0; each < headerOctets; each += 1) query[each] = 0;
  query[2] = keepsFlags ? (reader.flags >>> 8) & recursionDesired : recursionDesired;
  query[3] =
    (keepsFlags ? reader.flags & authenticData : authenticData) |
    (reader.checkingDisabled ? checkingDisabled : 0);
  query[5] = 1;
  query[11] = 1;
  const { octets, questionStart } = reader;
  for (let each = 0; each < questionOctets; each += 1)
    query[headerOctets + each] = octets[questionStart + each]!;
  for (let each = at; each < at + optOctets; each += 1) query[each] = 0;
  query[at + 2] = optType;
  query[at + 3] = udpPayloadSize >>> 8;
  query[at + 4] = udpPayloadSize & 0xff;
  query[at + 7] = reader.dnssecOk ? 0x80 : 0;
  query[at + 9] = subnet >>> 8;
  query[at + 10] = subnet;
  if (subnet > 0) {
    const { clientSubnetAt: from } = reader;
    octets.copy(query, at + optOctets, from, from + subnet);
  }
  return query;
}

/** What is kept of a query for its reply, in octets of its own. */
export function keepReplyTo(reader: QueryReader): ReplyTo {
  const { questionStart, questionEnd } = reader;
  const octets = Buffer.from(reader.octets.subarray(questionStart, questionEnd));
  return {
    id: reader.id,
    flags: reader.flags,
    octets,
    questionStart: 0,
    questionEnd: octets.length,
    hasEdns: reader.hasEdns,
    dnssecOk: reader.dnssecOk,
    wantsKeepalive: reader.wantsKeepalive,
    wantsPadding: reader.wantsPadding,
  };
}

/**
 * An answer without records: a response code, with an Extended DNS Error (RFC 8914) for who speaks EDNS.
 *
 * @param to a question that could not be read has no octets here
 */
export function errorAnswer(
  to: Pick<ReplyTo, 'flags' | 'questionStart' | 'questionEnd'>,
  rcode: number,
  error?: { readonly infoCode: number; readonly text?: string | undefined },
): Answer {
  const questionOctets = to.questionEnd - to.questionStart;
  const octets = Buffer.alloc(headerOctets + questionOctets);
  // The opcode is that of the query (RFC 1035 section 4.1.1).
  octets[2] = (to.flags >>> 8) & 0x78;
  octets[5] = questionOctets > 0 ? 1 : 0;
  const errors = error === undefined ? none : encodeOptions([extendedError(error.infoCode, error.text)]);
  return {
    octets,
    start: 0,
    length: octets.length,
    rcode,
    places: noPlaces,
    placesAt: 0,
    placeCount: 0,
    errors,
    errorsAt: 0,
    errorsLength: errors.length,
  };
}

const none: Buffer = Buffer.alloc(0);
const noPlaces = new Uint16Array(0);
