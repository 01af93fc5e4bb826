/**
 * All that a zone passes on its way, as processes: a primary of others, `danced run` with a gate before it, and if asked for one
 * with an agent; secondaries of others at the gate and behind the agent. The DNS with the keys is the lab's. NOTIFY goes the
 * same way: primary, gate, agent, secondaries.
 */
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, type IdentityFiles } from './identity-files.ts';
import { nativeKinds, plainKinds } from './peers/kinds.ts';
import type { Primary, StartPrimary } from './peers/primaries.ts';
import type { Secondary } from './peers/secondaries.ts';
import { freePort, TestBed } from './peers/test-bed.ts';
import type { ZoneText } from './peers/zone-text.ts';
import { startXot, type XotProcess } from './xot-process.ts';

export interface XotBedOptions {
  readonly startPrimary: StartPrimary;
  readonly zones: readonly ZoneText[];
  /** Of gate and agent; their default if not said. */
  readonly serve?: 'cached' | 'relayed';
  /** Kinds of secondaries that speak XoT with the gate, and of those that speak plain DNS with the agent. */
  readonly atGate?: readonly string[];
  readonly atAgent?: readonly string[];
  /** Names of more clients that the gate lets in. */
  readonly clients?: readonly string[];
  /** Without an agent there is nobody behind one. */
  readonly withAgent?: boolean;
  /** More lines of their configurations. */
  readonly gateLines?: string;
  readonly agentLines?: string;
  /** Of gate and agent: `debug` if not said. */
  readonly level?: string;
  /** Ports of relays that stand on the way, made when the ports behind them are known. */
  readonly between?: {
    readonly primary?: (port: () => number) => Promise<number>;
    readonly gate?: (port: () => number) => Promise<number>;
    readonly agentAndGate?: (port: () => number) => Promise<number>;
  };
}

const gateName = 'gate.example';
/** Characters of a log in a failure. */
const lastWordsLength = 5_000;
const agentName = 'agent.ns2.example';

export class XotBed {
  readonly bed = new TestBed();
  readonly secondaries = new Map<string, Secondary>();
  readonly #identities = new Map<string, IdentityFiles>();
  #lab: Lab | undefined;
  #primary: Primary | undefined;
  #gate: XotProcess | undefined;
  #agent: XotProcess | undefined;

  /** What a client of the gate shows. */
  identity(name: string): IdentityFiles {
    return there(this.#identities.get(name));
  }

  get lab(): Lab {
    return there(this.#lab);
  }

  get primary(): Primary {
    return there(this.#primary);
  }

  get gate(): XotProcess {
    return there(this.#gate);
  }

  get agent(): XotProcess {
    return there(this.#agent);
  }

  /** Starts everything, the secondaries last; resolves when all listen, not when they have their zones. */
  static async start(options: XotBedOptions): Promise<XotBed> {
    const bed = new XotBed();
    try {
      await bed.#start(options);
    } catch (error) {
      await bed.close();
      throw error;
    }
    return bed;
  }

  /** Stops everything. Throws with its log when gate or agent have ended before, of themselves. */
  async close(): Promise<void> {
    const dead = [this.#gate, this.#agent].find((danced) => danced?.program.hasEnded === true);
    const lastWords = dead?.program.log.slice(-lastWordsLength);
    await this.bed.close();
    await this.#lab?.close();
    if (dead !== undefined) throw new Error(`${dead.name} has ended; its log ends: ${lastWords}`);
  }

  async #makeIdentity(name: string): Promise<IdentityFiles> {
    const identity = await makeIdentity(this.bed, name);
    this.lab.publishTlsa(name, [identity.tlsa]);
    return identity;
  }

  async #start(options: XotBedOptions): Promise<void> {
    const { zones, atGate = [], atAgent = [], withAgent = atAgent.length > 0, between = {} } = options;
    const apexes = zones.map(({ apex }) => apex);
    this.#lab = await startLab();
    const [notifyPort, gatePort, agentPort] = [await freePort(), await freePort(), await freePort()];
    const gatePorts = await portsOf(atGate);
    const agentPorts = await portsOf(atAgent);
    this.#primary = await options.startPrimary(this.bed, zones, { notify: [notifyPort] });
    const primaryPort = await (between.primary ?? straight)(() => this.primary.port);
    // Before the gate starts, since that looks ahead for the keys of its clients.
    const names = [agentName, ...atGate.map(clientOf), ...(options.clients ?? [])];
    for (const name of names) this.#identities.set(name, await this.#makeIdentity(name));
    const clients = Object.fromEntries(names.map((name) => [name, ['*']]));
    const common = { lab: this.lab, ...(options.level !== undefined && { level: options.level }) };
    // Where nothing is kept there are no versions of which one could be told.
    const isKept = options.serve !== 'relayed';
    const serve = options.serve === undefined ? '' : `    serve: ${options.serve}\n`;
    const zoneLine = `    zones: [${apexes.map((apex) => `"${apex}"`).join(', ')}]\n`;
    this.#gate = await startXot(this.bed, {
      ...common,
      identity: await this.#makeIdentity(gateName),
      use: 'xot/gate',
      port: gatePort,
      clients,
      plugin: `    primary: 127.0.0.1:${primaryPort}
${zoneLine}${serve}${isKept ? notifyLines([...gatePorts, ...(withAgent ? [agentPort] : [])], notifyPort) : ''}${options.gateLines ?? ''}`,
    });
    if (withAgent) {
      const port = await (between.agentAndGate ?? straight)(() => gatePort);
      this.#lab.publishTlsa(`_${port}._tcp.${gateName}`, [this.#gate.tlsa]);
      this.#agent = await startXot(this.bed, {
        ...common,
        identity: this.identity(agentName),
        use: 'xot/agent',
        port: agentPort,
        plugin: `    gates: ["127.0.0.1:${port}#${gateName}"]
    dane: required
${zoneLine}${serve}${isKept ? notifyLines(agentPorts) : ''}${options.agentLines ?? ''}`,
      });
    }
    const seenGatePort = await (between.gate ?? straight)(() => gatePort);
    const [apex = '', ...moreZones] = apexes;
    for (const [index, kind] of atGate.entries()) {
      const identity = this.identity(clientOf(kind));
      const gate = { port: seenGatePort, certificateFile: this.gate.certificateFile, name: gateName };
      const told = { apex, moreZones, gate, identity, port: gatePorts[index]! };
      this.secondaries.set(`${kind} at the gate`, await nativeKinds[kind]!(this.bed, told));
    }
    for (const [index, kind] of atAgent.entries()) {
      const told = { apex, moreZones, gate: { port: agentPort }, port: agentPorts[index]! };
      this.secondaries.set(`${kind} behind the agent`, await plainKinds[kind]!(this.bed, told));
    }
  }
}

/** The name that a secondary at the gate shows. */
export function clientOf(kind: string): string {
  return `_xfr.${kind.toLowerCase()}.ns2.example`;
}

function straight(port: () => number): Promise<number> {
  return Promise.resolve(port());
}

function portsOf(kinds: readonly string[]): Promise<number[]> {
  return Promise.all(kinds.map(() => freePort()));
}

function notifyLines(toPorts: readonly number[], listenPort?: number): string {
  const listen = listenPort === undefined ? '' : `listen: ["127.0.0.1:${listenPort}"], `;
  const to = toPorts.map((port) => `"127.0.0.1:${port}"`).join(', ');
  return `    notify: { ${listen}from: ["127.0.0.1"], to: [${to}] }\n`;
}

function there<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('it has not been started');
  return part;
}
