/**
 * What `danced probe` asks a server that it has proved: an SOA record, and the whole zone.
 *
 * Limitations: the zone is counted and checked to be whole, not kept.
 */
import { randomInt } from 'node:crypto';
import type { DnsConnection } from '../core/client/dns-connection.ts';
import { EdnsOptionCode, Rcode, rcodeName, RrType } from '../core/dns/constants.ts';
import { findOption, parseExtendedError, type Edns } from '../core/dns/edns.ts';
import { DnsFormatError } from '../core/dns/errors.ts';
import { encodeMessage, makeQuery, parseMessage } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { parseOrNothing, parseSoa } from '../core/dns/rdata.ts';
import { MessageWalker } from '../core/dns/walker.ts';
import { TransferEnd, TransferFormatError } from '../core/xfr/stream-end.ts';

/** What came of a question. */
export interface Answered {
  /** Whether it is what was asked for. */
  readonly ok: boolean;
  /** As 'NOERROR'. */
  readonly rcode: string;
  readonly detail: string;
  /** Of the SOA record, if there was one. */
  readonly serial?: number;
  /** Records of a transfer. */
  readonly records?: number;
}

const edns: Edns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };

function query(zone: Name, type: number): Buffer {
  // Of the root a resolver may know; those that forward to it answer nothing without RD.
  const rd = zone.labelCount === 0;
  return encodeMessage(makeQuery({ id: randomInt(0x1_0000), name: zone, type, rd, edns }));
}

/** Asks for the SOA record. Rejects with NoAnswerError. */
export async function askSoa(connection: DnsConnection, zone: Name): Promise<Answered> {
  const reply = await connection.ask(query(zone, RrType.SOA));
  try {
    const { header, answers, edns: said } = parseMessage(reply);
    const rcode = rcodeName(header.rcode);
    const record = answers.find(({ type, name }) => type === RrType.SOA && name.equals(zone));
    const serial = record && parseOrNothing(record.rdata, parseSoa)?.serial;
    if (header.rcode !== Rcode.NOERROR) return { ok: false, rcode, detail: `${rcode}${errorsIn(said)}` };
    if (serial === undefined) return { ok: false, rcode, detail: 'no SOA record in the answer' };
    return { ok: true, rcode, serial, detail: `serial ${String(serial)}` };
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return {
      ok: false,
      rcode: rcodeName(Rcode.NOERROR),
      detail: `the answer is malformed: ${error.message}`,
    };
  }
}

/** Transfers the zone and counts. Rejects with NoAnswerError. */
export async function askTransfer(connection: DnsConnection, zone: Name): Promise<Answered> {
  const end = new TransferEnd();
  let messages = 0;
  let octets = 0;
  const stream = connection.askStream(query(zone, RrType.AXFR));
  for await (const message of stream) {
    messages += 1;
    octets += message.length;
    const fault = follow(message, end);
    if (fault !== undefined) {
      stream.finish();
      return { ...fault, records: end.records };
    }
    if (end.ended) stream.finish();
  }
  const size = `${String(messages)} message${messages === 1 ? '' : 's'}, ${String(octets)} octets`;
  const { serial, records } = end;
  const detail = `${String(records)} records, serial ${String(serial)}, in ${size}`;
  return {
    ok: true,
    rcode: rcodeName(Rcode.NOERROR),
    detail,
    records,
    ...(serial !== undefined && { serial }),
  };
}

/** Takes one message of a transfer; says what is wrong with it. */
function follow(message: Buffer, end: TransferEnd): Answered | undefined {
  const noError = rcodeName(Rcode.NOERROR);
  try {
    const walker = new MessageWalker(message);
    if ((walker.flags & 15) !== Rcode.NOERROR) {
      const { header, edns: said } = parseMessage(message);
      const rcode = rcodeName(header.rcode);
      return { ok: false, rcode, detail: `${rcode}${errorsIn(said)}` };
    }
    while (walker.next()) {
      if (walker.section !== 'answer') continue;
      const isSoa = walker.type === RrType.SOA;
      end.record(walker.type, isSoa ? parseSoa(walker.rdata()).serial : undefined);
    }
    end.messageEnd();
    if (end.records === 0) return { ok: false, rcode: noError, detail: 'no record in the answer' };
    return undefined;
  } catch (error) {
    if (!(error instanceof DnsFormatError || error instanceof TransferFormatError)) throw error;
    return { ok: false, rcode: noError, detail: error.message };
  }
}

/** What the server says about a refusal (RFC 8914), in brackets. Throws DnsFormatError. */
function errorsIn(said: Edns | undefined): string {
  const option = findOption(said, EdnsOptionCode.EXTENDED_ERROR);
  if (option === undefined) return '';
  const { code, text } = parseExtendedError(option);
  return ` (extended error ${String(code)}${text && `: ${text}`})`;
}
