/**
 * The gate of recursive-auth: DNS over TLS (RFC 7858) before authoritative servers, for recursive resolvers that are known by
 * name and served by their class, and for strangers, who are a class too.
 *
 *     question → class (access list) → limits → memory of the class → queue → the servers
 */
import {
  AnswerGate,
  Forwarder,
  listenerTls,
  noTransfers,
  otherClass,
  ReadTurns,
  RefusalLines,
  RefusalLog,
  Replaced,
  RrClass,
  RrType,
  tooManyUnderWay,
  type AnswerConnection,
  type AnswerLimits,
  type AnswerRules,
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
import { recursiveAuthGateSchema, strangersWord, type RecursiveAuthGateConfig } from './config.ts';
import { explainClass } from './explain.ts';
import { MemberClass } from './member-class.ts';
import { memberOf } from './member.ts';
import { gateMetrics } from './metrics.ts';
import { upstreamFailed } from './refusals.ts';
import { Servers, shedFailure } from './servers.ts';
import { Standing } from './standing.ts';

export const recursiveAuthGate: Plugin<RecursiveAuthGateConfig> = {
  name: 'recursive-auth/gate',
  schema: recursiveAuthGateSchema,
  endpoints: (config) => ({
    listens: config.listen.map((at, index) => ({ at, path: ['listen', index] })),
    upstreams: [],
  }),
  explain: explainClass,
  setup: (host, config) => new RecursiveAuthGate(host, config),
};

/** Milliseconds that questions under way get when their servers have been replaced. */
const oldServersMs = 10_000;

class RecursiveAuthGate implements PluginInstance<RecursiveAuthGateConfig>, AnswerRules {
  readonly #host: PluginHost;
  readonly #gate: AnswerGate;
  readonly #metrics;
  readonly #refusals: RefusalLog;
  readonly #shedLines = new RefusalLines();
  readonly #turns: ReadTurns;
  readonly #replaced = new Replaced();
  #classes: ReadonlyMap<string, MemberClass> = new Map<string, MemberClass>();
  #servers: Servers;
  #config: RecursiveAuthGateConfig;
  #way: ReplyWay;

  constructor(host: PluginHost, config: RecursiveAuthGateConfig) {
    this.#host = host;
    this.#refusals = new RefusalLog(host);
    this.#config = config;
    this.#metrics = gateMetrics(host.metrics);
    this.#servers = this.#makeServers(config);
    this.#classes = this.#makeClasses(config);
    this.#way = wayOf(config);
    this.#turns = new ReadTurns({ nowMs: () => performance.now(), limits: () => this.#config.limits });
    const { listen: addresses, limits } = config;
    const listener = {
      addresses,
      limits,
      tls: listenerTls(config),
      strangersPerSecond: () =>
        this.#turns.isShort ? this.#config.limits['handshakes-when-short'] : Infinity,
    };
    this.#gate = new AnswerGate(recursiveAuthGate.name, host, listener, this);
    this.#metrics.waiting.follow({}, () => this.#servers.waiting);
    this.#metrics.underWay.follow({}, () => this.#servers.underWay);
  }

  get way(): ReplyWay {
    return this.#way;
  }

  get logsQueries(): boolean {
    return this.#config['log-queries'];
  }

  start(): Promise<void> {
    return this.#gate.open({ classes: [...this.#classes.keys()].join(' ') });
  }

  ready(): Readiness {
    return this.#gate.ready();
  }

  reload(config: RecursiveAuthGateConfig): void {
    // First, since it may throw, and then all stays as it was.
    this.#gate.setTls(listenerTls(config));
    const before = this.#config;
    this.#config = config;
    this.#way = wayOf(config);
    if (!isEqual(serversPart(before), serversPart(config))) {
      this.#replaced.closeAfter(oldServersMs, this.#servers);
      this.#servers = this.#makeServers(config);
    }
    this.#classes = this.#makeClasses(config);
    this.#gate.setLimits(config.limits);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#turns.close();
    await this.#gate.close(deadlineMs);
    for (const { answers } of this.#classes.values()) answers.close();
    this.#servers.close();
    this.#replaced.close();
  }

  /**
   * By its own name, and if that is allowed nothing, as a stranger: who is known has never less than who is not, unless a deny
   * rule says so.
   */
  async decide(connection: AnswerConnection, zone: Name): Promise<Standing> {
    const { access } = this.#host;
    const client = connection.client();
    const decision = await access.decide({ client, connection }, { action: 'query', zone });
    if (client === undefined || decision.allowed || decision.reason === 'denied')
      return this.#standing(connection, client, decision);
    const asStranger = await access.decide({ client: undefined, connection }, { action: 'query', zone });
    return this.#standing(connection, undefined, asStranger);
  }

  refusalOf(reader: QueryReader): Refusal | undefined {
    if (reader.class !== RrClass.IN) return otherClass;
    return reader.type === RrType.AXFR || reader.type === RrType.IXFR ? noTransfers : undefined;
  }

  failed(failure: SourceFailure, standing: Standing): Refusal {
    if (isOverload(failure)) return standing.class.refusals.overloaded;
    return upstreamFailed(failure);
  }

  noteRequest(connection: AnswerConnection, standing: Standing | undefined): void {
    // Who is not decided about yet is what he seems to be.
    const isLast = standing === undefined ? connection.client() === undefined : standing.isLast;
    if (isLast) this.#turns.noteRequest(connection);
  }

  /** No class is charged for it, so that a stranger could keep this machine busy with such requests alone. */
  noteOddity(connection: AnswerConnection): void {
    if (connection.client() === undefined) this.#turns.noteRequest(connection);
  }

  noteEnd(connection: AnswerConnection): void {
    this.#turns.forget(connection);
  }

  noteRefusal(connection: AnswerConnection, { reason }: Refusal, decision: Decision | undefined): void {
    this.#metrics.refused.add({ reason });
    // Who asks for more than he may get waits while others have work for this machine.
    if (reason === 'too-fast') this.#turns.noteRequest(connection);
    const client = connection.client()?.name;
    // Whoever wants to may ask as a stranger, as often as he likes: that is counted, and neither fills the log nor takes time.
    if (client === undefined) return;
    const { entry, rule, detail } = decision ?? {};
    const fields = { ...whoAsks(connection), reason, entry, rule, detail };
    this.#refusals.write('info', 'request refused', client.key, fields);
  }

  noteFailure({ class: { name } }: Standing, failure: SourceFailure): void {
    if (isOverload(failure)) return;
    const fields = { class: name, failure: failure.failure };
    this.#refusals.write('warn', 'question failed', `class ${name}`, fields);
  }

  logQuery(
    connection: AnswerConnection,
    { class: of }: Standing,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#host.log.info('query', { ...whoAsks(connection), class: of.name, ...fields });
  }

  #standing(
    connection: AnswerConnection,
    client: ReturnType<AnswerConnection['client']>,
    decision: Decision,
  ): Standing {
    const of = this.#classOf(decision);
    return new Standing({
      decision,
      class: of,
      member: memberOf(client, connection),
      charger: decision.allowed ? this.#host.access.charger(client, decision) : undefined,
      servers: this.#servers,
      tellsClient: this.#config['proxy-protocol'],
      isLast: of.rank === 0,
    });
  }

  #classOf({ roles }: Decision): MemberClass {
    const known =
      roles.length === 0 ? undefined : this.#classes.values().find(({ name }) => roles.includes(name));
    const of = known ?? this.#classes.get(strangersWord);
    if (of === undefined) throw new Error('there is no class of strangers');
    return of;
  }

  #makeServers(config: RecursiveAuthGateConfig): Servers {
    const { upstreams, transport, limits } = config;
    const { log, metrics, nowMs } = this.#host;
    const forwarder = new Forwarder({
      servers: upstreams.map((server) => ({ ...server, transport })),
      limits,
      label: 'servers',
      noun: 'server',
      ...{ log, metrics, nowMs },
      proxyProtocol: config['proxy-protocol'],
    });
    return new Servers({
      forwarder,
      limits: () => this.#config.limits,
      rate: () => this.#config['upstream-rate'],
      nowMs: () => performance.now(),
      onShed: ({ name }, why) => {
        this.#noteShed(name, why);
      },
    });
  }

  #noteShed(of: string, why: string): void {
    this.#metrics.shed.add({ class: of, why });
    const unseen = this.#shedLines.next(of, this.#host.nowMs());
    if (unseen === undefined) return;
    const advice = 'the servers cannot answer all that is asked; the class that comes last goes without';
    this.#host.log.warn('questions are given up', {
      class: of,
      why,
      unseen: unseen === 0 ? undefined : unseen,
      advice,
    });
  }

  /** Classes whose configuration is the same go on, with what they have in memory. */
  #makeClasses(config: RecursiveAuthGateConfig): ReadonlyMap<string, MemberClass> {
    const { allowances, metrics, nowMs } = this.#host;
    const answerLimits = answerLimitsOf(config);
    const last = config.classes.size - 1;
    const classes = new Map<string, MemberClass>();
    for (const [index, [name, of]] of [...config.classes].entries()) {
      const rank = last - index;
      const made = { name, config: of, rank, answerLimits, allowances, metrics, nowMs };
      const known = this.#classes.get(name);
      classes.set(name, known?.isMadeOf(made) === true ? known : new MemberClass(made));
      this.#metrics.memory.follow({ class: name }, () => this.#classes.get(name)?.answers.entries ?? 0);
    }
    return classes;
  }
}

/** Nobody was asked: there is no time, or no place, for the question. */
function isOverload(failure: SourceFailure): boolean {
  return failure === shedFailure || failure === tooManyUnderWay;
}

function whoAsks(connection: AnswerConnection): Readonly<Record<string, unknown>> {
  const { id, remote } = connection;
  return { connection: id, remote, client: connection.client()?.name.toString() };
}

/** What needs other servers when it changes. */
function serversPart({
  upstreams,
  transport,
  limits,
  'proxy-protocol': proxy,
}: RecursiveAuthGateConfig): unknown {
  return { upstreams, transport, limits, proxy };
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function wayOf({ limits }: RecursiveAuthGateConfig): ReplyWay {
  return {
    maxOctets: 65_535,
    idleTimeMs: limits['idle-time'],
    isEncrypted: true,
    isAuthoritative: true,
  };
}

function answerLimitsOf({ limits }: RecursiveAuthGateConfig): AnswerLimits {
  const keptSeconds = Math.floor(limits['cache-time'] / 1000);
  return {
    entries: limits['cache-entries'],
    octets: limits['cache-octets'],
    // An authoritative answer is of now, or there is none.
    staleMs: 0,
    staleAfterMs: 0,
    questions: limits.questions,
    keep: {
      ttlMax: keptSeconds,
      negativeMax: keptSeconds,
      failure: Math.min(keptSeconds, Math.floor(limits['failure-ttl'] / 1000)),
    },
  };
}
