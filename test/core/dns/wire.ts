/**
 * Messages by hand, octet for octet, for what no writer would write.
 */
import { expect } from 'chai';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { MessageWalker } from '../../../core/dns/walker.ts';

/** A header with these counts; flags 0x8000 (a response) unless said otherwise. */
export function header(counts: {
  qd?: number;
  an?: number;
  ns?: number;
  ar?: number;
  flags?: number;
}): Buffer {
  const octets = Buffer.alloc(12);
  const { qd = 0, an = 0, ns = 0, ar = 0, flags = 0x8000 } = counts;
  [0x1234, flags, qd, an, ns, ar].forEach((value, index) => octets.writeUInt16BE(value, index * 2));
  return octets;
}

/** A record; the owner as text or as octets, RDLENGTH the length of the RDATA unless it shall lie. */
export function record(fields: {
  owner?: string | Buffer;
  type: number;
  class?: number;
  ttl?: number;
  rdata: string | Buffer;
  rdlength?: number;
}): Buffer {
  const { owner = '.', class: rrClass = 1, ttl = 300 } = fields;
  const rdata = typeof fields.rdata === 'string' ? hex(fields.rdata) : fields.rdata;
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(fields.type, 0);
  fixed.writeUInt16BE(rrClass, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(fields.rdlength ?? rdata.length, 8);
  return Buffer.concat([typeof owner === 'string' ? Name.parse(owner).wire : owner, fixed, rdata]);
}

/** A message of answer records only. */
export function answers(...records: Buffer[]): Buffer {
  return Buffer.concat([header({ an: records.length }), ...records]);
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** A compression pointer. */
export function pointer(offset: number): Buffer {
  return Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);
}

/** Both ways of reading must agree: the whole message, and the cursor that looks at nothing. */
export function refuse(message: Buffer, words: RegExp): void {
  expect(() => parseMessage(message)).to.throw(DnsFormatError, words);
  expect(() => walk(message)).to.throw(DnsFormatError, words);
}

/** Number of records that the cursor passes. */
export function walk(message: Buffer): number {
  const walker = new MessageWalker(message);
  let count = 0;
  while (walker.next()) count += 1;
  return count;
}
