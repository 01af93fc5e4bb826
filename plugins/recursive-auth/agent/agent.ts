/**
 * The agent of recursive-auth: plain DNS for the recursive resolver of this machine, for chosen zones, and on the other side the
 * authoritative servers of these zones. Of strict zones only gates are asked, which prove themselves (RFC 8310 section 5, by
 * DANE if nothing else is said), over TLS and under our identity: without one there is no answer. Those of opportunistic zones
 * are asked as RFC 9539 has it, and never learn who we are.
 *
 * Limitations: `resolver.servers` must not be a resolver that sends these zones here, unless it has the names of their servers
 * and their TLSA records from elsewhere: to find a gate it would be asked for what only the gate can answer.
 */
import { randomInt } from 'node:crypto';
import {
  followGate,
  formatEndpoint,
  GatePool,
  NetworkWatch,
  policyOf,
  readRoots,
  Replaced,
  Sources,
  systemSigns,
  warnOfReach,
  type NetworkSigns,
  type PlainListener,
  type Plugin,
  type PluginHost,
  type PluginInstance,
  type Readiness,
} from '../../../core/index.ts';
import { recursiveAgentSchema, type RecursiveAgentConfig, type ZoneConfig } from './config.ts';
import { GatesWay } from './gates-way.ts';
import { agentMetrics, type AgentMetrics } from './metrics.ts';
import { NameServers } from './name-servers.ts';
import { OpportunisticZones } from './opportunistic-zones.ts';
import { Questions, type Means } from './questions.ts';
import { ZoneTable, type ServedZone } from './zone-table.ts';

export const recursiveAgentName = 'recursive-auth/agent';

/** What a test has of its own. */
export interface AgentSurroundings {
  /** The signs of the network that are watched. */
  readonly signs: NetworkSigns;
  /** Of the servers of opportunistic zones; those of the standards if absent. */
  readonly ports?: { readonly clear: number; readonly encrypted: number };
}

export function recursiveAgentIn(surroundings: AgentSurroundings): Plugin<RecursiveAgentConfig> {
  return {
    name: recursiveAgentName,
    schema: recursiveAgentSchema,
    // Who may ask is a matter of addresses.
    needsAccess: false,
    endpoints: ({ listen }) => ({
      listens: listen.map((at, index) => ({ at, path: ['listen', index] })),
      // Gates are proved before they are asked: not as plain upstreams are tried.
      upstreams: [],
    }),
    setup: (host, config) => new RecursiveAgent(host, config, surroundings),
  };
}

export const recursiveAgent: Plugin<RecursiveAgentConfig> = recursiveAgentIn({ signs: systemSigns });

const seeds = 2 ** 31;

/** What a configuration is read to. */
interface Served extends Means {
  readonly config: RecursiveAgentConfig;
  readonly pool: GatePool;
}

class RecursiveAgent implements PluginInstance<RecursiveAgentConfig> {
  readonly #host: PluginHost;
  readonly #metrics: AgentMetrics;
  readonly #listener: PlainListener;
  readonly #questions: Questions;
  readonly #watch: NetworkWatch;
  readonly #opportunistic: OpportunisticZones;
  #served: Served;
  /** Those of before a reload, as long as questions may be under way there. */
  readonly #replaced = new Replaced();
  #generation = 0;
  #isOpen = false;

  constructor(host: PluginHost, config: RecursiveAgentConfig, { signs, ports }: AgentSurroundings) {
    this.#host = host;
    this.#metrics = agentMetrics(host.metrics);
    this.#opportunistic = new OpportunisticZones(host, ports);
    this.#served = this.#servedBy(config);
    this.#follow(this.#served);
    this.#questions = new Questions({
      means: () => this.#served,
      metrics: this.#metrics,
      log: host.log,
      nowMs: host.nowMs,
      seed: randomInt(seeds),
    });
    this.#metrics.underWay.follow({}, () => this.#questions.underWay);
    this.#listener = host.listenPlain(
      { addresses: config.listen, limits: config.limits },
      this.#questions.take,
    );
    this.#watch = new NetworkWatch(signs, (why) => {
      this.#reset(why);
    });
  }

  async start(): Promise<void> {
    const { config, table } = this.#served;
    await this.#opportunistic.use(config);
    const listening = await this.#listener.open();
    this.#isOpen = true;
    this.#watch.start(config.limits['network-check']);
    const { log } = this.#host;
    log.info('listening', {
      addresses: listening.map(formatEndpoint).join(' '),
      strict: table.zones.filter(({ mode }) => mode === 'strict').length,
      opportunistic: table.zones.filter(({ mode }) => mode === 'opportunistic').length,
    });
    const risk = 'whoever can claim an address of allow asks in the name of this machine, and in clear';
    warnOfReach(log, config.listen, risk);
  }

  /** Whether gates can be reached is a matter of the metrics, and of the log: of many zones one may always be away. */
  ready(): Readiness {
    const waitingFor = this.#isOpen ? [] : [`${recursiveAgentName}: listening`];
    return { ready: this.#isOpen, waitingFor };
  }

  reload(config: RecursiveAgentConfig): void {
    // First, since it may throw, and then all stays as it was.
    const served = this.#servedBy(config);
    const before = this.#served;
    this.#served = served;
    this.#follow(served);
    void this.#opportunistic.use(config);
    this.#listener.setLimits(config.limits);
    this.#questions.setLimits(config.limits);
    this.#watch.start(config.limits['network-check']);
    // Questions under way keep the gates that they began with.
    this.#replaced.closeAfter(before.limits['agent-time'], {
      close: () => {
        closeAll(before);
      },
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isOpen = false;
    this.#watch.stop();
    await this.#listener.close(deadlineMs);
    this.#questions.close();
    this.#replaced.close();
    closeAll(this.#served);
    await this.#opportunistic.close();
  }

  #reset(why: string): void {
    this.#metrics.resets.add();
    this.#host.log.info('connections are made anew', { why });
    for (const { way } of this.#served.table.zones) way.reset(why);
    void this.#opportunistic.reset(why);
  }

  /** Throws ConfigError for a file that cannot be used. */
  #servedBy(config: RecursiveAgentConfig): Served {
    const { zones, limits, allow } = config;
    const roots = readRoots(config, this.#host);
    const pool = new GatePool({
      policyFor: ({ name }) => policyOf(config, name, roots),
      limits,
      host: this.#host,
    });
    const found: NameServers[] = [];
    const serve = (zone: ZoneConfig): ServedZone => {
      const names = this.#nameServers(zone, config);
      if (zone.gates === undefined && zone.servers === undefined) found.push(names);
      return zone.mode === 'strict'
        ? strictZone(zone, names, pool, config)
        : this.#opportunisticZone(zone, names);
    };
    const table = new ZoneTable(zones.map(serve));
    const isLookedFor = (key: string): boolean =>
      [...pool.namesLookedFor(), ...found.flatMap((one) => one.namesLookedFor())].some((name) =>
        // On the way to a name resolvers ask for those above it (RFC 9156), and for the keys of its zone.
        name.key.endsWith(key),
      );
    this.#generation += 1;
    return {
      config,
      pool,
      table,
      limits,
      allowed: new Sources(allow),
      generation: this.#generation,
      isLookedFor,
    };
  }

  #nameServers({ zone, mode }: ZoneConfig, { limits }: RecursiveAgentConfig): NameServers {
    const { resolver, nowMs, log } = this.#host;
    const keptMs = limits['server-names-kept'];
    return new NameServers({ zone, resolver, nowMs, needsProof: mode === 'strict', keptMs, log });
  }

  #opportunisticZone({ zone, servers }: ZoneConfig, names: NameServers): ServedZone {
    const find =
      servers === undefined
        ? async () => (await names.find()).flatMap(({ addresses }) => addresses)
        : () => Promise.resolve(servers);
    return {
      zone,
      text: zone.toString(),
      mode: 'opportunistic',
      way: this.#opportunistic.way(find, names),
      isUp: () => servers !== undefined || names.known > 0,
    };
  }

  /** Of the gates that are in use when somebody reads it. */
  #follow({ config, table }: Served): void {
    // Those that NS records name are not told one by one: they are as many as others please.
    const gates = new Set(config.zones.flatMap(({ gates: own = [] }) => own.map(({ text }) => text)));
    for (const gate of gates) followGate(this.#metrics, gate, () => this.#served.pool.states());
    for (const { text, mode } of table.zones) {
      if (mode !== 'strict') continue;
      const way = () => this.#served.table.zones.find((one) => one.text === text)?.way;
      this.#metrics.zoneGates.follow({ zone: text }, () => {
        const now = way();
        return now instanceof GatesWay ? now.good : 0;
      });
    }
  }
}

function strictZone(
  { zone, gates }: ZoneConfig,
  names: NameServers,
  pool: GatePool,
  { limits }: RecursiveAgentConfig,
): ServedZone {
  const way = new GatesWay({ zone, pool, gates: gates ?? names, graceMs: limits['agent-time'] });
  return { zone, text: zone.toString(), mode: 'strict', way, isUp: () => way.isUp };
}

function closeAll({ table }: Served): void {
  for (const { way } of table.zones) way.close();
}
