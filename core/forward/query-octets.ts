/**
 * A query as it goes onto a stream: its length before it, the connection's ID in it; and on TLS padded to a multiple of 128
 * octets (RFC 8467 section 4.1) if it has an OPT record. One query of a connection may ask how long the server keeps
 * it open (RFC 7828 section 3.2.1).
 *
 * Limitations: options are added where the OPT record is the only record, as in all queries but signed ones (RFC 8945).
 */
import { EdnsOptionCode } from '../dns/constants.ts';
import { paddingBlock } from '../dns/edns.ts';
import { maxMessageOctets } from '../dns/walker.ts';
import { hasOption, optLengthAt, optStart } from './question.ts';

const optionHeaderOctets = 4;
const mostAddedOctets = 2 * optionHeaderOctets + paddingBlock.query;

/** What is added to the OPT record. */
export interface Additions {
  readonly pad: boolean;
  readonly keepalive: boolean;
}

/** Octets that `writeQuery` may take, at most. */
export function roomFor(query: Buffer): number {
  return 2 + query.length + mostAddedOctets;
}

/** Writes length and query; returns where it ended. `end`: see `questionEnd`. */
export function writeQuery(
  out: Buffer,
  start: number,
  query: Buffer,
  options: { readonly id: number; readonly end: number; readonly add: Additions },
): number {
  const { id, end, add } = options;
  const message = start + 2;
  out.set(query, message);
  let length = query.length;
  if (add.pad || add.keepalive) length = addOptions(out, message, query, { end, add });
  out[start] = length >> 8;
  out[start + 1] = length & 0xff;
  out[message] = id >> 8;
  out[message + 1] = id & 0xff;
  return message + length;
}

function addOptions(
  out: Buffer,
  message: number,
  query: Buffer,
  { end, add }: { readonly end: number; readonly add: Additions },
): number {
  const opt = optStart(query, end);
  if (opt === 0 || query.length + mostAddedOctets > maxMessageOctets) return query.length;
  let { length } = query;
  if (add.keepalive && !hasOption(query, opt, EdnsOptionCode.TCP_KEEPALIVE)) {
    out.writeUInt32BE(EdnsOptionCode.TCP_KEEPALIVE << 16, message + length);
    length += optionHeaderOctets;
  }
  // RFC 7830 section 3: once at most; RFC 8467 section 4.1: it is the last one.
  if (add.pad && !hasOption(query, opt, EdnsOptionCode.PADDING)) {
    const over = (length + optionHeaderOctets) % paddingBlock.query;
    const padding = over === 0 ? 0 : paddingBlock.query - over;
    out.writeUInt16BE(EdnsOptionCode.PADDING, message + length);
    out.writeUInt16BE(padding, message + length + 2);
    length += optionHeaderOctets + padding;
    out.fill(0, message + length - padding, message + length);
  }
  const lengthAt = optLengthAt(opt);
  out.writeUInt16BE(query.readUInt16BE(lengthAt) + length - query.length, message + lengthAt);
  return length;
}
