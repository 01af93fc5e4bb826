/**
 * One request to the primary and its answer on the way to the client, message by message.
 *
 * Every message is walked strictly and is checked to be the answer to our query, so that what a client gets is
 * well-formed, and the end of a transfer is known by its records and not by the primary closing the connection. When
 * the primary fails in mid-transfer the client gets SERVFAIL with the reason (RFC 5936 section 2.2: an error ends the
 * session), so no secondary takes a part for the whole.
 */
import { randomInt } from 'node:crypto';
import {
  DnsFormatError,
  EdeCode,
  EdnsOptionCode,
  encodeMessage,
  findOption,
  makeQuery,
  MessageWalker,
  parseOpt,
  rcodeName,
  Rcode,
  RrClass,
  RrType,
  TransferEnd,
  TransferFormatError,
} from '../../core/index.ts';
import type { TransferLimits } from './limits.ts';
import { PrimaryError, type PrimaryConnection, type PrimaryPool } from './primary.ts';
import { refusalReply, relayedReply, type OptPlace, type ReplyStyle } from './reply.ts';
import type { ZoneRequest } from './request.ts';

/** What there is to tell of a relayed request when it is over. */
export interface RelayReport {
  /** `cut`: the client went away, or the gate closed. */
  outcome: 'complete' | 'refused-by-primary' | 'failed' | 'cut';
  form: TransferEnd['form'];
  serial: number | undefined;
  rcode: number;
  records: number;
  messages: number;
  octets: number;
  /** Why not complete, in words. */
  reason: string;
}

export interface RelayOptions {
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly pool: PrimaryPool;
  readonly limits: TransferLimits;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

/** Says nothing over TCP, but has to say something (RFC 6891 section 6.2.3). */
const udpPayloadSize = 1232;

/** Asks the primary and gives its answer as the client gets it, until the end of the answer or of the client. */
export async function* relay(options: RelayOptions): AsyncGenerator<readonly Buffer[], void, undefined> {
  const { request, style, pool, limits, signal, onEnd } = options;
  const report: RelayReport = {
    outcome: 'cut',
    form: 'unknown',
    serial: undefined,
    rcode: Rcode.NOERROR,
    records: 0,
    messages: 0,
    octets: 0,
    reason: '',
  };
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
      report.reason = 'the connection to the client ended';
      return;
    }
    const failure = asFailure(error);
    if (!failure) throw error;
    report.outcome = 'failed';
    report.rcode = Rcode.SERVFAIL;
    report.reason = failure.message;
    const reply = refusalReply(style, {
      rcode: Rcode.SERVFAIL,
      infoCode: failure.infoCode,
      text: wordsForClient(failure),
    });
    report.octets += reply.length;
    yield [reply];
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

/** The request as the primary gets it: question and authority as they are, ID and OPT of this hop. */
function upstreamQuery({ kind, zone, message }: ZoneRequest, id: number): Buffer {
  const expire = findOption(message.edns, EdnsOptionCode.EXPIRE);
  const edns = message.edns && {
    udpPayloadSize,
    version: 0,
    dnssecOk: message.edns.dnssecOk,
    extendedRcode: 0,
    options: expire ? [expire] : [],
  };
  const query = makeQuery({ id, name: zone, type: RrType[kind], ...(edns && { edns }) });
  return encodeMessage({ ...query, authorities: message.authorities });
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
    const rcode = (walker.flags & 0xf) | ((opt?.edns.extendedRcode ?? 0) << 4);
    const report = this.#report;
    report.rcode = rcode;
    report.messages++;
    report.records = this.#end.records;
    report.serial = this.#end.serial;
    report.form = this.#end.form;
    // An error ends the session (RFC 5936 section 2.2); an SOA query has one answer.
    this.ended = rcode !== Rcode.NOERROR || this.#request.kind === 'SOA' || this.#end.ended;
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
    const isTransfer = this.#request.kind !== 'SOA';
    let opt: OptPlace | undefined;
    while (walker.next()) {
      const { type, section, recordStart, rdataEnd } = walker;
      if (section === 'answer' && isTransfer) this.#end.record(type, serialOf(walker));
      if (type === RrType.OPT) {
        const edns = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
        opt = { start: recordStart, isLast: rdataEnd === walker.octets.length, edns };
      }
    }
    if (isTransfer) this.#end.messageEnd();
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

/** The failures that are the primary's; undefined for anything else. */
function asFailure(error: unknown): PrimaryError | undefined {
  if (error instanceof PrimaryError) return error;
  if (error instanceof DnsFormatError || error instanceof TransferFormatError) {
    return new PrimaryError(EdeCode.INVALID_DATA, `the answer of the primary is malformed: ${error.message}`);
  }
  return undefined;
}

/** The client's operator learns the kind of failure, not the address of the primary behind the gate. */
function wordsForClient(failure: PrimaryError): string {
  if (failure.infoCode === EdeCode.NO_REACHABLE_AUTHORITY) return 'the primary cannot be reached';
  if (failure.infoCode === EdeCode.INVALID_DATA) return 'the primary sent a malformed answer';
  return 'the connection to the primary broke';
}
