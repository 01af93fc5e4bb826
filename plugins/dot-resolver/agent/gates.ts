/**
 * The gates of an agent: the first of the list that works is asked; one that fails or is slow is passed over until it has
 * answered in the background (gate-way.ts), and then preferred again.
 */
import {
  makeQuery,
  encodeMessage,
  Name,
  RrType,
  type PluginHost,
  type ServerPolicy,
} from '../../../core/index.ts';
import { GateTarget } from './gate-target.ts';
import { Standing, type GateLink, type GateWay } from './gate-way.ts';
import { hopQuery } from './hop-query.ts';
import { linkLimits, type AgentLimits } from './limits.ts';
import { GatesError, race } from './race.ts';
import type { GateText } from './server-text.ts';

export interface GatesOptions {
  readonly servers: readonly GateText[];
  readonly policyFor: (gate: GateText) => ServerPolicy;
  readonly limits: AgentLimits;
  readonly host: Pick<PluginHost, 'resolver' | 'nowMs' | 'log'> & {
    readonly connect: (options: Parameters<PluginHost['connect']>[0]) => GateLink;
  };
}

/** One gate for the metrics. */
export interface GateState {
  readonly gate: string;
  readonly hasAnswered: boolean;
  readonly connections: number;
}

export class Gates {
  readonly #targets: readonly GateTarget[];
  readonly #options: GatesOptions;
  /** Undefined before anything was asked. */
  #isReachable: boolean | undefined;

  /** Connects to nobody yet. Throws RangeError for a policy that proves nothing. */
  constructor(options: GatesOptions) {
    const { servers, policyFor, limits, host } = options;
    this.#options = options;
    this.#targets = servers.map((gate) => {
      const policy = policyFor(gate);
      const link = (endpoint: GateWay['at']): GateLink =>
        host.connect({ endpoint, policy, alpn: 'dot', limits: linkLimits(limits) });
      return new GateTarget({
        gate,
        policy,
        link,
        resolver: host.resolver,
        nowMs: host.nowMs,
        onLookupFailed: (detail) => {
          host.log.warn('addresses of a gate not found', { gate: gate.text, detail });
        },
      });
    });
  }

  /** Whether the last question that left, or could not, had an answer; true as long as nothing was asked. */
  get isReachable(): boolean {
    return this.#isReachable !== false;
  }

  states(): readonly GateState[] {
    return this.#targets.map(({ gate, ways }) => ({
      gate: gate.text,
      hasAnswered: ways.some(({ hasAnswered }) => hasAnswered),
      connections: ways.reduce((sum, { connections }) => sum + connections, 0),
    }));
  }

  /**
   * Sends a query and gives the answer of the first gate that has one. Rejects with GatesError.
   *
   * @param timeMs for all gates together
   */
  async ask(query: Buffer, timeMs: number): Promise<Buffer> {
    for (const target of this.#targets) target.refresh();
    this.#probeBetter();
    const { limits } = this.#options;
    try {
      const answer = await race(
        { next: (tried) => this.#best(tried), find: () => this.#find() },
        { query, timeMs, patienceMs: limits['next-gate-after'] },
      );
      this.#note(true, '');
      return answer;
    } catch (error) {
      if (error instanceof GatesError) this.#note(false, error.message);
      throw error;
    }
  }

  /** Whether gates are looked for at this moment. */
  get isLooking(): boolean {
    return this.#targets.some(
      ({ ways, isLookingUp }) => isLookingUp || ways.some(({ state }) => state.kind === 'opening'),
    );
  }

  /**
   * Whether somebody who looks for a gate at this moment asks about it: our resolver then asks us, and waits for an answer that
   * waits for him. `key` is that of the name (Name.key).
   */
  isLookedFor(key: string): boolean {
    return this.#targets.some(({ gate, ways, isLookingUp }) => {
      if (gate.name === undefined) return false;
      const isOpening = ways.some(({ state }) => state.kind === 'opening');
      if (!isLookingUp && !isOpening) return false;
      if (gate.name.key === key) return isLookingUp;
      return isOpening && tlsaKey(gate.name, gate.port) === key;
    });
  }

  /** The machine has slept, or is elsewhere: connections are dropped, and all may be tried at once. */
  reset(why: string): void {
    for (const target of this.#targets) target.reset(why);
  }

  close(): void {
    for (const target of this.#targets) target.close();
  }

  #ways(): readonly GateWay[] {
    return this.#targets.flatMap(({ ways }) => ways);
  }

  #best(tried: ReadonlySet<GateWay>): GateWay | undefined {
    let best: GateWay | undefined;
    let standing: Standing | undefined;
    for (const way of this.#ways()) {
      if (tried.has(way)) continue;
      const its = way.standing;
      if (standing !== undefined && its >= standing) continue;
      best = way;
      standing = its;
    }
    return best;
  }

  /** Those that would be preferred if they worked: whether they do is found out at nobody's cost. */
  #probeBetter(): void {
    const ways = this.#ways();
    const chosen = ways.findIndex(({ standing }) => standing === Standing.GOOD);
    for (const way of ways.slice(0, Math.max(chosen, 0))) {
      if (way.standing === Standing.DOUBTFUL) way.probe(probeQuery());
    }
  }

  async #find(): Promise<boolean> {
    const unknown = this.#targets.filter(({ ways }) => ways.length === 0);
    if (unknown.length === 0) return false;
    await Promise.any(unknown.map((target) => target.lookUp())).catch((error: unknown) => {
      const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
      throw new Error(errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; '));
    });
    return true;
  }

  #note(isReachable: boolean, detail: string): void {
    const before = this.#isReachable;
    this.#isReachable = isReachable;
    const { log } = this.#options.host;
    if (!isReachable && before !== false) log.warn('no gate can be reached', { detail });
    if (isReachable && before === false) log.info('a gate can be reached again');
  }
}

/** RFC 8310 section 8.2: where the TLSA records of a gate are. */
function tlsaKey(name: Name, port: number): string {
  return name.prepend('_tcp').prepend(`_${String(port)}`).key;
}

/** A question that tells nothing of anybody; any answer will do. */
function probeQuery(): Buffer {
  return hopQuery(
    encodeMessage(
      makeQuery({
        id: 0,
        name: Name.root,
        type: RrType.NS,
        rd: true,
        edns: { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] },
      }),
    ),
  );
}
