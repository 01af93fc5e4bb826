/**
 * The gate of dot-resolver: DNS over TLS (RFC 7858) for a community that is known by name, before resolvers that know nothing
 * of it.
 *
 *     question → what the access list says of who asks → limits → memory of the view → the view: lists, local zones, upstreams
 */
import {
  AnswerGate,
  Answers,
  Forwarder,
  listenerTls,
  readTextFile,
  RefusalLog,
  Replaced,
  RrClass,
  RrType,
  noTransfers,
  otherClass,
  type AnswerConnection,
  type AnswerLimits,
  type AnswerRules,
  type AnswerStanding,
  type Decision,
  type Name,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type QueryReader,
  type Readiness,
  type Refusal,
  type ReplyWay,
  type SourceFailure,
} from '../../../core/index.ts';
import { View } from '../view/view.ts';
import { dotGateSchema, type DotGateConfig } from './config.ts';
import { explainView } from './explain.ts';
import { GateView } from './gate-view.ts';
import { gateMetrics } from './metrics.ts';
import { noRecursion, upstreamFailed } from './refusals.ts';
import { Standing, TotalsMeter } from './standing.ts';

export const dotGate: Plugin<DotGateConfig> = {
  name: 'dot-resolver/gate',
  schema: dotGateSchema,
  endpoints: (config) => ({
    listens: config.listen.map((at, index) => ({ at, path: ['listen', index] })),
    upstreams: [],
  }),
  explain: explainView,
  setup: (host, config) => new DotGate(host, config),
};

/** Milliseconds that questions under way get when their view has been replaced. */
const oldViewMs = 10_000;

class DotGate implements PluginInstance<DotGateConfig>, AnswerRules {
  readonly answers: Answers;
  readonly #host: PluginHost;
  readonly #gate: AnswerGate;
  readonly #metrics;
  readonly #roles = new Map<string, TotalsMeter>();
  readonly #refusals: RefusalLog;
  readonly #replaced = new Replaced();
  #views = new Map<string, GateView>();
  #config: DotGateConfig;
  #way: ReplyWay;

  /** Reads the files of the views. Throws ConfigError. */
  constructor(host: PluginHost, config: DotGateConfig) {
    this.#host = host;
    this.#refusals = new RefusalLog(host);
    this.#config = config;
    this.#metrics = gateMetrics(host.metrics);
    this.answers = new Answers({ limits: answerLimitsOf(config), nowMs: host.nowMs });
    this.#views = this.#makeViews(config);
    this.#setRoles(config);
    this.#way = wayOf(config);
    const { listen: addresses, limits } = config;
    const whoIsServed = config.privacy === 'role' ? 'hidden' : 'told';
    const listener = { addresses, limits, tls: listenerTls(config), whoIsServed } as const;
    this.#gate = new AnswerGate(dotGate.name, host, listener, this);
    this.#metrics.memory.follow({ what: 'answers' }, () => this.answers.entries);
    this.#metrics.memory.follow({ what: 'octets' }, () => this.answers.octets);
    this.#metrics.underWay.follow({}, () => this.answers.underWay);
  }

  get way(): ReplyWay {
    return this.#way;
  }

  get logsQueries(): boolean {
    return this.#config['log-queries'];
  }

  start(): Promise<void> {
    return this.#gate.open({ views: this.#views.size });
  }

  ready(): Readiness {
    return this.#gate.ready();
  }

  reload(config: DotGateConfig): void {
    // First, since both may throw, and then all stays as it was.
    const views = this.#makeViews(config);
    try {
      this.#gate.setTls(listenerTls(config));
    } catch (error) {
      closeThoseOnlyIn(views, this.#views);
      throw error;
    }
    for (const [name, { view }] of this.#views)
      if (views.get(name)?.view !== view) this.#replaced.closeAfter(oldViewMs, view);
    this.#views = views;
    this.#setRoles(config);
    this.#config = config;
    this.#way = wayOf(config);
    this.answers.setLimits(answerLimitsOf(config));
    this.#gate.setLimits(config.limits);
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#gate.close(deadlineMs);
    this.answers.close();
    for (const { view } of this.#views.values()) view.close();
    this.#replaced.close();
  }

  async decide(connection: AnswerConnection, zone: Name): Promise<Standing> {
    const { access } = this.#host;
    const client = connection.client();
    const decision = await access.decide({ client, connection }, { action: 'resolve', zone });
    const charger = decision.allowed ? access.charger(client, decision) : undefined;
    const { 'default-view': defaultView } = this.#config;
    const { answers } = this;
    return new Standing(decision, charger, { views: this.#views, defaultView, answers, roles: this.#roles });
  }

  refusalOf(reader: QueryReader): Refusal | undefined {
    if (reader.class !== RrClass.IN) return otherClass;
    if (reader.type === RrType.AXFR || reader.type === RrType.IXFR) return noTransfers;
    return reader.recursionDesired ? undefined : noRecursion;
  }

  failed(failure: SourceFailure): Refusal {
    return upstreamFailed(failure);
  }

  noteRefusal(connection: AnswerConnection, { reason }: Refusal, decision: Decision | undefined): void {
    this.#metrics.refused.add({ reason });
    const { entry, rule, view, detail } = decision ?? {};
    // The entry may be the name.
    const why = this.#isPrivate ? { rule, view } : { entry, rule, view, detail };
    const fields = { ...this.#whoAsks(connection, decision), reason, ...why };
    // Whoever wants to may ask as an anonymous client, as often as he likes: that must not fill the log.
    this.#refusals.write('info', 'request refused', connection.client()?.name.key, fields);
  }

  noteFailure({ label: view }: AnswerStanding, { failure }: SourceFailure): void {
    this.#refusals.write('warn', 'question failed', `view ${view}`, { view, failure });
  }

  logQuery(
    connection: AnswerConnection,
    { decision, label: view }: AnswerStanding,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#host.log.info('query', { ...this.#whoAsks(connection, decision), view, ...fields });
  }

  get #isPrivate(): boolean {
    return this.#config.privacy === 'role';
  }

  /** For the log. With `privacy: role` not even the connection, whose lines would show what one member asked. */
  #whoAsks(connection: AnswerConnection, decision: Decision | undefined): Readonly<Record<string, unknown>> {
    const roles = decision?.roles.join(' ');
    if (this.#isPrivate) return { roles };
    const { id, remote } = connection;
    return { connection: id, remote, client: connection.client()?.name.toString(), roles };
  }

  /** Views whose configuration is the same go on, and read their files again. */
  #makeViews(config: DotGateConfig): Map<string, GateView> {
    const made = new Map<string, GateView>();
    const old = this.#views;
    try {
      for (const [name, of] of Object.entries(config.views)) {
        const before = old.get(name);
        const isSame =
          before !== undefined && isEqual(before.config, of) && isEqual(this.#config.limits, config.limits);
        made.set(name, isSame ? before : this.#makeView(name, of, config));
      }
    } catch (error) {
      closeThoseOnlyIn(made, old);
      throw error;
    }
    for (const [name, { view }] of made) if (old.get(name)?.view === view) view.reload();
    return made;
  }

  #makeView(name: string, of: DotGateConfig['views'][string], { limits }: DotGateConfig): GateView {
    const { log, metrics, nowMs, allowances } = this.#host;
    const view = new View(of, {
      name,
      log: log.child({ view: name }),
      metrics,
      nowMs,
      limits,
      readText: (file, maxOctets) => readTextFile(this.#host.absolutePath(file), maxOctets),
      openForwarder: (servers) =>
        new Forwarder({
          servers,
          limits,
          label: name,
          log: log.child({ view: name }),
          metrics,
          nowMs,
          proxyProtocol: of['proxy-protocol'],
        }),
    });
    return new GateView(name, of, view, new TotalsMeter(`view ${name}`, of.totals, allowances), metrics);
  }

  #setRoles({ roles }: DotGateConfig): void {
    for (const name of this.#roles.keys()) if (!Object.hasOwn(roles, name)) this.#roles.delete(name);
    for (const [name, totals] of Object.entries(roles)) {
      const known = this.#roles.get(name);
      if (known === undefined)
        this.#roles.set(name, new TotalsMeter(`role ${name}`, totals, this.#host.allowances));
      else known.set(totals);
    }
  }
}

type Views = ReadonlyMap<string, GateView>;

function closeThoseOnlyIn(views: Views, others: Views): void {
  for (const [name, { view }] of views) if (others.get(name)?.view !== view) view.close();
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function wayOf({ limits }: DotGateConfig): ReplyWay {
  return { maxOctets: 65_535, idleTimeMs: limits['idle-time'], isEncrypted: true };
}

function answerLimitsOf({ limits }: DotGateConfig): AnswerLimits {
  return {
    entries: limits['cache-entries'],
    octets: limits['cache-octets'],
    staleMs: limits['stale-answers'],
    staleAfterMs: limits['stale-after'],
    questions: limits.questions,
    keep: {
      ttlMax: Math.floor(limits['ttl-max'] / 1000),
      negativeMax: Math.floor(limits['negative-ttl-max'] / 1000),
      failure: Math.floor(limits['failure-ttl'] / 1000),
    },
  };
}
