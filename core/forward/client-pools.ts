/**
 * With the PROXY protocol a connection speaks for one client. Each client that asks has one of its own here, found by its
 * name and addresses, and beyond the bound the one that was used longest ago makes room if nobody waits on it.
 */
import { formatEndpoint } from '../config/endpoint.ts';
import { localHeader, proxyHeader } from './proxy-header.ts';
import type { ForwardedClient } from './server.ts';
import { StreamPool, type StreamPoolOptions } from './stream-pool.ts';

/** Whose connection it is where nobody is named: our own. */
const ourselves = '';
/** Of the pools used longest ago, how many are looked at for one that nobody waits on. */
const mostLookedAt = 16;

export class ClientPools {
  readonly #options: Omit<StreamPoolOptions, 'preamble' | 'connections'>;
  /** By key; the one that was used last comes last. */
  readonly #pools = new Map<string, StreamPool>();
  readonly #keys = new WeakMap<ForwardedClient, string>();

  constructor(options: Omit<StreamPoolOptions, 'preamble' | 'connections'>) {
    this.#options = options;
  }

  /** The client's pool; undefined if there is no room for one more. */
  of(client: ForwardedClient | undefined): StreamPool | undefined {
    const key = client === undefined ? ourselves : this.#keyOf(client);
    const known = this.#pools.get(key);
    this.#pools.delete(key);
    const pool = known ?? this.#make(client);
    if (pool !== undefined) this.#pools.set(key, pool);
    return pool;
  }

  close(why: string): void {
    for (const pool of this.#pools.values()) pool.close(why);
    this.#pools.clear();
  }

  #make(client: ForwardedClient | undefined): StreamPool | undefined {
    if (this.#pools.size >= this.#options.limits['upstream-clients'] && !this.#makeRoom()) return undefined;
    const preamble = client === undefined ? localHeader : proxyHeader(client);
    return new StreamPool({ ...this.#options, preamble, connections: 1 });
  }

  #makeRoom(): boolean {
    let looked = 0;
    for (const [key, pool] of this.#pools) {
      if (pool.isIdle) {
        this.#pools.delete(key);
        pool.close('room was made for another client');
        return true;
      }
      looked += 1;
      if (looked === mostLookedAt) break;
    }
    return false;
  }

  #keyOf(client: ForwardedClient): string {
    const known = this.#keys.get(client);
    if (known !== undefined) return known;
    const { name, remote, local } = client;
    const key = `${formatEndpoint(remote)} ${formatEndpoint(local)} ${name}`;
    this.#keys.set(client, key);
    return key;
  }
}
