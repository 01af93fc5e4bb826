/**
 * The opportunistic zones of an agent: what is known of their servers, and the connections to them, which all zones share
 * (RFC 9539). Our identity is not in reach of anything here: strict zones have nothing in common with these but the listener.
 *
 * Limitations: DNS over TLS only; DNS over QUIC is not offered.
 */
import type { Log, Metrics } from '../../../../core/index.ts';
import type { ZoneWay } from '../zone-way.ts';
import { transportLimits, type OpportunisticLimits } from './limits.ts';
import { opportunisticMeters } from './metrics.ts';
import { OpportunisticWay } from './opportunistic-way.ts';
import { ProbedServer, type ServerMeans } from './probed-server.ts';
import { ProbeStates } from './probe-states.ts';

export interface OpportunismOptions {
  /** Where states survive a restart; undefined: in memory only. */
  readonly file: string | undefined;
  readonly limits: OpportunisticLimits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Those of the standards if absent. */
  readonly ports?: ServerMeans['ports'];
}

/** RFC 1035 section 4.2, RFC 7858 section 3.1. */
const standardPorts = { clear: 53, encrypted: 853 } as const;
/** Of the servers asked longest ago, how many are looked at for one that nobody waits for. */
const mostLookedAt = 16;

export class Opportunism {
  readonly #means: ServerMeans;
  /** By address; the one that was asked last comes last. */
  readonly #servers = new Map<string, ProbedServer>();
  #isClosed = false;

  private constructor(options: OpportunismOptions, states: ProbeStates) {
    const { limits, log, metrics, nowMs, ports = standardPorts } = options;
    const meters = opportunisticMeters(metrics, {
      servers: (status) => states.count(status),
      connections: () => {
        let sum = 0;
        for (const { connections } of this.#servers.values()) sum += connections;
        return sum;
      },
    });
    this.#means = {
      limits,
      transportLimits: transportLimits(limits),
      ports,
      states,
      meters,
      log,
      nowMs,
    };
  }

  /** With the states of the file, if it can be read. Never rejects. */
  static async open(options: OpportunismOptions): Promise<Opportunism> {
    const { file, limits, log } = options;
    return new Opportunism(options, await ProbeStates.open({ file, limits, log }));
  }

  /**
   * How one zone's questions go.
   *
   * @param find the addresses of its name servers; asked for each question, so remember them
   */
  way({ find }: { readonly find: () => Promise<readonly string[]> }): ZoneWay {
    return new OpportunisticWay({
      find,
      limits: this.#means.limits,
      serverAt: (address) => this.#serverAt(address),
    });
  }

  /** The network is another one: connections of all zones are made anew. */
  reset(why: string): void {
    for (const server of this.#servers.values()) server.reset(why);
  }

  /** Ends all connections, and writes the file. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const server of this.#servers.values()) server.close('the agent was stopped');
    this.#servers.clear();
    await this.#means.states.close();
  }

  /** The server there, if there is room for one more. */
  #serverAt(address: string): ProbedServer | undefined {
    const known = this.#servers.get(address);
    this.#servers.delete(address);
    const server = known ?? this.#make(address);
    if (server !== undefined) this.#servers.set(address, server);
    return server;
  }

  #make(address: string): ProbedServer | undefined {
    if (this.#isClosed) return undefined;
    const isFull = this.#servers.size >= this.#means.limits['open-servers'];
    return isFull && !this.#makeRoom() ? undefined : new ProbedServer(address, this.#means);
  }

  /** RFC 9539 section 4.6.10: those go first that were used longest ago. */
  #makeRoom(): boolean {
    let looked = 0;
    for (const [address, server] of this.#servers) {
      if (server.isIdle) {
        this.#servers.delete(address);
        server.close('room was made for another server');
        return true;
      }
      looked += 1;
      if (looked === mostLookedAt) break;
    }
    return false;
  }
}
