/**
 * The agent of xot: plain SOA, AXFR and IXFR for the name server beside it, and zone transfer over TLS (RFC 9103) under our
 * identity from gates, or other servers that speak XoT, which are proved first (strict profile, RFC 8310).
 *
 * Nothing falls back to anything weaker: without a proved gate there is no transfer, and what is kept is served until it expires.
 */
import {
  formatEndpoint,
  linkLimits,
  type Certificate,
  type PlainListener,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
  Sources,
  policyOf,
  readRoots,
  warnOfReach,
} from '../../../core/index.ts';
import { TlsUpstream, type UpstreamLink } from '../upstream/tls-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { AgentNotify } from './agent-notify.ts';
import { xotAgentSchema, type XotAgentConfig } from './config.ts';
import type { GateText } from './gate-text.ts';
import { Gates } from './gates.ts';
import { Keeping } from './keeping.ts';
import { agentMetrics, type AgentMetrics } from './metrics.ts';
import { Requests } from './requests.ts';
import { RelayedZones, type Zones } from './zones.ts';

export const xotAgentName = 'xot/agent';

export const xotAgent: Plugin<XotAgentConfig> = {
  name: xotAgentName,
  schema: xotAgentSchema,
  // Who may ask is a matter of addresses. NOTIFY over TLS is one of names, and refused without a list.
  needsAccess: false,
  endpoints: ({ listen, notify }) => ({
    listens: [
      ...listen.map((at, index) => ({ at, path: ['listen', index] })),
      ...(notify?.listen ?? []).map((at, index) => ({ at, path: ['notify', 'listen', index] })),
    ],
    // Gates are proved before they are asked: not as plain upstreams are tried.
    upstreams: [],
  }),
  setup: (host, config) => new XotAgent(host, config),
};

/** What a configuration is read to. */
interface Means {
  readonly config: XotAgentConfig;
  readonly roots: readonly Certificate[];
  readonly gates: Gates;
  readonly allowed: Sources;
  /** Keys of the zones that are configured. */
  readonly zones: ReadonlySet<string>;
}

class XotAgent implements PluginInstance<XotAgentConfig> {
  readonly #host: PluginHost;
  readonly #metrics: AgentMetrics;
  readonly #listener: PlainListener;
  readonly #relayed: RelayedZones;
  readonly #notify: AgentNotify;
  /** Those that are open, of gates of before a reload too. */
  readonly #links = new Set<UpstreamLink>();
  #keeping: Keeping | undefined;
  #means: Means;
  #isOpen = false;

  constructor(host: PluginHost, config: XotAgentConfig) {
    this.#host = host;
    this.#metrics = agentMetrics(host.metrics);
    this.#means = this.#meansFor(config);
    this.#relayed = new RelayedZones(
      () => this.#means.gates,
      () => this.#means.zones,
    );
    this.#notify = new AgentNotify({
      host,
      config: config.notify,
      limits: config.limits,
      zones: () => this.#zones,
      open: (gate) => this.#open(this.#means.config, gate, this.#means.roots),
      onNotify: (zone) => {
        if (this.#keeping === undefined) void this.#notify.passOn(zone, this.#means.gates.for(zone));
        else this.#keeping.notify(zone);
      },
    });
    if (config.serve === 'cached') this.#keeping = this.#keepingFor(config);
    const requests = new Requests({
      zones: () => this.#zones,
      allowed: () => this.#means.allowed,
      limits: () => this.#means.config.limits,
      notify: (octets, from) => this.#notify.takePlain(octets, from),
      ...{ log: host.log, metrics: host.metrics, nowMs: host.nowMs },
    });
    this.#listener = host.listenPlain({ addresses: config.listen, limits: config.limits }, requests.take);
  }

  async start(): Promise<void> {
    const { log } = this.#host;
    const listening = await this.#listener.open();
    await this.#notify.open();
    this.#isOpen = true;
    const { config, gates } = this.#means;
    log.info('listening', {
      addresses: listening.map(formatEndpoint).join(' '),
      gates: gates.ways.map(({ text }) => text).join(' '),
      zones: config.zones.length,
      serve: config.serve,
    });
    warnOfReach(
      log,
      config.listen,
      'zones can be had there in clear, by whoever can claim an address of allow',
    );
    gates.watch([...config.zones, ...config.catalogs]);
    this.#keeping?.start();
  }

  /** It serves when each zone is there, or can be asked for. */
  ready(): Readiness {
    if (!this.#isOpen) return { ready: false, waitingFor: [`${xotAgentName}: listening`] };
    const { config, gates } = this.#means;
    const problems = gates.ways.flatMap(({ text, problem }) =>
      problem === undefined ? [] : [`${xotAgentName}: gate ${text}: ${problem}`],
    );
    if (this.#keeping !== undefined) {
      const missing = this.#keeping.missing();
      return {
        ready: missing.length === 0,
        waitingFor: [...problems, ...missing.map((words) => `${xotAgentName}: ${words}`)],
      };
    }
    const isReady = config.zones.every((zone) => gates.waysOf(zone).some(({ isGood }) => isGood));
    const waitingFor =
      isReady || problems.length > 0 ? problems : [`${xotAgentName}: the first answer of a gate`];
    return { ready: isReady, waitingFor };
  }

  reload(config: XotAgentConfig): void {
    // First, since it may throw, and then all stays as it was.
    const means = this.#meansFor(config);
    const before = this.#means;
    this.#means = means;
    this.#listener.setLimits(config.limits);
    this.#notify.reload(config.notify, config.limits);
    if (config.serve === 'relayed') {
      this.#keeping?.close();
      this.#keeping = undefined;
    } else if (this.#keeping === undefined) {
      this.#keeping = this.#keepingFor(config);
      this.#keeping.start();
    } else {
      this.#keeping.reload(config);
    }
    means.gates.watch([...config.zones, ...config.catalogs]);
    // Requests under way keep the gates that they began with.
    before.gates.close();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isOpen = false;
    await Promise.all([this.#listener.close(deadlineMs), this.#notify.close(deadlineMs)]);
    this.#keeping?.close();
    this.#means.gates.close();
    // Nobody waits any more for what is under way, as for those who asked by UDP.
    for (const link of [...this.#links]) link.close();
  }

  get #zones(): Zones {
    return this.#keeping?.zones ?? this.#relayed;
  }

  #keepingFor(config: XotAgentConfig): Keeping {
    return new Keeping({
      host: this.#host,
      config,
      gates: () => this.#means.gates,
      onVersion: (zone, version) => {
        this.#notify.announce(zone, version.soa);
      },
    });
  }

  /** Throws ConfigError for a file that cannot be used. */
  #meansFor(config: XotAgentConfig): Means {
    const { log, nowMs } = this.#host;
    const roots = readRoots(config, this.#host);
    const gates = new Gates({
      lists: config.gates,
      open: (gate) => this.#open(config, gate, roots),
      checkMs: config.limits['gate-check'],
      ...{ log, nowMs },
    });
    for (const { text } of gates.ways) {
      // Of the gates that are in use when somebody reads it.
      const isUp = () => this.#means.gates.ways.find((way) => way.text === text)?.isGood === true;
      this.#metrics.gateUp.follow({ server: text }, () => (isUp() ? 1 : 0));
    }
    return {
      config,
      roots,
      gates,
      allowed: new Sources(config.allow),
      zones: new Set(config.zones.map(({ key }) => key)),
    };
  }

  #open(config: XotAgentConfig, gate: GateText, roots: readonly Certificate[]): Upstream {
    const policy = policyOf(config, gate.name, roots);
    const link = this.#host.connect({
      endpoint: gate.at,
      policy,
      alpn: 'dot',
      limits: linkLimits(config.limits),
    });
    const held: UpstreamLink = {
      ask: (message, signal) => link.ask(message, signal),
      askStream: (message, signal) => link.askStream(message, signal),
      close: () => {
        this.#links.delete(held);
        link.close();
      },
    };
    this.#links.add(held);
    return new TlsUpstream(`gate ${gate.text}`, held);
  }
}
