/**
 * Makes the messages that a client gets: our own refusals, and the primary's messages with the client's ID and an OPT
 * record of this hop.
 *
 * The OPT record is between two neighbours (RFC 6891 section 6.1.1), so the primary's is replaced. RFC 9103 section
 * 6.3.4: if the request had OPT, every message of the answer has it. What is meant for the far end is carried over:
 * the upper bits of the response code, Extended DNS Errors, and EXPIRE (RFC 7314). Pure.
 */
import {
  DnsFormatError,
  EdnsOptionCode,
  encodeMessage,
  encodeOpt,
  extendedError,
  findOption,
  keepalive,
  makeResponse,
  MessageWriter,
  paddingBlock,
  padTo,
  parseMessage,
  sectionsOf,
  type Edns,
  type EdnsOption,
  type Message,
} from '../../../core/index.ts';
import type { Refusal } from './request.ts';

/** What the gate says of itself in OPT; the size matters only over UDP, where we are not. */
const udpPayloadSize = 1232;
const longestMessageOctets = 65_535;
const headerCountOfAdditional = 10;
const responseFlag = 0x80;
/** An OPT record without options (RFC 6891 section 6.1.2). */
const bareOptOctets = 11;

/** How this client is answered: its ID and what its OPT record asks for. */
export interface ReplyStyle {
  readonly request: Message;
  /** Idle time that the gate grants; RFC 7828 section 3.3.2. */
  readonly idleTimeMs: number;
}

/** An answer of our own. */
export function refusalReply(style: ReplyStyle, refusal: Refusal): Buffer {
  const options = refusal.infoCode === undefined ? [] : [extendedError(refusal.infoCode, refusal.text)];
  // Without OPT in the request there is none in the reply (RFC 6891 section 7), and so no Extended DNS Error. The upper
  // bits of the response code are the OPT record's.
  const bare = encodeMessage(makeResponse(style.request, { rcode: refusal.rcode & 0xf }));
  return withOpt(bare, style, refusal.rcode >> 4, options) ?? bare;
}

/** FORMERR to octets of which only the header can be trusted (RFC 1035 section 4.1.1). */
export function formatErrorReply(octets: Buffer): Buffer {
  const reply = Buffer.alloc(12);
  octets.copy(reply, 0, 0, 2);
  // Keep opcode and RD, set QR and FORMERR.
  reply.writeUInt8((octets.readUInt8(2) & 0x79) | responseFlag, 2);
  reply.writeUInt8(1, 3);
  return reply;
}

/** Where the OPT record of a message of the primary begins, when it is the last record, as it is with all servers seen. */
export interface OptPlace {
  readonly start: number;
  readonly isLast: boolean;
  readonly edns: Edns;
}

/**
 * A message of the primary as the client gets it. Octets are changed in place or cut, not encoded again, unless the
 * message has to be split: then there are two.
 */
export function relayedReply(
  octets: Buffer,
  opt: OptPlace | undefined,
  style: ReplyStyle,
): readonly Buffer[] {
  const { request } = style;
  octets.writeUInt16BE(request.header.id, 0);
  if (!opt && !request.edns) return [octets];
  if (opt && !opt.isLast) return encodeAgain(octets, opt, style);
  const body = opt ? withoutLastRecord(octets, opt.start) : octets;
  if (!request.edns) return [body];
  const reply = withOpt(body, style, opt?.edns.extendedRcode ?? 0, carriedOver(opt?.edns));
  return reply ? [reply] : encodeAgain(octets, opt, style);
}

/**
 * The OPT record that the client gets with a message of the primary, without padding; empty if it has none in its request.
 *
 * @param edns of the message
 */
export function replyOpt({ request, idleTimeMs }: ReplyStyle, edns: Edns | undefined): Buffer {
  const asked = request.edns;
  if (!asked) return Buffer.alloc(0);
  const options = [...carriedOver(edns), ...ownOptions(asked, idleTimeMs)];
  return encodeOpt(plainEdns(asked, options, edns?.extendedRcode));
}

/** RFC 7828 section 3.3.2: we may say our timeout to whoever speaks EDNS; say it to those who use the option. */
function ownOptions(asked: Edns, idleTimeMs: number): readonly EdnsOption[] {
  return findOption(asked, EdnsOptionCode.TCP_KEEPALIVE) ? [keepalive(idleTimeMs)] : [];
}

function plainEdns(asked: Edns, options: readonly EdnsOption[], extendedRcode = 0): Edns {
  // RFC 6891 section 6.1.4: DO is copied from the request.
  return { udpPayloadSize, version: 0, dnssecOk: asked.dnssecOk, extendedRcode, options };
}

/** Cuts the last record, which begins at `start`, off the message; only the count in the header changes. */
function withoutLastRecord(octets: Buffer, start: number): Buffer {
  octets.writeUInt16BE(octets.readUInt16BE(headerCountOfAdditional) - 1, headerCountOfAdditional);
  return octets.subarray(0, start);
}

/**
 * Adds our OPT record at the end. Options are left out when there is no room for them; undefined when there is none
 * even for a bare one.
 */
export function withOpt(
  body: Buffer,
  style: ReplyStyle,
  extendedRcode: number,
  carried: readonly EdnsOption[],
): Buffer | undefined {
  const asked = style.request.edns;
  if (!asked) return body;
  const options = [...carried, ...ownOptions(asked, style.idleTimeMs)];
  // RFC 7830 section 4: padded answers for padded questions; RFC 8467 section 4.1: to multiples of 468 octets.
  const length = body.length + encodeOpt(plainEdns(asked, options)).length;
  const padded = findOption(asked, EdnsOptionCode.PADDING)
    ? [...options, padTo(length, paddingBlock.response)]
    : options;
  for (const choice of [padded, options, []]) {
    const opt = encodeOpt(plainEdns(asked, choice, extendedRcode));
    if (body.length + opt.length <= longestMessageOctets) {
      const reply = Buffer.concat([body, opt]);
      reply.writeUInt16BE(body.readUInt16BE(headerCountOfAdditional) + 1, headerCountOfAdditional);
      return reply;
    }
  }
  return undefined;
}

function carriedOver(edns: Edns | undefined): readonly EdnsOption[] {
  return (edns?.options ?? []).filter(
    ({ code }) => code === EdnsOptionCode.EXTENDED_ERROR || code === EdnsOptionCode.EXPIRE,
  );
}

/**
 * The rare way: the message is read and written again, split where it would be too long. A transfer may be cut into
 * messages anywhere (RFC 5936 section 2.2). Throws DnsFormatError for a record that leaves no room for an OPT record.
 */
function encodeAgain(octets: Buffer, opt: OptPlace | undefined, style: ReplyStyle): readonly Buffer[] {
  const message = parseMessage(octets);
  const parts: Buffer[] = [];
  const open = (): MessageWriter =>
    new MessageWriter({
      ...message.header,
      // The upper bits go into our OPT record, for which there is room.
      rcode: message.header.rcode & 0xf,
      maxLength: longestMessageOctets - bareOptOctets,
    });
  let writer = open();
  for (const question of message.questions) writer.addQuestion(question);
  for (const [section, records] of sectionsOf(message)) {
    for (const record of records) {
      if (writer.tryAdd(section, record)) continue;
      parts.push(writer.finish());
      writer = open();
      // To leave it out would make a zone that lacks it look whole.
      if (!writer.tryAdd(section, record))
        throw new DnsFormatError('a record with no room for OPT beside it');
    }
  }
  parts.push(writer.finish());
  const extendedRcode = opt?.edns.extendedRcode ?? 0;
  return parts.map((part) => withOpt(part, style, extendedRcode, carriedOver(opt?.edns)) ?? part);
}
