/**
 * Answers in clear, for what is different from those over TLS: options, and what fits into a datagram: a whole reply if it does, else the SOA record alone, else nothing but the TC bit, which makes the
 * client come by TCP (RFC 1035 section 4.1.1). An IXFR by UDP gets the SOA record alone in any case (RFC 1995 section 2).
 *
 * Pure.
 */
import {
  EdnsOptionCode,
  encodeMessage,
  makeResponse,
  parseMessage,
  RrType,
  type Message,
  type PlainSource,
  type ResourceRecord,
} from '../../../core/index.ts';
import { relayedReply, type ReplyStyle } from './reply.ts';

/** RFC 1035 section 4.2.1: what every client takes. */
const leastOctets = 512;

/** Octets that the client takes (RFC 6891 section 6.2.3), at most `mostOctets`. */
export function udpOctets({ edns }: Message, mostOctets: number): number {
  return Math.min(Math.max(edns?.udpPayloadSize ?? 0, leastOctets), mostOctets);
}

/** The reply as it is, or what of it fits. */
export function fitted(reply: Buffer, style: ReplyStyle, mostOctets: number): Buffer {
  if (reply.length <= mostOctets) return reply;
  const { header, answers } = parseMessage(reply);
  return soaReply(style, header, answers, mostOctets);
}

/**
 * The answer to an IXFR, made of that to an SOA query: our version, which the client compares with its own.
 *
 * @param style with the IXFR as its request
 */
export function ixfrReply(soaAnswer: Buffer, style: ReplyStyle, mostOctets: number): Buffer {
  const { header, answers } = parseMessage(soaAnswer);
  return soaReply(style, header, answers, mostOctets);
}

function soaReply(
  style: ReplyStyle,
  { aa, rcode }: Message['header'],
  records: readonly ResourceRecord[],
  mostOctets: number,
): Buffer {
  const { request } = style;
  const answers = records.filter(({ type }) => type === RrType.SOA).slice(0, 1);
  const reply = withOpt(encodeMessage(makeResponse(request, { aa, rcode: rcode & 0xf, answers })), style);
  if (reply.length <= mostOctets) return reply;
  return withOpt(encodeMessage(makeResponse(request, { aa, rcode: rcode & 0xf, tc: true })), style);
}

function withOpt(bare: Buffer, style: ReplyStyle): Buffer {
  return relayedReply(bare, undefined, style)[0] ?? bare;
}

/**
 * The request without the options that have no place here. RFC 7830 section 6: nothing is padded that is not encrypted. RFC 7828
 * section 3.2.1: by UDP there is no keepalive.
 */
export function unencrypted(message: Message, { isStream }: Pick<PlainSource, 'isStream'>): Message {
  const { edns } = message;
  if (edns === undefined) return message;
  const options = edns.options.filter(
    ({ code }) => code !== EdnsOptionCode.PADDING && (isStream || code !== EdnsOptionCode.TCP_KEEPALIVE),
  );
  return { ...message, edns: { ...edns, options } };
}
