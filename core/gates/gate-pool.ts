/**
 * The gates of an agent, each once, whatever number of lists it stands in: those who share one share its connections, its
 * addresses, and what is known of how it does.
 */
import type { ServerPolicy } from '../client/server-policy.ts';
import type { Name } from '../dns/name.ts';
import type { PluginHost } from '../plugin/contract.ts';
import type { GateText } from './gate-text.ts';
import { GateTarget } from './gate-target.ts';
import type { GateLink, GateWay } from './gate-way.ts';
import { linkLimits, type GateLimits } from './limits.ts';

export interface GatePoolOptions {
  /** What a gate must prove; for all lists the same. */
  readonly policyFor: (gate: GateText) => ServerPolicy;
  readonly limits: GateLimits;
  readonly host: Pick<PluginHost, 'resolver' | 'nowMs' | 'log'> & {
    readonly connect: (options: Parameters<PluginHost['connect']>[0]) => GateLink;
  };
}

/** One gate for the metrics. */
export interface GateState {
  readonly gate: string;
  /** Whether one of its addresses answered what it was asked last. */
  readonly hasAnswered: boolean;
  readonly connections: number;
}

interface Shared {
  readonly target: GateTarget;
  holders: number;
}

export class GatePool {
  readonly #options: GatePoolOptions;
  readonly #shared = new Map<string, Shared>();

  constructor(options: GatePoolOptions) {
    this.#options = options;
  }

  get limits(): GateLimits {
    return this.#options.limits;
  }

  get log(): GatePoolOptions['host']['log'] {
    return this.#options.host.log;
  }

  /** The gate, which connects to nobody yet; `release` it. Throws RangeError for a policy that proves nothing. */
  take(gate: GateText): GateTarget {
    const key = keyOf(gate);
    const shared = this.#shared.get(key) ?? { target: this.#open(gate), holders: 0 };
    shared.holders += 1;
    this.#shared.set(key, shared);
    return shared.target;
  }

  /** Closes it when nobody holds it any more. */
  release({ gate }: GateTarget): void {
    const shared = this.#shared.get(keyOf(gate));
    if (shared === undefined) return;
    shared.holders -= 1;
    if (shared.holders > 0) return;
    this.#shared.delete(keyOf(gate));
    shared.target.close();
  }

  states(): readonly GateState[] {
    return [...this.#shared.values()].map(({ target: { gate, ways } }) => ({
      gate: gate.text,
      hasAnswered: ways.some(({ hasAnswered }) => hasAnswered),
      connections: ways.reduce((sum, { connections }) => sum + connections, 0),
    }));
  }

  /** The names that are, or may be, looked up for one of them at this moment. */
  namesLookedFor(): readonly Name[] {
    return [...this.#shared.values()].flatMap(({ target }) => target.namesLookedFor());
  }

  #open(gate: GateText): GateTarget {
    const { policyFor, limits, host } = this.#options;
    const policy = policyFor(gate);
    const link = (endpoint: GateWay['at']): GateLink =>
      host.connect({ endpoint, policy, alpn: 'dot', limits: linkLimits(limits) });
    return new GateTarget({
      gate,
      link,
      resolver: host.resolver,
      nowMs: host.nowMs,
      onLookupFailed: (detail) => {
        host.log.warn('addresses of a gate not found', { gate: gate.text, detail });
      },
    });
  }
}

/** A gate is the same however its name is written. */
function keyOf({ address, port, name }: GateText): string {
  return `${address ?? ''} ${String(port)} ${name?.key ?? ''}`;
}
