/**
 * What transfers and SOA queries have in common on the hop to the primary: the query as we write it, the report of how
 * it ended, and the answer of ours when the primary fails. Pure.
 */
import {
  DnsFormatError,
  EdnsOptionCode,
  encodeMessage,
  failureCodes,
  findOption,
  makeQuery,
  parseOpt,
  Rcode,
  RrType,
  TransferFormatError,
  type FailureKind,
  type MessageWalker,
  type TransferForm,
} from '../../../core/index.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { refusalReply, type OptPlace, type ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';

/** What there is to tell of a relayed request when it is over. */
export interface RelayReport {
  /** `cut`: the client went away, or the gate closed. */
  outcome: 'complete' | 'refused-by-primary' | 'failed' | 'cut';
  form: TransferForm;
  serial: number | undefined;
  rcode: number;
  records: number;
  messages: number;
  octets: number;
  /** Why not complete, in words. */
  reason: string;
}

/** The report of a request of which nothing has come yet. */
export function emptyReport(): RelayReport {
  return {
    outcome: 'cut',
    form: 'unknown',
    serial: undefined,
    rcode: Rcode.NOERROR,
    records: 0,
    messages: 0,
    octets: 0,
    reason: '',
  };
}

/** For the log: how it ended, and how much that was. */
export function reportFields({ outcome, reason, serial, records, messages, octets }: RelayReport) {
  return { outcome, reason: reason || undefined, serial, records, messages, octets };
}

/** Why a request is cut. */
export const clientGone = 'the connection to the client ended';

/** Says nothing over TCP, but has to say something (RFC 6891 section 6.2.3). */
const udpPayloadSize = 1232;

/** The request as the primary gets it: question and authority as they are, ID and OPT of this hop. */
export function upstreamQuery({ kind, zone, message }: ZoneRequest, id: number): Buffer {
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

/** The OPT record that the walker stands on. Throws DnsFormatError. */
export function optPlace(walker: MessageWalker): OptPlace {
  const edns = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
  return { start: walker.recordStart, isLast: walker.rdataEnd === walker.octets.length, edns };
}

/** The response code of a message, upper bits from its OPT record. */
export function rcodeOf(walker: MessageWalker, opt: OptPlace | undefined): number {
  return (walker.flags & 0xf) | ((opt?.edns.extendedRcode ?? 0) << 4);
}

/**
 * What a client gets when the primary has failed, which goes into the report. Throws the error again if the failure is
 * not the primary's.
 */
export function failureReply(error: unknown, style: ReplyStyle, report: RelayReport): Buffer {
  const failure = asFailure(error);
  if (!failure) throw error;
  report.outcome = 'failed';
  report.rcode = Rcode.SERVFAIL;
  report.reason = failure.message;
  const { kind } = failure;
  const reply = refusalReply(style, {
    ...{ rcode: Rcode.SERVFAIL, infoCode: failureCodes[kind] },
    text: wordsForClient[kind],
  });
  report.octets += reply.length;
  return reply;
}

/** The failures that are the primary's; undefined for anything else. */
function asFailure(error: unknown): UpstreamError | undefined {
  if (error instanceof UpstreamError) return error;
  if (error instanceof DnsFormatError || error instanceof TransferFormatError) {
    return new UpstreamError('unusable', `the answer of the primary is malformed: ${error.message}`);
  }
  return undefined;
}

/** The client's operator learns the kind of failure, not the address of the primary behind the gate. */
const wordsForClient: Readonly<Record<FailureKind, string>> = {
  unreachable: 'the primary cannot be reached',
  broken: 'the connection to the primary broke',
  unusable: 'the primary sent an answer that is malformed or not signed as agreed',
  other: 'the primary does not answer us; its operator and ours have to look',
};
