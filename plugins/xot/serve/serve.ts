/**
 * SOA, AXFR and IXFR from a zone that is kept (RFC 5936, RFC 1995). The primary is not asked, but for whether there is news.
 *
 * A whole zone is its SOA record, the stored messages as they are, and the SOA record again, which leaves by itself: NSD as a
 * secondary overlooks what shares a TLS record with the message before it. Differences are given as long as they are shorter
 * than the zone (RFC 1995 section 5).
 *
 * Limitations: the question in all messages but the first is written as the zone is configured, whatever its case in the request.
 */
import {
  condense,
  differencesOctets,
  EdnsOptionCode,
  encodeMessage,
  findOption,
  makeResponse,
  openMessage,
  parseMessage,
  Rcode,
  renderRecords,
  RrType,
  serialCompare,
  type Differences,
  type EdnsOption,
  type ReplyBatch,
  type ResourceRecord,
  type StoredMessage,
  type ZoneVersion,
} from '../../../core/index.ts';
import { worthOctets } from '../cache/history.ts';
import type { KeptZone } from '../cache/kept-zone.ts';
import { clientGone, emptyReport, type RelayReport } from '../relay/report.ts';
import { refusalReply, withOpt, type ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import { Chunk } from './chunk.ts';
import { notServed } from './not-served.ts';

const headerOctets = 12;
/** So long may be the only stored message of a zone that is given in one message with its SOA records. */
const shortOctets = 12_000;

export interface ServeOptions {
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly zone: KeptZone;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

/** Answers an SOA query; what it says is what a transfer would give. */
export async function serveSoa({ request, style, zone, signal, onEnd }: ServeOptions): Promise<Buffer> {
  const report = emptyReport();
  try {
    const version = await zone.fresh(signal);
    if (version === undefined) return refuse(zone, style, report);
    const reply = loneSoa(request, style, zone, version);
    report.outcome = 'complete';
    report.serial = version.serial;
    count(report, reply, 1);
    return reply;
  } finally {
    onEnd(report);
  }
}

/** Answers AXFR or IXFR, as fast as the client takes it. */
export async function* serveTransfer(options: ServeOptions): AsyncGenerator<ReplyBatch, void, undefined> {
  const { request, style, zone, signal, onEnd } = options;
  const report = emptyReport();
  try {
    const version = await zone.fresh(signal);
    if (version === undefined) {
      yield [refuse(zone, style, report)];
      return;
    }
    // What ends it from here on is the client.
    report.serial = version.serial;
    report.reason = clientGone;
    const { clientSerial } = request;
    if (clientSerial !== undefined && !(serialCompare(version.serial, clientSerial) > 0)) {
      // RFC 1995 section 2: who has this version, or a newer one, gets one SOA record.
      const reply = loneSoa(request, style, zone, version);
      report.form = 'up-to-date';
      count(report, reply, 1);
      yield [reply];
    } else {
      const steps = clientSerial === undefined ? undefined : shortest(zone.steps(clientSerial), version);
      report.form = steps === undefined ? 'whole' : 'incremental';
      const answer =
        steps === undefined ? await wholeZone(request, version) : incremental(request, version, steps);
      yield* send(options, answer, report);
    }
    report.outcome = 'complete';
    report.reason = '';
  } finally {
    onEnd(report);
  }
}

/** RFC 1995 section 5: differences that are longer than the zone are of no use; some are shorter when they are one step. */
function shortest(
  steps: readonly Differences[] | undefined,
  version: ZoneVersion,
): readonly Differences[] | undefined {
  if (steps === undefined) return undefined;
  const most = worthOctets(version);
  if (differencesOctets(steps) <= most) return steps;
  const condensed = [condense(steps)];
  return differencesOctets(condensed) <= most ? condensed : undefined;
}

/** The messages of an answer. */
interface Answer {
  /** With the ID of the request; says how long the zone counts. */
  readonly first: Buffer;
  readonly middle: readonly StoredMessage[];
  /** With the ID of the request. */
  readonly last: Buffer | undefined;
}

/**
 * A short zone is one message. So is the SOA record in answer to IXFR with what follows it: Unbound as a secondary (seen with 1.17)
 * takes a first message that holds nothing else for the end.
 */
async function wholeZone(request: ZoneRequest, version: ZoneVersion): Promise<Answer> {
  const { soa, messages } = version;
  const [head, ...rest] = messages;
  const isShort = head === undefined || (rest.length === 0 && head.length < shortOctets);
  if (!isShort && request.kind === 'AXFR') {
    const message = soaMessage(request, soa);
    return { first: message, middle: messages, last: message };
  }
  const records = head === undefined ? [] : parseMessage(await openMessage(head)).answers;
  if (isShort) return answerOf(request, renderRecords(request.zone, RrType.IXFR, [soa, ...records, soa]));
  const beginning = renderRecords(request.zone, RrType.IXFR, [soa, ...records]);
  return answerOf(request, [...beginning, ...rest, soaMessage(request, soa)]);
}

function incremental(request: ZoneRequest, version: ZoneVersion, steps: readonly Differences[]): Answer {
  return answerOf(request, renderRecords(request.zone, RrType.IXFR, ixfrRecords(version, steps)));
}

/** @param messages with a question each, of which the first and the last are written to */
function answerOf(request: ZoneRequest, messages: readonly StoredMessage[]): Answer {
  const first = messages[0] as Buffer;
  const last = messages.length > 1 ? (messages.at(-1) as Buffer) : undefined;
  for (const message of [first, last]) {
    message?.writeUInt16BE(request.message.header.id, 0);
    // A message of a whole zone may have been written as an answer to IXFR.
    message?.writeUInt16BE(RrType[request.kind], headerOctets + request.zone.wire.length);
  }
  return { first, middle: messages.slice(1, -1), last };
}

function octetsOf(messages: readonly StoredMessage[]): number {
  return messages.reduce((sum, { length }) => sum + length, 0);
}

async function* send(
  { request, style, zone }: ServeOptions,
  { first, middle, last }: Answer,
  report: RelayReport,
): AsyncGenerator<ReplyBatch, void, undefined> {
  const chunk = new Chunk(request, style, octetsOf(middle));
  const records = (message: Buffer): number => message.readUInt16BE(6);
  const opening = withOpt(first, style, 0, expireOption(request, zone)) ?? first;
  count(report, opening, records(first));
  chunk.addAsIs(opening);
  for (const stored of middle) {
    const message = Buffer.isBuffer(stored) ? stored : await openMessage(stored);
    if (!chunk.add(message)) {
      yield chunk.take();
      chunk.add(message);
    }
    count(report, message, records(message));
  }
  yield chunk.take();
  if (last === undefined) return;
  const closing = withOpt(last, style, 0, []) ?? last;
  count(report, closing, records(last));
  yield [closing];
}

/** RFC 1995 section 4. */
function* ixfrRecords(version: ZoneVersion, steps: readonly Differences[]): Generator<ResourceRecord> {
  yield version.soa;
  for (const { from, to, deleted, added } of steps) {
    yield from;
    yield* deleted;
    yield to;
    yield* added;
  }
  yield version.soa;
}

function loneSoa(request: ZoneRequest, style: ReplyStyle, zone: KeptZone, { soa }: ZoneVersion): Buffer {
  const message = soaMessage(request, soa);
  return withOpt(message, style, 0, expireOption(request, zone)) ?? message;
}

function soaMessage({ message }: ZoneRequest, soa: ResourceRecord): Buffer {
  return encodeMessage(makeResponse(message, { aa: true, answers: [soa] }));
}

/** RFC 7314 section 2: to whom asks for it, how long the zone may be served without us. */
function expireOption({ message }: ZoneRequest, zone: KeptZone): readonly EdnsOption[] {
  if (findOption(message.edns, EdnsOptionCode.EXPIRE) === undefined) return [];
  const data = Buffer.alloc(4);
  data.writeUInt32BE(Math.min(zone.expireSeconds, 0xffff_ffff));
  return [{ code: EdnsOptionCode.EXPIRE, data }];
}

function refuse(zone: KeptZone, style: ReplyStyle, report: RelayReport): Buffer {
  const reply = refusalReply(style, notServed(zone.problem));
  report.outcome = 'failed';
  report.rcode = Rcode.SERVFAIL;
  report.reason = zone.problem?.words ?? 'the zone has not been loaded yet';
  count(report, reply, 0);
  return reply;
}

function count(report: RelayReport, message: Buffer, records: number): void {
  report.messages++;
  report.octets += message.length;
  report.records += records;
}
