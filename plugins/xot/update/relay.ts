/**
 * Takes dynamic updates (RFC 2136) of proved clients, has every record of them judged by the access list, and puts them to the
 * primary as a forwarder does (section 6): as a new message on our connection, whose answer the client gets.
 *
 * One record that is not allowed refuses the update, before the primary has heard of it. An update is said once: when the
 * connection to the primary is lost, nobody knows whether it was made, and the client is told so.
 *
 * Limitations: the primary knows us, not the client; what it is to refuse by itself it must refuse to all of our clients.
 */
import {
  encodeOpt,
  failureCodes,
  MessageWalker,
  Opcode,
  Places,
  Rcode,
  rcodeName,
  RefusalLog,
  RrType,
  type DecisionReason,
  type GateRequest,
  type Grant,
  type Log,
  type Metrics,
  type Name,
  type PluginAccess,
} from '../../../core/index.ts';
import { accessRefusal, notAuthoritative, tooMany } from '../gate/refusals.ts';
import { emptyReport, failureReply, optPlace, rcodeOf, type RelayReport } from '../relay/report.ts';
import {
  formatErrorReply,
  refusalReply,
  relayedReply,
  type OptPlace,
  type ReplyStyle,
} from '../request/reply.ts';
import type { Refusal } from '../request/request.ts';
import { UpstreamError, type Upstream } from '../upstream/upstream.ts';
import type { UpdateLimits } from './limits.ts';
import { readUpdate, type Update } from './request.ts';

export interface UpdateRelayOptions {
  readonly access: Pick<PluginAccess, 'ask'>;
  /** Where updates of the zone go; undefined for a zone that is not served. */
  readonly upstreamOf: (zone: Name) => Pick<Upstream, 'ask'> | undefined;
  readonly limits: () => UpdateLimits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** An update that has been decided about. */
interface Asked {
  readonly from: GateRequest;
  readonly update: Update;
  readonly style: ReplyStyle;
  readonly grant: Grant;
}

export class UpdateRelay {
  readonly #options: UpdateRelayOptions;
  readonly #places = new Places();
  readonly #refusals: RefusalLog;
  readonly #updates;
  readonly #refused;

  constructor(options: UpdateRelayOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
    const { metrics } = options;
    this.#updates = metrics.counter('xot_updates_total', 'Updates put to the primary, by response code.', [
      'rcode',
    ]);
    this.#refused = metrics.counter('xot_updates_refused_total', 'Updates refused before that, by reason.', [
      'reason',
    ]);
  }

  /** The answer to one message; undefined for none. */
  async handle(from: GateRequest): Promise<Buffer | undefined> {
    const parsed = readUpdate(from.octets, this.#options.limits()['update-records']);
    if (!parsed.update) {
      if (!parsed.message) return parsed.formatError ? formatErrorReply(from.octets) : undefined;
      const { message, zone, refusal } = parsed;
      this.#logNo(from, 'malformed', { zone: zone?.toString(), detail: refusal.text });
      return refusalReply({ request: message, idleTimeMs: from.idleTimeMs }, refusal);
    }
    const { update } = parsed;
    const style: ReplyStyle = { request: update.message, idleTimeMs: from.idleTimeMs };
    const { zone, records } = update;
    const grant = await this.#options.access.ask(from, { action: 'update', zone, records });
    try {
      return await this.#judge({ from, update, style, grant });
    } finally {
      grant.release();
    }
  }

  /** Permission before existence: who may not update a zone does not learn whether it is served here. */
  async #judge(asked: Asked): Promise<Buffer | undefined> {
    const { from, update, style, grant } = asked;
    const { allowed, reason, entry, rule, detail } = grant.decision;
    const zone = update.zone.toString();
    if (!allowed) {
      this.#logNo(from, reason, { zone, entry, rule, detail });
      return refusalReply(style, mayNotUpdate(reason));
    }
    const upstream = this.#options.upstreamOf(update.zone);
    if (upstream === undefined) {
      this.#logNo(from, 'zone-not-served', { zone, entry, rule });
      return refusalReply(style, notAuthoritative);
    }
    const limits = this.#options.limits();
    // All anonymous clients share what one client has.
    const key = from.client?.name.key ?? '';
    if (!this.#places.take(key, limits.updates, limits['updates-per-client'])) {
      this.#logNo(from, 'too-many-at-once', { zone, entry, detail: 'a limit of the gate, not of a rule' });
      return refusalReply(style, tooManyUpdates);
    }
    try {
      return await this.#relay(asked, upstream);
    } finally {
      this.#places.free(key);
    }
  }

  async #relay(asked: Asked, upstream: Pick<Upstream, 'ask'>): Promise<Buffer | undefined> {
    const { from, update, style } = asked;
    const report = emptyReport();
    const startedMs = this.#options.nowMs();
    try {
      const octets = await upstream.ask(forwarded(update), from.signal);
      const opt = readAnswer(octets, report);
      return relayedReply(octets, opt, style)[0];
    } catch (error) {
      if (from.signal.aborted) {
        report.reason = 'the connection to the client ended; whether the update was made is not known';
        return undefined;
      }
      const reply = failureReply(error, style, report);
      const isLost = error instanceof UpstreamError && error.kind === 'broken';
      return isLost ? refusalReply(style, notKnown) : reply;
    } finally {
      this.#report(asked, report, this.#options.nowMs() - startedMs);
    }
  }

  /** The line of an update: who, by which proof and rule, what, and what the primary said. */
  #report({ from, update, grant }: Asked, report: RelayReport, durationMs: number): void {
    const { entry, rule, also = [] } = grant.decision;
    this.#updates.add({ rcode: rcodeName(report.rcode) });
    const isMade = report.outcome === 'complete';
    this.#options.log[isMade ? 'info' : 'warn']('update', {
      ...whoAsks(from),
      zone: update.zone.toString(),
      proof: from.client?.proof,
      entry,
      rule: [rule, ...also.map((other) => other.rule)].join(', '),
      outcome: report.outcome,
      rcode: rcodeName(report.rcode),
      reason: report.reason || undefined,
      records: update.records.length,
      durationMs,
    });
  }

  #logNo(from: GateRequest, reason: string, about: Readonly<Record<string, unknown>>): void {
    this.#refused.add({ reason });
    // Whoever wants to may ask as an anonymous client, as often as he likes: that must not fill the log.
    const fields = { ...whoAsks(from), kind: 'UPDATE', ...about, reason };
    this.#refusals.write('info', 'request refused', from.client?.name.key, fields);
  }
}

/** The update as the primary gets it: with our OPT record if the client has one. */
function forwarded({ body, message }: Update): Buffer {
  if (!message.edns) return body;
  const edns = { udpPayloadSize, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };
  const whole = Buffer.concat([body, encodeOpt(edns)]);
  whole.writeUInt16BE(1, 10);
  return whole;
}

/** Says nothing over a stream, but has to say something (RFC 6891 section 6.2.3). */
const udpPayloadSize = 1232;

/** Looks through the whole answer. Throws DnsFormatError, and UpstreamError for what is no answer to an update. */
function readAnswer(octets: Buffer, report: RelayReport): OptPlace | undefined {
  const walker = new MessageWalker(octets);
  if (((walker.flags >> 11) & 15) !== Opcode.UPDATE) {
    throw new UpstreamError('unusable', 'the primary answered something else than the update');
  }
  let opt: OptPlace | undefined;
  while (walker.next()) if (walker.type === RrType.OPT) opt = optPlace(walker);
  report.rcode = rcodeOf(walker, opt);
  report.messages = 1;
  report.octets = octets.length;
  report.outcome = report.rcode === Rcode.NOERROR ? 'complete' : 'refused-by-primary';
  return opt;
}

const tooManyUpdates: Refusal = { ...tooMany, text: 'too many updates at once; try again later' };
const notKnown: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: failureCodes.broken,
  text: 'the primary did not answer; whether the update was made is not known',
};

/** What a client is told when the access list does not let it. Which record, and why, is for the log. */
function mayNotUpdate(reason: DecisionReason): Refusal {
  const refusal = accessRefusal(reason);
  return refusal.rcode === Rcode.REFUSED
    ? { ...refusal, text: 'this client may not make this update' }
    : refusal;
}

/** For the log; no name for an anonymous client. */
function whoAsks({ connection, client }: GateRequest) {
  return { connection: connection.id, remote: connection.remote, client: client?.name.toString() };
}
