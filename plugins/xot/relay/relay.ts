/**
 * One transfer from the server above on its way to the client, batch by batch.
 *
 * The end of a transfer is known by its records and not by the server closing the connection (transfer-answer.ts). When the
 * server fails in mid-transfer the client gets SERVFAIL with the reason (RFC 5936 section 2.2: an error ends the session), so no
 * secondary takes a part for the whole.
 *
 * Limitations: of a whole zone not every record is looked at; the client has to, since it keeps them.
 */
import { randomInt } from 'node:crypto';
import { rcodeName, Rcode, type ReplyBatch } from '../../../core/index.ts';
import type { ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Outgoing } from './outgoing.ts';
import { clientGone, emptyReport, failureReply, upstreamQuery, type RelayReport } from './report.ts';
import { TransferAnswer } from './transfer-answer.ts';

export type { RelayReport } from './report.ts';

export interface RelayOptions {
  /** AXFR or IXFR. */
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly upstream: Upstream;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

/** Asks and gives the answer as the client gets it, until the end of the answer or of the client. */
export async function* relay(options: RelayOptions): AsyncGenerator<ReplyBatch, void, undefined> {
  const { request, style, upstream, signal, onEnd } = options;
  const report = emptyReport();
  try {
    const id = randomInt(0x1_0000);
    const answer = new TransferAnswer(request, id, report);
    const outgoing = new Outgoing(style);
    const stream = upstream.transfer(upstreamQuery(request, id), signal);
    for await (const messages of stream) {
      const opts = messages.map((message) => answer.take(message));
      // Before anything of it is given: the last message of a signed transfer must be signed.
      if (answer.ended) stream.finish();
      const { batches, octets } = outgoing.render(messages, opts, stream.framed, answer.ended);
      report.octets += octets;
      yield* batches;
      if (answer.ended) break;
    }
    report.outcome = report.rcode === Rcode.NOERROR ? 'complete' : 'refused-by-primary';
    if (report.outcome !== 'complete') report.reason = `the primary answered ${rcodeName(report.rcode)}`;
  } catch (error) {
    if (signal.aborted) {
      report.reason = clientGone;
      return;
    }
    yield [failureReply(error, style, report)];
  } finally {
    onEnd(report);
  }
}
