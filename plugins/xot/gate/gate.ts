/**
 * The xot gate: zone transfer over TLS (RFC 9103) before a primary that need not know of it.
 *
 * A request of an identified client is read strictly, checked against the access list, relayed to the primary over
 * plain TCP, and its answer comes back message by message. Nothing but SOA, AXFR and IXFR passes (RFC 9103 appendix A,
 * the strict policy).
 */
import {
  formatEndpoint,
  listenerTls,
  Places,
  Rcode,
  rcodeName,
  RefusalLines,
  type Gate,
  type GateReply,
  type GateRequest,
  type Grant,
  type Name,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
} from '../../../core/index.ts';
import { xotGateSchema, type XotGateConfig } from './config.ts';
import { xotMetrics, type XotMetrics } from './metrics.ts';
import { PrimaryPool } from '../upstream/primary.ts';
import { PrimaryQueries } from '../upstream/primary-queries.ts';
import { answerQuery } from '../relay/query.ts';
import { accessRefusal, notAuthoritative, tooMany } from './refusals.ts';
import { relay, type RelayReport } from '../relay/relay.ts';
import { formatErrorReply, refusalReply, type ReplyStyle } from '../request/reply.ts';
import { readRequest, type Refusal, type ZoneRequest } from '../request/request.ts';

export const xotGate: Plugin<XotGateConfig> = {
  name: 'xot/gate',
  schema: xotGateSchema,
  endpoints: (config) => ({
    listens: config.listen.map((at, index) => ({ at, path: ['listen', index] })),
    upstreams: [{ at: config.primary, path: ['primary'], zones: config.zones }],
  }),
  setup: (host, config) => new XotGate(host, config),
};

/** A request that has been decided about. */
interface Asked {
  readonly from: GateRequest;
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly grant: Grant;
}

class XotGate implements PluginInstance<XotGateConfig> {
  readonly #host: PluginHost;
  readonly #metrics: XotMetrics;
  readonly #gate: Gate;
  readonly #transfers = new Places();
  readonly #queries = new Places();
  readonly #refusalLines = new RefusalLines();
  #config: XotGateConfig;
  #zones: ReadonlySet<string>;
  #pool: PrimaryPool;
  #primaryQueries: PrimaryQueries;
  #open = false;

  constructor(host: PluginHost, config: XotGateConfig) {
    this.#host = host;
    this.#config = config;
    this.#zones = keysOf(config.zones);
    this.#pool = new PrimaryPool(config.primary);
    this.#primaryQueries = new PrimaryQueries(config.primary);
    this.#metrics = xotMetrics(host.metrics);
    const { listen: addresses, limits } = config;
    this.#gate = host.listen({ addresses, limits, tls: listenerTls(config) }, (request) =>
      this.#answer(request),
    );
  }

  async start(): Promise<void> {
    const listening = await this.#gate.open();
    this.#open = true;
    this.#host.log.info('listening', {
      addresses: listening.map(formatEndpoint).join(' '),
      zones: this.#config.zones.length,
    });
  }

  ready(): Readiness {
    return { ready: this.#open, waitingFor: this.#open ? [] : ['xot/gate: listening'] };
  }

  reload(config: XotGateConfig): void {
    // First, since it may throw, and then all stays as it was.
    this.#gate.setTls(listenerTls(config));
    if (JSON.stringify(config.primary) !== JSON.stringify(this.#config.primary)) {
      // Requests under way keep the primary that they began with.
      this.#pool.close();
      this.#primaryQueries.close();
      this.#pool = new PrimaryPool(config.primary);
      this.#primaryQueries = new PrimaryQueries(config.primary);
    }
    this.#config = config;
    this.#zones = keysOf(config.zones);
    this.#gate.setLimits(config.limits);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#open = false;
    await this.#gate.close(deadlineMs);
    this.#pool.close();
    this.#primaryQueries.close();
  }

  async #answer(gateRequest: GateRequest): Promise<GateReply> {
    const parsed = readRequest(gateRequest.octets);
    if (!parsed.request) {
      if (!parsed.message) {
        if (!parsed.formatError) return undefined;
        this.#count('malformed', Rcode.FORMERR);
        return formatErrorReply(gateRequest.octets);
      }
      this.#logNo(gateRequest, 'not-supported', { detail: parsed.refusal.text });
      return this.#refuse(
        'other',
        { request: parsed.message, idleTimeMs: gateRequest.idleTimeMs },
        parsed.refusal,
      );
    }
    const { request } = parsed;
    const style: ReplyStyle = { request: request.message, idleTimeMs: gateRequest.idleTimeMs };
    const grant = await this.#host.access.ask(gateRequest, {
      action: 'transfer',
      zone: request.zone,
      startsTransfer: request.kind !== 'SOA',
    });
    const asked = { from: gateRequest, request, style, grant };
    try {
      const reply = await this.#judge(asked);
      // A stream is not done yet: it gives the grant back at its end.
      if (reply === undefined || Buffer.isBuffer(reply)) grant.release();
      return reply;
    } catch (error) {
      grant.release();
      throw error;
    }
  }

  /** Permission before existence: who may not transfer a zone does not learn whether it is served here. */
  #judge(asked: Asked): GateReply | Promise<GateReply> {
    const { from, request, style, grant } = asked;
    const { allowed, reason, entry, rule, detail } = grant.decision;
    if (!allowed) {
      this.#logNo(from, reason, { ...aboutRequest(request), entry, rule, detail });
      return this.#refuse(request.kind, style, accessRefusal(reason));
    }
    if (!this.#zones.has(request.zone.key)) {
      this.#logNo(from, 'zone-not-served', { ...aboutRequest(request), entry, rule });
      return this.#refuse(request.kind, style, notAuthoritative);
    }
    return this.#relay(asked);
  }

  #relay({ from, request, style, grant }: Asked): GateReply | Promise<GateReply> {
    const { limits } = this.#config;
    const { entry, rule } = grant.decision;
    const isQuery = request.kind === 'SOA';
    const places = isQuery ? this.#queries : this.#transfers;
    const total = isQuery ? limits.queries : limits.transfers;
    const perClient = isQuery ? limits['queries-per-client'] : limits['transfers-per-client'];
    const key = from.client?.name.key ?? anonymousKey;
    const startedMs = this.#host.nowMs();
    if (!places.take(key, total, perClient)) {
      // Without the rule, which had nothing against it.
      this.#logNo(from, 'too-many-at-once', { ...aboutRequest(request), entry, detail: gateLimits });
      return this.#refuse(request.kind, style, tooMany);
    }
    const onEnd = (report: RelayReport): void => {
      places.free(key);
      grant.release();
      this.#report(from, request, report, this.#host.nowMs() - startedMs, { entry, rule });
    };
    const common = { request, style, limits, signal: from.signal, onEnd };
    return isQuery
      ? answerQuery({ ...common, queries: this.#primaryQueries })
      : relay({ ...common, pool: this.#pool });
  }

  /** The line of a transfer: who, by which proof and entry, what, how much, how long, why not. */
  #report(
    from: GateRequest,
    request: ZoneRequest,
    report: RelayReport,
    durationMs: number,
    by: { readonly entry: string | undefined; readonly rule: string | undefined },
  ): void {
    this.#count(request.kind, report.rcode);
    const complete = report.outcome === 'complete';
    const fields = {
      ...whoAsks(from),
      ...aboutRequest(request),
      proof: from.client?.proof,
      ...by,
      outcome: report.outcome,
      reason: report.reason || undefined,
      serial: report.serial,
      records: report.records,
      messages: report.messages,
      octets: report.octets,
      durationMs,
    };
    if (request.kind === 'SOA') {
      if (complete) this.#host.log.debug('query', fields);
      else this.#host.log.warn('query', fields);
      return;
    }
    this.#metrics.transfers.add({ form: report.form, outcome: report.outcome });
    this.#metrics.records.add({}, report.records);
    if (complete) this.#metrics.durations.observe({ form: report.form }, durationMs / 1000);
    const level = complete || report.outcome === 'cut' ? 'info' : 'warn';
    this.#host.log[level]('transfer', { ...fields, form: report.form });
  }

  #logNo(from: GateRequest, reason: string, about: Readonly<Record<string, unknown>>): void {
    this.#metrics.refused.add({ reason });
    // Whoever wants to may ask as an anonymous client, as often as he likes: that must not fill the log.
    const unseen = from.client && this.#refusalLines.next(from.client.name.key, this.#host.nowMs());
    const level = unseen === undefined ? 'debug' : 'info';
    const fields = { ...whoAsks(from), ...about, reason, unseen: unseen === 0 ? undefined : unseen };
    this.#host.log[level]('request refused', fields);
  }

  #refuse(kind: string, style: ReplyStyle, refusal: Refusal): Buffer {
    this.#count(kind, refusal.rcode);
    return refusalReply(style, refusal);
  }

  #count(kind: string, rcode: number): void {
    this.#metrics.requests.add({ kind, rcode: rcodeName(rcode) });
  }
}

/** All anonymous clients share what one client has: they are strangers, and together they must not take every place. */
const anonymousKey = '';

const gateLimits = 'a limit of the gate, not of a rule';

/** For the log; no name for an anonymous client. */
function whoAsks({ connection, client }: GateRequest) {
  return { connection: connection.id, remote: connection.remote, client: client?.name.toString() };
}

function aboutRequest({ kind, zone, clientSerial }: ZoneRequest) {
  return { kind, zone: zone.toString(), clientSerial };
}

function keysOf(zones: readonly Name[]): ReadonlySet<string> {
  return new Set(zones.map((zone) => zone.key));
}
