/**
 * What belongs to the hop from the agent to a gate, and to no other: the options of EDNS that a query gets for it.
 *
 *  - edns-tcp-keepalive (RFC 7828 section 3.2.1): asks how long an idle connection may stay.
 *  - Padding to a multiple of 128 octets (RFC 7830, RFC 8467 section 4.1).
 *
 * Pure.
 */
import { EdnsOptionCode } from '../dns/constants.ts';
import { paddingBlock } from '../dns/edns.ts';

const optionHeaderOctets = 4;
/** Length of the RDATA of an OPT record without options, as it stands last in a query. */
const rdlengthOctets = 2;

/** The query with these options. Its last record is an OPT record without options (core/answer/messages.ts). */
export function hopQuery(query: Buffer): Buffer {
  const optionsAt = query.length;
  const paddingAt = optionsAt + optionHeaderOctets;
  const least = paddingAt + optionHeaderOctets;
  const octets = Buffer.alloc(Math.ceil(least / paddingBlock.query) * paddingBlock.query);
  query.copy(octets);
  octets.writeUInt16BE(octets.length - optionsAt, optionsAt - rdlengthOctets);
  octets.writeUInt16BE(EdnsOptionCode.TCP_KEEPALIVE, optionsAt);
  octets.writeUInt16BE(EdnsOptionCode.PADDING, paddingAt);
  octets.writeUInt16BE(octets.length - least, paddingAt + 2);
  return octets;
}
