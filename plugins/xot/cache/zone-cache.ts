/**
 * The zones of one gate or agent, each fetched once for all who ask for it.
 *
 * Limitations: nothing is kept over a restart, after which each zone is fetched again and differences begin anew.
 */
import type { Log, Metrics, Name, ZoneVersion } from '../../../core/index.ts';
import { KeptZone, type ZoneEnvironment } from './kept-zone.ts';
import type { CacheLimits } from './limits.ts';
import { MessageStore } from './message-store.ts';
import { cacheMeters } from './meters.ts';
import type { ZoneSource } from './source.ts';
import { Turns } from './turns.ts';
import type { VersionCheck } from './version-check.ts';

export interface ZoneCacheOptions {
  /** Where a zone comes from: asked in this order. */
  readonly sources: (zone: Name) => readonly ZoneSource[];
  readonly limits: CacheLimits;
  readonly check: VersionCheck;
  /** For what does not fit into memory. */
  readonly spillDirectory: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A clock that nobody sets: milliseconds since any moment. */
  readonly nowMs: () => number;
}

/** Hears of each new version, and of each zone that has none any more. */
export type ZoneListener = (zone: KeptZone, version: ZoneVersion | undefined) => void;

export class ZoneCache {
  readonly #zones = new Map<string, KeptZone>();
  readonly #listeners = new Set<ZoneListener>();
  readonly #environment: ZoneEnvironment;
  readonly #store: MessageStore;
  #limits: CacheLimits;
  #isStarted = false;

  constructor(options: ZoneCacheOptions) {
    const { sources, check, spillDirectory, log, metrics, nowMs } = options;
    this.#limits = options.limits;
    this.#store = new MessageStore(
      () => this.#limits['memory-octets'],
      () => spillDirectory,
    );
    const served = (): number => [...this.zones].filter(({ version }) => version !== undefined).length;
    this.#environment = {
      ...{ sources, check, log, nowMs, store: this.#store, limits: () => this.#limits },
      turns: new Turns(() => this.#limits['zones-at-once']),
      meters: cacheMeters(metrics, {
        zones: () => this.#zones.size,
        served,
        octets: () => this.#store.inMemory,
      }),
      onChange: (zone, version) => {
        for (const listener of this.#listeners) listener(zone, version);
      },
    };
  }

  get zones(): Iterable<KeptZone> {
    return this.#zones.values();
  }

  zone(name: Name): KeptZone | undefined {
    return this.#zones.get(name.key);
  }

  /** Zones that are not among these are forgotten, new ones fetched. */
  setZones(names: readonly Name[]): void {
    const wanted = new Map(names.map((name) => [name.key, name]));
    for (const [key, zone] of this.#zones) if (!wanted.has(key)) this.#forget(key, zone);
    for (const [key, name] of wanted) {
      if (this.#zones.has(key)) continue;
      const zone = new KeptZone(name, this.#environment);
      this.#zones.set(key, zone);
      if (this.#isStarted) void zone.look();
    }
  }

  /** Forgets what is known of a zone, and fetches it anew. */
  reset(name: Name): void {
    const zone = this.zone(name);
    if (zone === undefined) return;
    this.#forget(name.key, zone);
    const fresh = new KeptZone(name, this.#environment);
    this.#zones.set(name.key, fresh);
    if (this.#isStarted) void fresh.look();
  }

  setLimits(limits: CacheLimits): void {
    this.#limits = limits;
  }

  /** Gives the function that ends it. */
  onChange(listener: ZoneListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  start(): void {
    this.#isStarted = true;
    for (const zone of this.#zones.values()) void zone.look();
  }

  close(): void {
    for (const zone of this.#zones.values()) zone.close();
    this.#zones.clear();
    this.#listeners.clear();
  }

  #forget(key: string, zone: KeptZone): void {
    this.#zones.delete(key);
    zone.close();
  }
}
