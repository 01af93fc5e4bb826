/**
 * Requests of the name server beside the agent, in clear: SOA by UDP and TCP, AXFR and IXFR by TCP, NOTIFY; a no for everything
 * else, and for addresses that may not ask.
 */
import {
  Opcode,
  parseEndpoint,
  Places,
  Rcode,
  rcodeName,
  RefusalLog,
  RrType,
  type Log,
  type Metrics,
  type PlainReply,
  type PlainSource,
  type Sources,
} from '../../../core/index.ts';
import { xotMetrics, type XotMetrics } from '../gate/metrics.ts';
import { notAuthoritative, tooMany } from '../gate/refusals.ts';
import { opcodeOf } from '../notify/request.ts';
import { reportFields, type RelayReport } from '../relay/report.ts';
import { formatErrorReply, refusalReply, type ReplyStyle } from '../request/reply.ts';
import { readRequest, type Refusal, type ZoneRequest } from '../request/request.ts';
import type { AgentLimits } from './limits.ts';
import type { agentLimits } from './limits.ts';
import { axfrByUdp, notAllowed } from './refusals.ts';
import { fitted, ixfrReply, udpOctets, unencrypted } from '../request/udp-reply.ts';
import type { ZoneQuestion, Zones } from './zones.ts';

export interface RequestsOptions {
  readonly zones: () => Zones;
  readonly allowed: () => Sources;
  readonly limits: () => Pick<AgentLimits, keyof typeof agentLimits>;
  /** Takes a NOTIFY; undefined: no answer. */
  readonly notify: (octets: Buffer, from: PlainSource) => Promise<Buffer | undefined>;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** By UDP nobody can be seen to go. */
const never = new AbortController().signal;

export class Requests {
  readonly #options: RequestsOptions;
  readonly #metrics: XotMetrics;
  readonly #transfers = new Places();
  readonly #queries = new Places();
  readonly #refusals: RefusalLog;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
    this.#metrics = xotMetrics(options.metrics);
  }

  /** The handler of the plain listener. */
  readonly take = (octets: Buffer, from: PlainSource, reply: PlainReply): void => {
    if (opcodeOf(octets) === Opcode.NOTIFY) {
      this.#answer(from, reply, this.#options.notify(octets, from));
      return;
    }
    const parsed = readRequest(octets);
    if (parsed.request) {
      const message = unencrypted(parsed.request.message, from);
      this.#judge({ ...parsed.request, message }, from, reply);
    } else if (parsed.message) {
      const style = { request: unencrypted(parsed.message, from), idleTimeMs: from.idleTimeMs };
      this.#logNo(from, 'not-supported', { detail: parsed.refusal.text });
      this.#refuse('other', style, this.#isAllowed(from) ? parsed.refusal : notAllowed, from, reply);
    } else if (parsed.formatError) {
      this.#count('malformed', Rcode.FORMERR);
      reply(formatErrorReply(octets));
    } else {
      reply(undefined);
    }
  };

  #judge(request: ZoneRequest, from: PlainSource, reply: PlainReply): void {
    const style = { request: request.message, idleTimeMs: from.idleTimeMs };
    const refuse = (reason: string, refusal: Refusal): void => {
      this.#logNo(from, reason, about(request));
      this.#refuse(request.kind, style, refusal, from, reply);
    };
    if (!this.#isAllowed(from)) refuse('address-not-allowed', notAllowed);
    else if (!this.#options.zones().has(request.zone)) refuse('zone-not-served', notAuthoritative);
    else if (request.kind === 'SOA') this.#query(request, style, from, reply);
    else if (from.isStream) this.#transfer(request, style, from, reply);
    else if (request.kind === 'IXFR') this.#ixfrByUdp(request, style, from, reply);
    else refuse('not-supported', axfrByUdp);
  }

  #query(request: ZoneRequest, style: ReplyStyle, from: PlainSource, reply: PlainReply): void {
    const answer = this.#ask(request, style, from);
    const shown = answer?.then(
      (octets) =>
        octets &&
        (from.isStream ? octets : fitted(octets, style, udpOctets(request.message, from.udpOctets))),
    );
    if (shown === undefined) this.#refuse(request.kind, style, tooMany, from, reply);
    else this.#answer(from, reply, shown);
  }

  /** RFC 1995 section 2: one SOA record, so that the client comes by TCP if that is newer than what it has. */
  #ixfrByUdp(request: ZoneRequest, style: ReplyStyle, from: PlainSource, reply: PlainReply): void {
    const { message, zone } = request;
    const questions = message.questions.map((question) => ({ ...question, type: RrType.SOA }));
    const asSoa: ZoneRequest = { kind: 'SOA', zone, message: { ...message, questions, authorities: [] } };
    const answer = this.#ask(asSoa, { ...style, request: asSoa.message }, from);
    const most = udpOctets(message, from.udpOctets);
    if (answer === undefined) this.#refuse(request.kind, style, tooMany, from, reply);
    else
      this.#answer(
        from,
        reply,
        answer.then((octets) => octets && ixfrReply(octets, style, most)),
      );
  }

  /** The answer to an SOA query; undefined without a place for it. */
  #ask(request: ZoneRequest, style: ReplyStyle, from: PlainSource): Promise<Buffer | undefined> | undefined {
    const { limits, zones } = this.#options;
    const most = limits().queries;
    if (!this.#queries.take('', most, most)) {
      this.#logNo(from, 'too-many-at-once', about(request));
      return undefined;
    }
    return zones().soa(this.#question(request, style, from, this.#queries));
  }

  #transfer(request: ZoneRequest, style: ReplyStyle, from: PlainSource, reply: PlainReply): void {
    const { limits, zones } = this.#options;
    const most = limits().transfers;
    if (!this.#transfers.take('', most, most)) {
      this.#logNo(from, 'too-many-at-once', about(request));
      this.#refuse(request.kind, style, tooMany, from, reply);
      return;
    }
    // The listener begins it in any case, so its place is given back.
    reply(zones().transfer(this.#question(request, style, from, this.#transfers)));
  }

  #question(request: ZoneRequest, style: ReplyStyle, from: PlainSource, places: Places): ZoneQuestion {
    const startedMs = this.#options.nowMs();
    return {
      request,
      style,
      signal: from.signal ?? never,
      onEnd: (report, server) => {
        places.free('');
        this.#report(from, request, report, this.#options.nowMs() - startedMs, server);
      },
    };
  }

  #answer(from: PlainSource, reply: PlainReply, answer: Promise<Buffer | undefined>): void {
    answer.then(reply, (error: unknown) => {
      this.#options.log.error('defect', { doing: 'plain request', remote: from.remote, error });
      reply(undefined);
    });
  }

  #isAllowed({ remote }: PlainSource): boolean {
    return this.#options.allowed().has(parseEndpoint(remote, 0).address);
  }

  /** The line of a transfer: who, what, from which gate, how much, how long, why not. */
  #report(
    { remote, isStream }: PlainSource,
    request: ZoneRequest,
    report: RelayReport,
    durationMs: number,
    server: string | undefined,
  ): void {
    this.#count(request.kind, report.rcode);
    const { log } = this.#options;
    const complete = report.outcome === 'complete';
    const fields = {
      remote,
      ...about(request),
      server,
      ...reportFields(report),
      durationMs,
    };
    if (request.kind === 'SOA') {
      log[complete ? 'debug' : 'warn']('query', { ...fields, transport: isStream ? 'tcp' : 'udp' });
      return;
    }
    this.#metrics.transfers.add({ form: report.form, outcome: report.outcome });
    this.#metrics.records.add({}, report.records);
    if (complete) this.#metrics.durations.observe({ form: report.form }, durationMs / 1000);
    log[complete || report.outcome === 'cut' ? 'info' : 'warn']('transfer', { ...fields, form: report.form });
  }

  #logNo({ remote }: PlainSource, reason: string, what: Readonly<Record<string, unknown>>): void {
    this.#metrics.refused.add({ reason });
    // Strangers cause these lines where the agent listens for others.
    this.#refusals.write('info', 'request refused', '', { remote, ...what, reason });
  }

  #refuse(kind: string, style: ReplyStyle, refusal: Refusal, from: PlainSource, reply: PlainReply): void {
    this.#count(kind, refusal.rcode);
    const octets = refusalReply(style, refusal);
    reply(from.isStream ? octets : fitted(octets, style, udpOctets(style.request, from.udpOctets)));
  }

  #count(kind: string, rcode: number): void {
    this.#metrics.requests.add({ kind, rcode: rcodeName(rcode) });
  }
}

function about({ kind, zone, clientSerial }: ZoneRequest) {
  return { kind, zone: zone.toString(), clientSerial };
}
