/**
 * One SOA query of a client: one message to the primary, one back (RFC 1035 section 4.1).
 *
 * The answer is walked strictly and changed as those of a transfer are (reply.ts).
 */
import { DnsFormatError, MessageWalker, rcodeName, Rcode, RrType } from '../../../core/index.ts';
import { relayedReply, type OptPlace, type ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import type { Upstream } from '../upstream/upstream.ts';
import {
  clientGone,
  emptyReport,
  failureReply,
  optPlace,
  rcodeOf,
  upstreamQuery,
  type RelayReport,
} from './report.ts';

export interface QueryOptions {
  /** SOA. */
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly upstream: Upstream;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

/** Asks the primary and gives what the client gets; undefined when the client has gone. */
export async function answerQuery(options: QueryOptions): Promise<Buffer | undefined> {
  const { request, style, upstream, signal, onEnd } = options;
  const report = emptyReport();
  try {
    // The ID is given where it is sent.
    const answer = await upstream.ask(upstreamQuery(request, 0), signal);
    return take(new MessageWalker(answer), style, report);
  } catch (error) {
    if (signal.aborted) {
      report.reason = clientGone;
      return undefined;
    }
    return failureReply(error, style, report);
  } finally {
    onEnd(report);
  }
}

/** Throws DnsFormatError. */
function take(walker: MessageWalker, style: ReplyStyle, report: RelayReport): Buffer {
  let opt: OptPlace | undefined;
  while (walker.next()) if (walker.type === RrType.OPT) opt = optPlace(walker);
  const rcode = rcodeOf(walker, opt);
  const [reply, more] = relayedReply(walker.octets, opt, style);
  // A transfer goes on in another message; this cannot.
  if (reply === undefined || more !== undefined) throw new DnsFormatError('an answer with no room for OPT');
  report.rcode = rcode;
  report.messages = 1;
  report.octets = reply.length;
  report.outcome = rcode === Rcode.NOERROR ? 'complete' : 'refused-by-primary';
  if (rcode !== Rcode.NOERROR) report.reason = `the primary answered ${rcodeName(rcode)}`;
  return reply;
}
