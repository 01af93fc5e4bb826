/** Requests and answers of zone transfers, for the tests of the xot gate. */
import { EdnsOptionCode, Opcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { findOption, parseExtendedError, type Edns, type EdnsOption } from '../../../core/dns/edns.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Header,
  type Message,
  type ResourceRecord,
} from '../../../core/dns/message.ts';
import { FrameReader } from '../../../core/dns/framing.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeSoa, encodeTxt } from '../../../core/dns/rdata.ts';
import type { GateReply } from '../../../core/plugin/contract.ts';
import { readRequest, type ZoneRequest } from '../../../plugins/xot/request/request.ts';

export const zone = Name.parse('example.com');

export function edns(...options: readonly EdnsOption[]): Edns {
  return { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options };
}

export function soa(serial: number, name: Name = zone): ResourceRecord {
  const rdata = encodeSoa({
    mname: Name.parse('ns1.example.com'),
    rname: Name.parse('hostmaster.example.com'),
    serial,
    refresh: 3600,
    retry: 600,
    expire: 86_400,
    minimum: 300,
  });
  return { name, type: RrType.SOA, class: RrClass.IN, ttl: 300, rdata };
}

export function address(label: string): ResourceRecord {
  return {
    name: zone.prepend(label),
    type: RrType.A,
    class: RrClass.IN,
    ttl: 300,
    rdata: encodeA('192.0.2.1'),
  };
}

/** A record with so many octets of RDATA. */
export function bulk(octets: number, name: Name = Name.root): ResourceRecord {
  const strings: Buffer[] = [];
  for (let left = octets; left > 0; left -= 256) strings.push(Buffer.alloc(Math.min(left, 256) - 1, 'x'));
  return { name, type: RrType.TXT, class: RrClass.IN, ttl: 300, rdata: encodeTxt(strings) };
}

export interface RequestFields {
  readonly type?: number;
  readonly id?: number;
  readonly name?: Name;
  readonly class?: number;
  /** IXFR: the serial that the client has. */
  readonly serial?: number;
  readonly edns?: Edns;
  readonly header?: Partial<Header>;
  readonly message?: Partial<Omit<Message, 'header'>>;
}

/** A request, AXFR of the zone unless said otherwise. */
export function request(fields: RequestFields = {}): Buffer {
  const { type = RrType.AXFR, id = 0x1234, name = zone, serial } = fields;
  const query = makeQuery({
    id,
    name,
    type,
    class: fields.class ?? RrClass.IN,
    ...(fields.edns && { edns: fields.edns }),
  });
  return encodeMessage({
    ...query,
    authorities: serial === undefined ? [] : [soa(serial, name)],
    ...fields.message,
    header: { ...query.header, opcode: Opcode.QUERY, ...fields.header },
  });
}

/** A request as the gate has read it. Throws for one that it does not relay. */
export function zoneRequest(fields: RequestFields = {}): ZoneRequest {
  const parsed = readRequest(request(fields));
  if (!parsed.request) throw new Error('the gate does not relay this');
  return parsed.request;
}

/** An answer to a query, with these records. */
export function answer(
  query: Message,
  answers: readonly ResourceRecord[],
  fields: Partial<Header> & { readonly edns?: Edns } = {},
): Buffer {
  return encodeMessage(makeResponse(query, { aa: true, answers, ...fields }));
}

export function parsed(octets: readonly Buffer[]): Message[] {
  return octets.map(parseMessage);
}

/** All messages of a reply. */
export async function collect(reply: GateReply): Promise<Message[]> {
  if (reply === undefined) return [];
  if (Buffer.isBuffer(reply)) return [parseMessage(reply)];
  const messages: Message[] = [];
  for await (const batch of reply) {
    const octets = Buffer.isBuffer(batch) ? new FrameReader().push(Buffer.from(batch)) : batch;
    messages.push(...octets.map(parseMessage));
  }
  return messages;
}

/** The Extended DNS Error of a message. */
export function edeOf(message: Message | undefined): { code: number; text: string } | undefined {
  const option = findOption(message?.edns, EdnsOptionCode.EXTENDED_ERROR);
  return option && parseExtendedError(option);
}
