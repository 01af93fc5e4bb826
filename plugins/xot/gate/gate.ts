/**
 * The xot gate: zone transfer over TLS (RFC 9103) for secondaries that are known by name, whatever the primary speaks.
 *
 * A request of an identified client is read strictly, checked against the access list, and answered from the zones that are kept, or
 * relayed to the primary. Nothing but SOA, AXFR, IXFR, NOTIFY and, where that is allowed, UPDATE passes (RFC 9103 appendix A, the
 * strict policy).
 */
import {
  formatEndpoint,
  listenerTls,
  Opcode,
  Places,
  Rcode,
  rcodeName,
  RefusalLog,
  type Gate,
  type GateReply,
  type GateRequest,
  type Grant,
  type PlainListener,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
  Sources,
} from '../../../core/index.ts';
import { xotGateSchema, type XotGateConfig } from './config.ts';
import { xotMetrics, type XotMetrics } from './metrics.ts';
import { NotifyReceiver } from '../notify/receiver.ts';
import { opcodeOf } from '../notify/request.ts';
import { reportFields, type RelayReport } from '../relay/report.ts';
import { UpdateRelay } from '../update/relay.ts';
import { accessRefusal, notAuthoritative, tooMany } from './refusals.ts';
import { keyHolders } from './migration-config.ts';
import { Migration, type KeyHolder } from './migration.ts';
import { GateZones } from './zones.ts';
import { formatErrorReply, refusalReply, type ReplyStyle } from '../request/reply.ts';
import { readRequest, type Refusal, type ZoneRequest } from '../request/request.ts';

export const xotGate: Plugin<XotGateConfig> = {
  name: 'xot/gate',
  schema: xotGateSchema,
  endpoints: (config) => ({
    listens: [
      ...config.listen.map((at, index) => ({ at, path: ['listen', index] })),
      ...(config.notify?.listen ?? []).map((at, index) => ({ at, path: ['notify', 'listen', index] })),
      ...(config['migration-mode']?.listen ?? []).map((at, index) => ({
        at,
        path: ['migration-mode', 'listen', index],
      })),
    ],
    // What must be signed cannot be tried from outside.
    upstreams: config.primary.flatMap(({ endpoint: at, name }, index) =>
      name === undefined && config.tsig === undefined
        ? [
            {
              at,
              // One may be written without a list.
              path: config.primary.length === 1 ? ['primary'] : ['primary', index],
              zones: 'directory' in config.zones ? [] : config.zones,
            },
          ]
        : [],
    ),
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
  readonly #refusals: RefusalLog;
  readonly #zones: GateZones;
  readonly #notified: NotifyReceiver;
  #config: XotGateConfig;
  readonly #updates: UpdateRelay;
  #sources: Sources;
  /** Of NOTIFY in clear, and of the migration mode. */
  readonly #plain: readonly PlainListener[];
  #holders: readonly KeyHolder[];
  #open = false;

  constructor(host: PluginHost, config: XotGateConfig) {
    this.#host = host;
    this.#refusals = new RefusalLog(host);
    this.#config = config;
    this.#zones = new GateZones(host, config);
    this.#sources = new Sources(config.notify?.from ?? []);
    this.#notified = new NotifyReceiver({
      isServed: (zone) => this.#zones.has(zone),
      onNotify: (zone) => {
        this.#zones.notify(zone);
      },
      // What a primary signs its NOTIFY with is what we sign our queries with.
      keys: () => this.#zones.keys,
      log: host.log,
      metrics: host.metrics,
      nowMs: host.nowMs,
    });
    this.#updates = new UpdateRelay({
      access: host.access,
      upstreamOf: (zone) => this.#zones.primaryOf(zone),
      limits: () => this.#config.limits,
      log: host.log,
      metrics: host.metrics,
      nowMs: host.nowMs,
    });
    this.#metrics = xotMetrics(host.metrics);
    const { listen: addresses, limits } = config;
    this.#gate = host.listen({ addresses, limits, tls: listenerTls(config) }, (request) =>
      this.#answer(request),
    );
    this.#holders = keyHolders(config['migration-mode'], host);
    this.#plain = [...this.#listenNotify(config), ...this.#listenMigration(config)];
  }

  async start(): Promise<void> {
    const listening = await this.#gate.open();
    const inClear = await Promise.all(this.#plain.map((listener) => listener.open()));
    this.#open = true;
    this.#zones.start();
    this.#host.log.info('listening', {
      addresses: listening.map(formatEndpoint).join(' '),
      inClear: inClear.flat().map(formatEndpoint).join(' ') || undefined,
    });
  }

  ready(): Readiness {
    // A zone that is missing keeps nobody from the others.
    return { ready: this.#open, waitingFor: this.#open ? [] : ['xot/gate: listening'] };
  }

  reload(config: XotGateConfig): void {
    // First what may throw, and then all stays as it was.
    const holders = keyHolders(config['migration-mode'], this.#host);
    this.#zones.check(config);
    this.#gate.setTls(listenerTls(config));
    this.#zones.reload(config);
    this.#holders = holders;
    this.#config = config;
    this.#sources = new Sources(config.notify?.from ?? []);
    for (const listener of this.#plain) listener.setLimits(config.limits);
    this.#gate.setLimits(config.limits);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#open = false;
    await Promise.all([this.#gate, ...this.#plain].map((listener) => listener.close(deadlineMs)));
    this.#zones.close();
  }

  /** NOTIFY in clear, from a primary that can do no better: what it says is only that it is time to look. */
  #listenNotify({ notify, limits }: XotGateConfig): PlainListener[] {
    const addresses = notify?.listen ?? [];
    if (addresses.length === 0) return [];
    const listener = this.#host.listenPlain({ addresses, limits }, (octets, from, reply) => {
      this.#notified.takePlain(octets, from, this.#sources).then(reply, (error: unknown) => {
        this.#host.log.error('defect', { doing: 'NOTIFY', error });
        reply(undefined);
      });
    });
    return [listener];
  }

  #listenMigration({ limits, 'migration-mode': mode }: XotGateConfig): PlainListener[] {
    if (mode === undefined) return [];
    const { log, nowMs } = this.#host;
    const migration = new Migration({
      holders: () => this.#holders,
      limits: () => this.#config.limits,
      zones: this.#zones,
      ...{ log, nowMs },
    });
    log.warn('migration mode', {
      secondaries: mode.secondaries.length,
      effect:
        'zones go to holders of TSIG keys in clear; take migration-mode out when all speak XoT (RFC 9103)',
    });
    return [this.#host.listenPlain({ addresses: mode.listen, limits }, migration.handle)];
  }

  async #answer(gateRequest: GateRequest): Promise<GateReply> {
    if (opcodeOf(gateRequest.octets) === Opcode.NOTIFY)
      return this.#notified.takeProved(gateRequest, this.#host.access);
    if (opcodeOf(gateRequest.octets) === Opcode.UPDATE && this.#config.update)
      return this.#updates.handle(gateRequest);
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
    if (!this.#zones.has(request.zone)) {
      this.#logNo(from, 'zone-not-served', { ...aboutRequest(request), entry, rule });
      return this.#refuse(request.kind, style, notAuthoritative);
    }
    return this.#serve(asked);
  }

  #serve({ from, request, style, grant }: Asked): GateReply | Promise<GateReply> {
    const { entry, rule } = grant.decision;
    const isQuery = request.kind === 'SOA';
    const places = isQuery ? this.#queries : this.#transfers;
    const { total, perClient } = atOnceOf(isQuery ? 'queries' : 'transfers', this.#config);
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
    return this.#zones.answer({ request, style, signal: from.signal, onEnd });
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
      ...reportFields(report),
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
    const fields = { ...whoAsks(from), ...about, reason };
    this.#refusals.write('info', 'request refused', from.client?.name.key, fields);
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

/** How many at once, in all and for one client. */
interface AtOnce {
  readonly total: number;
  readonly perClient: number;
}

/** What is relayed the primary has to bear as well. */
function atOnceOf(kind: 'queries' | 'transfers', { serve, limits }: XotGateConfig): AtOnce {
  const total = limits[kind];
  const perClient = limits[`${kind}-per-client`];
  if (serve === 'cached') return { total, perClient };
  return {
    total: Math.min(total, limits[`relayed-${kind}`]),
    perClient: Math.min(perClient, limits[`relayed-${kind}-per-client`]),
  };
}

/** For the log; no name for an anonymous client. */
function whoAsks({ connection, client }: GateRequest) {
  return { connection: connection.id, remote: connection.remote, client: client?.name.toString() };
}

function aboutRequest({ kind, zone, clientSerial }: ZoneRequest) {
  return { kind, zone: zone.toString(), clientSerial };
}
