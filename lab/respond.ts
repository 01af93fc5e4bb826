/**
 * What every server of the lab does with a message before and after it knows the answer: reading it, the OPT record
 * of the response, and the size that the transport allows.
 */
import { Rcode } from '../core/dns/constants.ts';
import { DnsFormatError } from '../core/dns/errors.ts';
import type { EdnsOption } from '../core/dns/edns.ts';
import { encodeMessage, makeResponse, parseMessage } from '../core/dns/message.ts';
import type { Header, Message, ResourceRecord } from '../core/dns/message.ts';
import { MessageWriter } from '../core/dns/writer.ts';
import type { MessageHandler } from './servers.ts';

/** What our servers say they can take over UDP: the size that no path fragments (RFC 9715 section 3.1). */
export const udpPayloadSize = 1232;
/** RFC 1035 section 4.2.1: the limit over UDP for those who do not say more by EDNS. */
const plainUdpLimit = 512;

/** What differs from an empty answer with response code 0. */
export interface ResponseFields extends Partial<Omit<Header, 'id' | 'qr' | 'opcode' | 'rd' | 'cd'>> {
  readonly answers?: readonly ResourceRecord[];
  readonly authorities?: readonly ResourceRecord[];
  readonly additionals?: readonly ResourceRecord[];
  readonly ednsOptions?: readonly EdnsOption[];
}

/** A response to a query; it has an OPT record if and only if the query had one (RFC 6891 section 6.1.1). */
export function respondTo(query: Message, { ednsOptions = [], ...fields }: ResponseFields): Message {
  if (query.edns === undefined) return makeResponse(query, fields);
  const { dnssecOk } = query.edns;
  const edns = { udpPayloadSize, version: 0, extendedRcode: 0, dnssecOk, options: ednsOptions };
  return makeResponse(query, { ...fields, edns });
}

/** A handler of octets made of one that answers a message with a message, or with none to stay silent. */
export function answerEach(
  respond: (query: Message) => Message | undefined | Promise<Message | undefined>,
): MessageHandler {
  return async (octets, requester) => {
    const query = readQuery(octets);
    if (Buffer.isBuffer(query)) {
      await requester.send(query);
      return;
    }
    const response = query && (await respond(query));
    if (response === undefined || query === undefined) return;
    await requester.send(
      requester.transport === 'tcp' ? encodeMessage(response) : encodeForUdp(query, response),
    );
  };
}

/** A query; or the FORMERR to send for octets that are none; or nothing, for a response, which is not answered. */
export function readQuery(octets: Buffer): Message | Buffer | undefined {
  try {
    const message = parseMessage(octets);
    return message.header.qr ? undefined : message;
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    const isResponse = octets.length < 4 || (octets.readUInt8(2) & 0x80) !== 0;
    if (isResponse) return undefined;
    return new MessageWriter({ id: octets.readUInt16BE(0), qr: true, rcode: Rcode.FORMERR }).finish();
  }
}

/** RFC 2181 section 9: what does not fit is left out, with TC set; the client asks again over TCP. */
function encodeForUdp(query: Message, response: Message): Buffer {
  const asked = query.edns?.udpPayloadSize ?? plainUdpLimit;
  const maxLength = Math.min(Math.max(asked, plainUdpLimit), udpPayloadSize);
  const whole = encodeMessage(response);
  if (whole.length <= maxLength) return whole;
  const header = { ...response.header, tc: true };
  return encodeMessage({ ...response, header, answers: [], authorities: [], additionals: [] });
}
