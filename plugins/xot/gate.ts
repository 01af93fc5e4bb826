/**
 * The xot gate: zone transfer over TLS (RFC 9103) before a primary that need not know of it.
 *
 * A request of an identified client is read strictly, checked against the access list, relayed to the primary over
 * plain TCP, and its answer comes back message by message. Nothing but SOA, AXFR and IXFR passes (RFC 9103 appendix A,
 * the strict policy).
 */
import {
  EdeCode,
  formatEndpoint,
  listenerTls,
  Places,
  Rcode,
  rcodeName,
  type Decision,
  type Gate,
  type GateReply,
  type GateRequest,
  type Name,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
} from '../../core/index.ts';
import { xotGateSchema, type XotGateConfig } from './config.ts';
import { xotMetrics, type XotMetrics } from './metrics.ts';
import { PrimaryPool } from './primary.ts';
import { PrimaryQueries } from './primary-queries.ts';
import { answerQuery } from './query.ts';
import { relay, type RelayReport } from './relay.ts';
import { formatErrorReply, refusalReply, type ReplyStyle } from './reply.ts';
import { readRequest, type Refusal, type ZoneRequest } from './request.ts';

/** RFC 8914 section 4.19: the client is known, but not for this. */
const prohibited: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'this client may not transfer this zone',
};
const notAuthoritative: Refusal = {
  rcode: Rcode.NOTAUTH,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'this zone is not served here',
};
/** RFC 9103 section 6.3.3: a limit on transfers is told by SERVFAIL. */
const tooMany: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.OTHER,
  text: 'too many transfers at once; try again later',
};

export const xotGate: Plugin<XotGateConfig> = {
  name: 'xot/gate',
  schema: xotGateSchema,
  endpoints: (config) => ({
    listens: config.listen.map((at, index) => ({ at, path: ['listen', index] })),
    upstreams: [{ at: config.primary, path: ['primary'], zones: config.zones }],
  }),
  setup: (host, config) => new XotGate(host, config),
};

class XotGate implements PluginInstance<XotGateConfig> {
  readonly #host: PluginHost;
  readonly #metrics: XotMetrics;
  readonly #gate: Gate;
  readonly #transfers = new Places();
  readonly #queries = new Places();
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
      this.#host.log[levelOfNo(gateRequest)]('request refused', {
        connection: gateRequest.connection.id,
        remote: gateRequest.connection.remote,
        client: nameOf(gateRequest),
        reason: 'not-supported',
        detail: parsed.refusal.text,
      });
      return this.#refuse(
        'other',
        { request: parsed.message, idleTimeMs: gateRequest.idleTimeMs },
        parsed.refusal,
      );
    }
    const { request } = parsed;
    const style: ReplyStyle = { request: request.message, idleTimeMs: gateRequest.idleTimeMs };
    // Permission before existence: who may not transfer a zone does not learn whether it is served here.
    const decision = await this.#decide(gateRequest, request.zone);
    if (!decision.allowed) {
      this.#logNo(gateRequest, request, decision.reason, decision.entry);
      return this.#refuse(request.kind, style, prohibited);
    }
    if (!this.#zones.has(request.zone.key)) {
      this.#logNo(gateRequest, request, 'zone-not-served', decision.entry);
      return this.#refuse(request.kind, style, notAuthoritative);
    }
    return this.#relay(gateRequest, request, style, decision.entry);
  }

  #decide({ client }: GateRequest, zone: Name): Promise<Decision> {
    const { access } = this.#host;
    const wish = { action: 'transfer', zone } as const;
    return client === undefined ? access.decideAnonymous(wish) : access.decide(client, wish);
  }

  #relay(
    from: GateRequest,
    request: ZoneRequest,
    style: ReplyStyle,
    entry: string | undefined,
  ): GateReply | Promise<GateReply> {
    const { limits } = this.#config;
    const isQuery = request.kind === 'SOA';
    const places = isQuery ? this.#queries : this.#transfers;
    const total = isQuery ? limits.queries : limits.transfers;
    const perClient = isQuery ? limits['queries-per-client'] : limits['transfers-per-client'];
    const key = from.client?.name.key ?? anonymousKey;
    if (!places.take(key, total, perClient)) {
      this.#logNo(from, request, 'too-many-at-once', entry);
      return this.#refuse(request.kind, style, tooMany);
    }
    const startedMs = this.#host.nowMs();
    const onEnd = (report: RelayReport): void => {
      places.free(key);
      this.#report(from, request, report, this.#host.nowMs() - startedMs, entry);
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
    entry: string | undefined,
  ): void {
    this.#count(request.kind, report.rcode);
    const complete = report.outcome === 'complete';
    const fields = {
      ...this.#who(from, request),
      proof: from.client?.proof,
      entry,
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

  #logNo(from: GateRequest, request: ZoneRequest, reason: string, entry: string | undefined): void {
    this.#host.log[levelOfNo(from)]('request refused', { ...this.#who(from, request), reason, entry });
  }

  #who(from: GateRequest, request: ZoneRequest) {
    return {
      connection: from.connection.id,
      remote: from.connection.remote,
      client: nameOf(from),
      kind: request.kind,
      zone: request.zone.toString(),
      clientSerial: request.clientSerial,
    };
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

/** Whoever wants to may ask as an anonymous client, as often as he likes: that must not fill the log. Metrics count it. */
function levelOfNo({ client }: GateRequest): 'info' | 'debug' {
  return client === undefined ? 'debug' : 'info';
}

/** For the log; undefined for an anonymous client. */
function nameOf({ client }: GateRequest): string | undefined {
  return client?.name.toString();
}

function keysOf(zones: readonly Name[]): ReadonlySet<string> {
  return new Set(zones.map((zone) => zone.key));
}
