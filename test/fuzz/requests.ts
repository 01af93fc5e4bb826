/** Requests and records that the fuzz tests are made of. */
import { EdnsOptionCode, RrClass, RrType } from '../../core/dns/constants.ts';
import type { EdnsOption } from '../../core/dns/edns.ts';
import { encodeMessage, makeQuery } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeSoa } from '../../core/dns/rdata.ts';

export const zone = 'example.com';
export const apex = Name.parse(zone);

/** An OPT record with these options. */
export function optWith(options: readonly EdnsOption[]): Required<Pick<Message, 'edns'>> {
  return { edns: { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk: true, options } };
}

export function padding(length: number): EdnsOption {
  return { code: EdnsOptionCode.PADDING, data: Buffer.alloc(length) };
}

/** The octets of a request about the zone. */
export function query(type: number, fields: Partial<Message> = {}): Buffer {
  return encodeMessage({ ...makeQuery({ id: 1, name: apex, type }), ...fields });
}

export function soaRecord(serial: number): ResourceRecord {
  const times = { refresh: 1, retry: 1, expire: 1, minimum: 1 };
  const rdata = encodeSoa({ mname: Name.root, rname: Name.root, serial, ...times });
  return { name: apex, type: RrType.SOA, class: RrClass.IN, ttl: 0, rdata };
}
