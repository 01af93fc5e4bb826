/** The way of an opportunistic zone: its authoritative servers, by TLS where that can be had and otherwise in clear (RFC 9539). */
import { isIP } from 'node:net';
import { GatesError, questionEnd } from '../../../../core/index.ts';
import type { ZoneWay } from '../zone-way.ts';
import { askServers } from './ask-servers.ts';
import type { OpportunisticLimits } from './limits.ts';
import type { ProbedServer } from './probed-server.ts';
import { inOrder } from './rapport.ts';

export interface OpportunisticWayOptions {
  /** Addresses of the zone's name servers; what is none is passed over. */
  readonly find: () => Promise<readonly string[]>;
  readonly limits: OpportunisticLimits;
  /** Undefined if there is no room for one more. */
  readonly serverAt: (address: string) => ProbedServer | undefined;
}

export class OpportunisticWay implements ZoneWay {
  readonly #options: OpportunisticWayOptions;
  /** Of those who wait for addresses: what ends that. */
  readonly #waits = new Set<() => void>();
  #isClosed = false;

  constructor(options: OpportunisticWayOptions) {
    this.#options = options;
  }

  async ask(query: Buffer, timeMs: number): Promise<Buffer> {
    const { limits, serverAt } = this.#options;
    if (questionEnd(query) === 0)
      throw new GatesError('the query is not one with one question', false, 'other');
    const startMs = performance.now();
    const addresses = await this.#find(timeMs);
    if (this.#isClosed) throw new GatesError('the zone is not asked for any more', false, 'other');
    const found = addresses.flatMap((address) => serverAt(address) ?? []);
    const nowMs = performance.now();
    return askServers({
      servers: inOrder(found, nowMs, Math.random).slice(0, limits['servers-asked']),
      query,
      timeMs: Math.max(1, timeMs - (nowMs - startMs)),
      patienceMs: limits['next-server-after'],
    });
  }

  reset(): void {
    // The servers are not only this zone's: they are reset all together (Opportunism).
  }

  /** The connections are not only this zone's: they end when they are idle. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#waits) end();
  }

  /** Rejects with GatesError. */
  async #find(timeMs: number): Promise<readonly string[]> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new GatesError('the addresses of its name servers were not found in time', true, 'unreachable'));
    }, timeMs);
    const end = (): void => {
      reject(new GatesError('the zone is not asked for any more', false, 'other'));
    };
    this.#waits.add(end);
    try {
      const found = await Promise.race([this.#options.find(), late]);
      const addresses = [...new Set(found)].filter((address) => isIP(address) !== 0);
      if (addresses.length === 0)
        throw new GatesError('no address of its name servers is known', false, 'unreachable');
      return addresses.slice(0, this.#options.limits['zone-servers']);
    } catch (error) {
      if (error instanceof GatesError) throw error;
      const words = error instanceof Error ? error.message : String(error);
      throw new GatesError(`its name servers cannot be found: ${words}`, false, 'unreachable');
    } finally {
      clearTimeout(timer);
      this.#waits.delete(end);
    }
  }
}
