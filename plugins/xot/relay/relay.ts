/**
 * One transfer from the primary on its way to the client, message by message.
 *
 * Every message is walked strictly and is checked to be the answer to our query, so that what a client gets is
 * well-formed, and the end of a transfer is known by its records and not by the primary closing the connection. When
 * the primary fails in mid-transfer the client gets SERVFAIL with the reason (RFC 5936 section 2.2: an error ends the
 * session), so no secondary takes a part for the whole.
 */
import { randomInt } from 'node:crypto';
import {
  MessageWalker,
  rcodeName,
  Rcode,
  RrClass,
  RrType,
  TransferEnd,
  TransferFormatError,
} from '../../../core/index.ts';
import type { TransferLimits } from '../limits.ts';
import { PrimaryError, type PrimaryConnection, type PrimaryPool } from '../upstream/primary.ts';
import { relayedReply, type OptPlace, type ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import {
  clientGone,
  emptyReport,
  failureReply,
  optPlace,
  rcodeOf,
  upstreamQuery,
  type RelayReport,
} from './report.ts';

export type { RelayReport } from './report.ts';

export interface RelayOptions {
  /** AXFR or IXFR. */
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly pool: PrimaryPool;
  readonly limits: TransferLimits;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

/** Asks the primary and gives its answer as the client gets it, until the end of the answer or of the client. */
export async function* relay(options: RelayOptions): AsyncGenerator<readonly Buffer[], void, undefined> {
  const { request, style, pool, limits, signal, onEnd } = options;
  const report = emptyReport();
  let connection: PrimaryConnection | undefined;
  try {
    const answer = new Answer(request, style, report);
    const opened = await openRequest(request, answer.id, pool, limits, signal);
    connection = opened.connection;
    for (
      let messages = opened.messages;
      ;
      messages = await connection.read(limits['primary-answer-time'], signal)
    ) {
      const replies = messages.flatMap((octets) => answer.take(octets));
      yield replies;
      if (answer.ended) break;
    }
    report.outcome = report.rcode === Rcode.NOERROR ? 'complete' : 'refused-by-primary';
    if (report.outcome !== 'complete') report.reason = `the primary answered ${rcodeName(report.rcode)}`;
    pool.give(connection);
    connection = undefined;
  } catch (error) {
    if (signal.aborted) {
      report.reason = clientGone;
      return;
    }
    yield [failureReply(error, style, report)];
  } finally {
    // An answer that was not read to its end leaves its rest on the connection: nobody else may have that.
    connection?.destroy();
    onEnd(report);
  }
}

/** Sends the query and waits for the first messages; once more on a new connection if a rested one was closed. */
async function openRequest(
  request: ZoneRequest,
  id: number,
  pool: PrimaryPool,
  limits: TransferLimits,
  signal: AbortSignal,
): Promise<{ connection: PrimaryConnection; messages: Buffer[] }> {
  const query = upstreamQuery(request, id);
  for (let fresh = false; ; fresh = true) {
    const connection = await pool.take(limits['primary-connect-time'], fresh, signal);
    try {
      connection.send(query);
      return { connection, messages: await connection.read(limits['primary-answer-time'], signal) };
    } catch (error) {
      connection.destroy();
      if (!(error instanceof PrimaryError && error.stale) || fresh) throw error;
    }
  }
}

/** The answer as it comes in: checks each message and knows the last. */
class Answer {
  readonly id = randomInt(0x10000);
  ended = false;
  readonly #request: ZoneRequest;
  readonly #style: ReplyStyle;
  readonly #report: RelayReport;
  readonly #end: TransferEnd;

  constructor(request: ZoneRequest, style: ReplyStyle, report: RelayReport) {
    this.#request = request;
    this.#style = style;
    this.#report = report;
    this.#end = new TransferEnd(request.clientSerial);
  }

  /** One message of the primary; gives what the client gets. Throws DnsFormatError and TransferFormatError. */
  take(octets: Buffer): readonly Buffer[] {
    if (this.ended) throw new TransferFormatError('the primary sent a message after the end of its answer');
    const walker = new MessageWalker(octets);
    this.#checkBelonging(walker);
    const opt = this.#walk(walker);
    const rcode = rcodeOf(walker, opt);
    const report = this.#report;
    report.rcode = rcode;
    report.messages++;
    report.records = this.#end.records;
    report.serial = this.#end.serial;
    report.form = this.#end.form;
    // An error ends the session (RFC 5936 section 2.2).
    this.ended = rcode !== Rcode.NOERROR || this.#end.ended;
    const replies = relayedReply(octets, opt, this.#style);
    for (const reply of replies) report.octets += reply.length;
    return replies;
  }

  /** RFC 7766 section 7: an answer is ours by ID and, where it has one, by question. */
  #checkBelonging(walker: MessageWalker): void {
    const isResponse = (walker.flags & 0x8000) !== 0;
    if (!isResponse || walker.id !== this.id)
      throw new TransferFormatError('the primary sent an answer to another question');
    if (walker.questionCount === 0) return;
    const question = walker.readQuestion();
    const { kind, zone } = this.#request;
    if (walker.questionCount > 1 || question.type !== RrType[kind] || !question.name.equals(zone)) {
      throw new TransferFormatError('the primary sent an answer to another question');
    }
  }

  #walk(walker: MessageWalker): OptPlace | undefined {
    let opt: OptPlace | undefined;
    while (walker.next()) {
      if (walker.section === 'answer') this.#end.record(walker.type, serialOf(walker));
      if (walker.type === RrType.OPT) opt = optPlace(walker);
    }
    this.#end.messageEnd();
    return opt;
  }
}

/** An SOA's RDATA ends with five numbers of four octets, the serial first (RFC 1035 section 3.3.13). */
function serialOf(walker: MessageWalker): number | undefined {
  if (walker.type !== RrType.SOA) return undefined;
  // Of class IN, or it may be empty (RFC 2136).
  if (walker.class !== RrClass.IN)
    throw new TransferFormatError('the primary sent an SOA that is not of class IN');
  return walker.octets.readUInt32BE(walker.rdataEnd - 20);
}
