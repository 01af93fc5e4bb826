/**
 * Consumer of catalog zones (RFC 9432 section 5): the zones that catalogs list are kept as long as they are listed.
 *
 * Catalogs are zones of the cache as all others. Whenever one changes, its members are told from those before: new ones are fetched,
 * those no longer listed are forgotten, and one whose label is another is forgotten and fetched anew (sections 5.4 and 5.6). A
 * catalog that is broken or has expired changes nothing (section 5.1).
 *
 * Limitations: the `group` property and custom properties make no difference. Nothing is kept over a restart, so what a catalog
 * lists that is broken then is not there until it is mended.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CatalogError,
  DnsFormatError,
  readCatalogVersion,
  type CatalogMember,
  type Log,
  type Name,
  type ZoneSet,
  type ZoneVersion,
} from '../../../core/index.ts';
import type { ZoneCache } from '../cache/zone-cache.ts';
import type { CatalogLimits } from './config.ts';

/** What a consumer needs of the cache. */
export interface ConsumedCache extends Pick<ZoneCache, 'reset' | 'setZones'> {
  onChange(listener: ConsumedZoneListener): () => void;
}
export type ConsumedZoneListener = (zone: { readonly name: Name }, version: ZoneVersion | undefined) => void;

export interface CatalogConsumerOptions {
  readonly cache: ConsumedCache;
  readonly settings: CatalogSettings;
  readonly log: Log;
}

/** What a new configuration may change. */
export interface CatalogSettings {
  readonly catalogs: readonly Name[];
  /** Configured otherwise, a produced catalog too: no catalog may list them. */
  readonly zones: readonly Name[];
  readonly admitted: ZoneSet;
  readonly limits: CatalogLimits;
}

/** A zone that is kept since a catalog lists it. */
interface OwnedZone {
  readonly name: Name;
  /** Key of the catalog. */
  catalog: string;
  unique: string;
}

/** The members of the last good version of a catalog, by zone. */
interface Listed {
  readonly members: ReadonlyMap<string, CatalogMember>;
  /** False while the catalog is broken or has expired. */
  isGood: boolean;
}

/** Zones told one by one in the log. */
const toldZones = 20;

export class CatalogConsumer {
  readonly #cache: ConsumedCache;
  readonly #log: Log;
  readonly #owned = new Map<string, OwnedZone>();
  readonly #listed = new Map<string, Listed>();
  readonly #stopListening: () => void;
  #settings: CatalogSettings;
  /** Versions are read one after the other, so that the newest one is the last. */
  #reading: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Tells the cache at once which zones there are. */
  constructor({ cache, settings, log }: CatalogConsumerOptions) {
    this.#cache = cache;
    this.#settings = settings;
    this.#log = log;
    this.#stopListening = cache.onChange(({ name }, version) => {
      if (!this.#isCatalog(name)) return;
      this.#reading = this.#reading
        .then(() => this.#changed(name, version))
        .catch((error: unknown) => {
          // The next version is another try.
          this.#log.error('defect', { doing: 'catalog', catalog: name.toString(), error });
        });
    });
    this.#tellCache();
  }

  /** Those that catalogs list, without what is configured. */
  get members(): readonly Name[] {
    return [...this.#owned.values()].map(({ name }) => name);
  }

  /** Zones of catalogs that are configured no more go; the others stay. */
  setSettings(settings: CatalogSettings): void {
    this.#settings = settings;
    const catalogs = new Set(settings.catalogs.map(({ key }) => key));
    const zones = new Set(settings.zones.map(({ key }) => key));
    for (const key of this.#listed.keys()) if (!catalogs.has(key)) this.#listed.delete(key);
    for (const [key, { name, catalog }] of this.#owned) {
      const mayStay = catalogs.has(catalog) && !zones.has(key) && !catalogs.has(key);
      if (!mayStay || !settings.admitted.has(name)) this.#owned.delete(key);
    }
    for (const catalog of settings.catalogs) this.#adopt(catalog, false);
    this.#tellCache();
  }

  /** Resolves when all versions of catalogs have been read that came so far. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening();
  }

  async #changed(catalog: Name, version: ZoneVersion | undefined): Promise<void> {
    const known = this.#listed.get(catalog.key);
    const about = { catalog: catalog.toString() };
    if (version === undefined) {
      // RFC 9432 section 5.1: what has expired is no catalog until it is fresh again.
      if (known !== undefined) known.isGood = false;
      this.#log.warn('catalog expired', { ...about, effect: 'its zones stay as they are' });
      return;
    }
    let members: readonly CatalogMember[];
    try {
      members = await readCatalogVersion(version, this.#settings.limits['catalog-members'], () => nextTurn());
    } catch (error) {
      if (known !== undefined) known.isGood = false;
      const problem = error instanceof Error ? error.message : String(error);
      const isTheirs = error instanceof CatalogError || error instanceof DnsFormatError;
      const level = isTheirs ? 'warn' : 'error';
      this.#log[level]('catalog not processed', {
        ...about,
        ...{ serial: version.serial, problem, effect: 'its zones stay as they are' },
      });
      return;
    }
    if (this.#isClosed || !this.#isCatalog(catalog)) return;
    const byZone = new Map(members.map((member) => [member.zone.key, member]));
    this.#listed.set(catalog.key, { members: byZone, isGood: true });
    const removed = this.#remove(catalog, byZone);
    const { added, reset } = this.#adopt(catalog, true);
    // What another catalog lists, and could not have while this one did (RFC 9432 section 5.5).
    if (removed > 0) for (const other of this.#settings.catalogs) this.#adopt(other, false);
    this.#tellCache();
    for (const name of reset) this.#cache.reset(name);
    this.#log.info('catalog processed', {
      ...{ ...about, serial: version.serial, members: members.length },
      ...{ added, removed, reset: reset.length },
    });
  }

  /** RFC 9432 section 5.3: only what came from this catalog. */
  #remove(catalog: Name, members: ReadonlyMap<string, CatalogMember>): number {
    let removed = 0;
    for (const [key, zone] of this.#owned) {
      if (zone.catalog !== catalog.key || members.has(key)) continue;
      this.#owned.delete(key);
      removed += 1;
    }
    return removed;
  }

  /** Takes the members of a catalog that may be taken. `isUpdated`: it has just come, so that zones of others may come over. */
  #adopt(catalog: Name, isUpdated: boolean): { added: number; reset: Name[] } {
    const listed = this.#listed.get(catalog.key);
    const reset: Name[] = [];
    const passedOver: string[] = [];
    let added = 0;
    if (listed?.isGood !== true) return { added, reset };
    const configured = new Set([...this.#settings.zones, ...this.#settings.catalogs].map(({ key }) => key));
    for (const member of listed.members.values()) {
      const { zone: name, unique } = member;
      const owned = this.#owned.get(name.key);
      if (configured.has(name.key)) {
        passedOver.push(`${name.toString()} (it is configured here)`);
      } else if (!this.#settings.admitted.has(name)) {
        passedOver.push(`${name.toString()} (\`catalog-names\` does not have it)`);
      } else if (owned === undefined) {
        this.#owned.set(name.key, { name, catalog: catalog.key, unique });
        added += 1;
      } else if (owned.catalog === catalog.key || (isUpdated && this.#mayMove(owned, catalog))) {
        // RFC 9432 sections 4.3.1 and 5.4: another label, another state.
        if (owned.unique !== unique) reset.push(name);
        owned.catalog = catalog.key;
        owned.unique = unique;
      } else {
        passedOver.push(`${name.toString()} (another catalog lists it, and does not hand it over)`);
      }
    }
    if (isUpdated && passedOver.length > 0) {
      this.#log.warn('zones of a catalog passed over', {
        ...{ catalog: catalog.toString(), count: passedOver.length },
        zones: passedOver.slice(0, toldZones),
      });
    }
    return { added, reset };
  }

  /** RFC 9432 section 4.3.1: the catalog that has the zone still says that this one may take it over. */
  #mayMove(owned: OwnedZone, to: Name): boolean {
    const from = this.#listed.get(owned.catalog);
    return from?.isGood === true && from.members.get(owned.name.key)?.coo?.equals(to) === true;
  }

  #isCatalog(name: Name): boolean {
    return this.#settings.catalogs.some((catalog) => catalog.equals(name));
  }

  #tellCache(): void {
    this.#cache.setZones([...this.#settings.zones, ...this.#settings.catalogs, ...this.members]);
  }
}
