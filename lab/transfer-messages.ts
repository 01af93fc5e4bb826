/**
 * The messages of a zone transfer, and the records that an incremental one consists of (RFC 5936 section 2.2,
 * RFC 1995 section 4).
 */
import { RrClass, RrType } from '../core/dns/constants.ts';
import type { Edns } from '../core/dns/edns.ts';
import type { Message, ResourceRecord } from '../core/dns/message.ts';
import { parseSoa } from '../core/dns/rdata.ts';
import { serialCompare } from '../core/dns/serial.ts';
import { MessageWriter } from '../core/dns/writer.ts';
import { udpPayloadSize } from './respond.ts';

/** What turned one version of a zone into the next. */
export interface Difference {
  readonly oldSoa: ResourceRecord;
  readonly removed: readonly ResourceRecord[];
  readonly newSoa: ResourceRecord;
  readonly added: readonly ResourceRecord[];
}

/** How a transfer is cut into messages. */
export interface MessageShape {
  /** Longest message in octets. */
  readonly octets: number;
  readonly recordsPerMessage: number;
}

/**
 * The records that answer an IXFR request of a client that has `clientSerial`: the current SOA alone when there is
 * nothing newer, the differences since then, or undefined when they are not known any more and a full transfer it is.
 */
export function incrementalRecords(
  soa: ResourceRecord,
  differences: readonly Difference[],
  clientSerial: number,
): ResourceRecord[] | undefined {
  if (serialCompare(clientSerial, serialOf(soa)) >= 0) return [soa];
  const first = differences.findIndex(({ oldSoa }) => serialOf(oldSoa) === clientSerial);
  if (first < 0) return undefined;
  const steps = differences.slice(first);
  // RFC 1995 section 4: oldest first; each is the old SOA, what goes, the new SOA, what comes.
  return [soa, ...steps.flatMap((step) => [step.oldSoa, ...step.removed, step.newSoa, ...step.added]), soa];
}

/** The serial that an IXFR request says its sender has: that of the SOA record in its authority section. */
export function clientSerial(query: Message): number | undefined {
  const soa = query.authorities.find(({ type }) => type === RrType.SOA);
  return soa && serialOf(soa);
}

export function serialOf(soa: ResourceRecord): number {
  return parseSoa(soa.rdata).serial;
}

/** Cuts records into messages, as many in each as fit. */
export function* transferMessages(
  query: Message,
  records: readonly ResourceRecord[],
  { octets, recordsPerMessage }: MessageShape,
): Generator<Buffer> {
  for (let next = 0; next < records.length;) {
    const isFirst = next === 0;
    let writer = beginMessage(query, isFirst, octets);
    let count = fill(writer, records, next, recordsPerMessage);
    if (count === 0) {
      // A record that is longer than the wanted size has a message to itself.
      writer = beginMessage(query, isFirst, undefined);
      count = fill(writer, records, next, 1);
    }
    if (count === 0) throw new RangeError('a record that fits no message');
    yield writer.finish();
    next += count;
  }
}

/** Adds records from `start` on, until the message is full or has `most`; returns how many. */
function fill(
  writer: MessageWriter,
  records: readonly ResourceRecord[],
  start: number,
  most: number,
): number {
  let count = 0;
  for (let record = records[start]; record !== undefined && count < most; record = records[start + count]) {
    if (!writer.tryAdd('answer', record)) break;
    count += 1;
  }
  return count;
}

function beginMessage(query: Message, isFirst: boolean, maxLength: number | undefined): MessageWriter {
  const { id, rd } = query.header;
  const writer = new MessageWriter({
    id,
    rd,
    qr: true,
    aa: true,
    ...(maxLength === undefined ? {} : { maxLength }),
  });
  // RFC 5936 sections 2.2.1 and 2.2.5: question and OPT in the first message; later ones may go without.
  if (!isFirst) return writer;
  if (query.edns !== undefined) writer.setEdns(answeringEdns);
  for (const question of query.questions) writer.addQuestion({ ...question, class: RrClass.IN });
  return writer;
}

const answeringEdns: Edns = { udpPayloadSize, version: 0, extendedRcode: 0, dnssecOk: false, options: [] };
