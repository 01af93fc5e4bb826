/**
 * The agent of dot-resolver: plain DNS for the programs of a machine, and DNS over TLS under our identity to gates that are
 * proved (RFC 7858, RFC 8310 section 5, strict). When no gate can be reached there is no answer; nothing falls back to plain DNS
 * but the names that `captive` lists.
 */
import { randomInt } from 'node:crypto';
import {
  followGate,
  forwardLimits,
  Forwarder,
  formatEndpoint,
  GatePool,
  Gates,
  NetworkWatch,
  policyOf,
  readRoots,
  Replaced,
  schema,
  systemSigns,
  warnOfReach,
  type Endpoint,
  type NetworkSigns,
  type PlainListener,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
} from '../../../core/index.ts';
import { CaptiveNetwork } from './captive.ts';
import { agentSchema, captiveNames, type AgentConfig } from './config.ts';
import { agentMetrics, type AgentMetrics } from './metrics.ts';
import { Questions, type Means } from './questions.ts';

export const dotAgentName = 'dot-resolver/agent';

/** An agent that watches these signs of its network; a test has its own. */
export function dotAgentWith(signs: NetworkSigns): Plugin<AgentConfig> {
  return {
    name: dotAgentName,
    schema: agentSchema,
    needsAccess: false,
    endpoints: (config) => ({
      listens: config.listen.map((at, index) => ({ at, path: ['listen', index] })),
      // Gates are proved before they are asked: not as plain upstreams are tried.
      upstreams: [],
    }),
    setup: (host, config) => new DotAgent(host, config, signs),
  };
}

export const dotAgent: Plugin<AgentConfig> = dotAgentWith(systemSigns);

const seeds = 2 ** 31;
const plainLimits = schema.fromLimits(forwardLimits).parse({});

class DotAgent implements PluginInstance<AgentConfig> {
  readonly #host: PluginHost;
  readonly #metrics: AgentMetrics;
  readonly #listener: PlainListener;
  readonly #questions: Questions;
  readonly #watch: NetworkWatch;
  #config: AgentConfig;
  #means: Means;
  /** Those of before a reload, as long as questions may be under way there. */
  readonly #replaced = new Replaced();
  #isOpen = false;

  constructor(host: PluginHost, config: AgentConfig, signs: NetworkSigns) {
    this.#host = host;
    this.#config = config;
    this.#metrics = agentMetrics(host.metrics);
    this.#means = this.#meansFor(config);
    this.#questions = new Questions({
      means: () => this.#means,
      metrics: this.#metrics,
      log: host.log,
      nowMs: host.nowMs,
      seed: randomInt(seeds),
    });
    this.#metrics.entries.follow({}, () => this.#questions.answers.entries);
    this.#listener = host.listenPlain(
      { addresses: config.listen, limits: config.limits },
      this.#questions.take,
    );
    this.#watch = new NetworkWatch(signs, (why) => {
      this.#reset(why);
    });
  }

  async start(): Promise<void> {
    const listening = await this.#listener.open();
    this.#isOpen = true;
    this.#watch.start(this.#config.limits['network-check']);
    const { log } = this.#host;
    log.info('listening', {
      addresses: listening.map(formatEndpoint).join(' '),
      gates: this.#config.servers.map(({ text }) => text).join(' '),
    });
    const risk = 'whoever reaches it asks in the name of this machine, and in clear';
    warnOfReach(log, this.#config.listen, risk);
  }

  /** It serves what it has in memory even where no gate can be reached: that is a matter of the metrics, and of the log. */
  ready(): Readiness {
    return { ready: this.#isOpen, waitingFor: this.#isOpen ? [] : [`${dotAgentName}: listening`] };
  }

  reload(config: AgentConfig): void {
    // First, since it may throw, and then all stays as it was.
    const means = this.#meansFor(config);
    const before = this.#means;
    this.#means = means;
    this.#config = config;
    this.#listener.setLimits(config.limits);
    this.#questions.setLimits(config.limits);
    this.#watch.start(config.limits['network-check']);
    // Questions under way keep the gates that they began with.
    this.#replaced.closeAfter(before.limits['agent-time'], {
      close: () => {
        closeMeans(before);
      },
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isOpen = false;
    this.#watch.stop();
    await this.#listener.close(deadlineMs);
    this.#questions.close();
    this.#replaced.close();
    closeMeans(this.#means);
  }

  #reset(why: string): void {
    this.#metrics.resets.add();
    this.#host.log.info('connections are made anew', { why });
    this.#means.gates.reset(why);
    this.#questions.answers.forgetFailures();
  }

  /** Throws ConfigError for a file that cannot be used. */
  #meansFor(config: AgentConfig): Means {
    const { servers, limits } = config;
    const roots = readRoots(config, this.#host);
    const pool = new GatePool({
      policyFor: ({ name }) => policyOf(config, name, roots),
      limits,
      host: this.#host,
    });
    const gates = new Gates({ servers, pool });
    // Of the gates that are in use when somebody reads it.
    for (const { gate } of pool.states()) followGate(this.#metrics, gate, () => this.#means.pool.states());
    return { pool, gates, limits, captive: this.#captiveFor(config) };
  }

  #captiveFor(config: AgentConfig): CaptiveNetwork | undefined {
    const { captive, listen, limits } = config;
    if (captive === undefined) return undefined;
    const { log, metrics, nowMs } = this.#host;
    const askerOf = (servers: readonly Endpoint[]): Forwarder =>
      new Forwarder({
        servers: servers.map((at) => ({ ...at, transport: 'udp' })),
        limits: { ...plainLimits, 'upstream-time': limits['captive-time'] },
        label: 'captive',
        ...{ log, metrics, nowMs },
        proxyProtocol: false,
      });
    return new CaptiveNetwork({
      names: captiveNames(config),
      resolvers: captive.resolvers,
      own: listen,
      askerOf,
    });
  }
}

function closeMeans({ gates, captive }: Means): void {
  gates.close();
  captive?.close();
}
