/**
 * With the PROXY protocol a connection speaks for one client. Each client that asks has one of its own here, found by its
 * name and addresses, and beyond the bound the one that was used longest ago makes room if nobody waits on it. Anonymous clients have
 * half of the places at the most, so that those who are known find one.
 */
import { formatEndpoint } from '../config/endpoint.ts';
import type { FailureKind } from '../dns/failure.ts';
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
  /** Keys of those that belong to anonymous clients. */
  readonly #anonymous = new Set<string>();

  constructor(options: Omit<StreamPoolOptions, 'preamble' | 'connections'>) {
    this.#options = options;
  }

  /** The client's pool; undefined if there is no room for one more. */
  of(client: ForwardedClient | undefined): StreamPool | undefined {
    const key = client === undefined ? ourselves : this.#keyOf(client);
    const known = this.#pools.get(key);
    this.#pools.delete(key);
    const pool = known ?? this.#make(client, key);
    if (pool !== undefined) this.#pools.set(key, pool);
    return pool;
  }

  close(why: string, kind?: FailureKind): void {
    for (const pool of this.#pools.values()) pool.close(why, kind);
    this.#pools.clear();
    this.#anonymous.clear();
  }

  #make(client: ForwardedClient | undefined, key: string): StreamPool | undefined {
    const most = this.#options.limits['upstream-clients'];
    const isAnonymous = client?.name === '';
    const isFull = isAnonymous && this.#anonymous.size >= Math.ceil(most / 2);
    if (isFull && !this.#makeRoom(this.#anonymous)) return undefined;
    if (this.#pools.size >= most && !this.#makeRoom(this.#pools.keys())) return undefined;
    if (isAnonymous) this.#anonymous.add(key);
    const preamble = client === undefined ? localHeader : proxyHeader(client);
    return new StreamPool({ ...this.#options, preamble, connections: 1 });
  }

  /** Of the first of these. */
  #makeRoom(keys: Iterable<string>): boolean {
    let looked = 0;
    for (const key of keys) {
      const pool = this.#pools.get(key);
      if (pool?.isIdle === true) {
        this.#pools.delete(key);
        this.#anonymous.delete(key);
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
