/**
 * The way of a strict zone: its gates, which prove themselves before anything is asked, over TLS and under our identity. There is
 * no other: without a gate there is no answer.
 *
 * The gates are those of the configuration, or the servers that the secure NS records of the zone name, at port 853.
 */
import {
  dotPort,
  Gates,
  GatesError,
  hopQuery,
  Rcode,
  Replaced,
  type GatePool,
  type GateText,
  type Name,
} from '../../../core/index.ts';
import type { NameServers } from './name-servers.ts';
import type { ZoneWay } from './zone-way.ts';

export interface GatesWayOptions {
  readonly zone: Name;
  readonly pool: GatePool;
  /** Those of the configuration, or by what they are found. */
  readonly gates: readonly GateText[] | NameServers;
  /** Milliseconds that questions under way keep gates that are named no more. */
  readonly graceMs: number;
}

/** A server that answers like this may have a neighbour that can do better (RFC 8914 section 2: whoever asks may go on). */
const worthAnother: ReadonlySet<number> = new Set([
  Rcode.SERVFAIL,
  Rcode.NOTIMP,
  Rcode.REFUSED,
  Rcode.NOTAUTH,
]);

export class GatesWay implements ZoneWay {
  readonly #options: GatesWayOptions;
  readonly #names: NameServers | undefined;
  #gates: Gates | undefined;
  /** Those that `gates` were made of. */
  #named: readonly Name[] = [];
  /** Those of names of before. */
  readonly #replaced = new Replaced();
  /** Of those who wait for names: what ends that. */
  readonly #waits = new Set<() => void>();
  #isClosed = false;

  /** Connects to nobody yet. Throws RangeError for a gate that nothing could prove. */
  constructor(options: GatesWayOptions) {
    this.#options = options;
    if (isList(options.gates)) this.#gates = this.#open(options.gates);
    else this.#names = options.gates;
  }

  /** Whether there is a connection to a gate. */
  get isUp(): boolean {
    return this.#gates?.isUp === true;
  }

  /** How many gates are known to work. */
  get good(): number {
    return this.#gates?.good ?? 0;
  }

  async ask(query: Buffer, timeMs: number): Promise<Buffer> {
    const hop = hopQuery(query);
    const names = this.#names;
    if (names === undefined) return this.#ask(this.#gates, hop, timeMs);
    const startedMs = performance.now();
    const named = await this.#inTime(names.names(), timeMs);
    const leftMs = Math.max(1, Math.ceil(timeMs - (performance.now() - startedMs)));
    return this.#ask(this.#gatesOf(named), hop, leftMs);
  }

  reset(why: string): void {
    this.#names?.expire();
    this.#gates?.reset(why);
  }

  close(): void {
    this.#isClosed = true;
    for (const end of this.#waits) end();
    this.#replaced.close();
    this.#gates?.close();
  }

  #ask(gates: Gates | undefined, query: Buffer, timeMs: number): Promise<Buffer> {
    if (gates === undefined || this.#isClosed)
      return Promise.reject(new GatesError('shut down', false, 'other'));
    return gates.ask(query, timeMs);
  }

  #gatesOf(named: readonly Name[]): Gates | undefined {
    if (this.#isClosed || named === this.#named) return this.#gates;
    const before = this.#gates;
    this.#named = named;
    this.#gates = this.#open(named.map(gateOf));
    // Those of both are one in the pool, and stay open. Questions under way keep the others for a while.
    if (before !== undefined) this.#replaced.closeAfter(this.#options.graceMs, before);
    return this.#gates;
  }

  #open(servers: readonly GateText[]): Gates {
    const { zone, pool } = this.#options;
    return new Gates({ servers, pool, label: zone.toString(), isWorthAnother });
  }

  /** Rejects with GatesError; also when it is closed. */
  async #inTime<T>(promise: Promise<T>, timeMs: number): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const words = `the servers of the zone were not found in ${String(timeMs)} ms`;
      reject(new GatesError(words, true, 'unreachable'));
    }, timeMs);
    const end = (): void => {
      reject(new GatesError('shut down', false, 'other'));
    };
    this.#waits.add(end);
    try {
      return await Promise.race([promise, late]);
    } catch (error) {
      if (error instanceof GatesError) throw error;
      throw new GatesError(error instanceof Error ? error.message : String(error), false, 'unreachable');
    } finally {
      clearTimeout(timer);
      this.#waits.delete(end);
    }
  }
}

function isList(gates: GatesWayOptions['gates']): gates is readonly GateText[] {
  return Array.isArray(gates);
}

function gateOf(name: Name): GateText {
  return { text: name.toString(), name, address: undefined, port: dotPort };
}

/** The response code without its upper bits, which none of these has. */
function isWorthAnother(answer: Buffer): boolean {
  return worthAnother.has((answer[3] ?? 0) & 15);
}
