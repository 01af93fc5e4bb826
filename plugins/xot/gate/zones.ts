/**
 * The zones of a gate with all that stands behind them, made from its configuration: servers upstream or zone files, kept versions,
 * catalogs, and who is told of changes.
 */
import { createHash } from 'node:crypto';
import {
  type Certificate,
  type GateReply,
  type Name,
  type PluginHost,
  type TsigKey,
  policyOf,
  readRoots,
} from '../../../core/index.ts';
import { ServerSource } from '../cache/server-source.ts';
import type { ZoneSource } from '../cache/source.ts';
import { makeVersionCheck } from '../cache/version-check.ts';
import { ZoneCache } from '../cache/zone-cache.ts';
import { CatalogConsumer, type CatalogSettings } from '../catalog/consumer.ts';
import { CatalogProducer } from '../catalog/producer.ts';
import { NotifySender } from '../notify/sender.ts';
import { PlainTarget, TlsTarget } from '../notify/targets.ts';
import { FirstUpstream } from '../upstream/first-upstream.ts';
import { openUpstream, type UpstreamText } from '../upstream/target.ts';
import { readTsigKey } from '../upstream/tsig-file.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { FileSource } from '../zone-files/source.ts';
import { CachedZones, RelayedZones, type Asked, type Backend } from './backend.ts';
import type { XotGateConfig } from './config.ts';
import { FolderWatch } from './folder-watch.ts';

export class GateZones {
  readonly #host: PluginHost;
  #config: XotGateConfig;
  #isStarted = false;
  #made: Made;

  /** Throws an error with words for the operator when a file of the configuration cannot be used. */
  constructor(host: PluginHost, config: XotGateConfig) {
    this.#host = host;
    this.#config = config;
    this.#made = this.#make(config, readRoots(config, host));
  }

  start(): void {
    this.#isStarted = true;
    this.#made.start();
  }

  /** Zones that are kept, and of which there is no version to serve. */
  get missing(): readonly Name[] {
    const kept = [...(this.#made.cache?.zones ?? [])];
    return kept.filter(({ version }) => version === undefined).map(({ name }) => name);
  }

  /** Of TSIG, by the keys of their names. */
  get keys(): ReadonlyMap<string, TsigKey> {
    return this.#made.keys;
  }

  has(zone: Name): boolean {
    return this.#made.backend.has(zone);
  }

  answer(asked: Asked): GateReply | Promise<GateReply> {
    return this.#made.backend.answer(asked);
  }

  notify(zone: Name): void {
    this.#made.backend.notify(zone);
  }

  /** Where updates of a zone go; undefined if it is not one that is had from a primary. */
  primaryOf(zone: Name): Upstream | undefined {
    const isMade = this.#config.catalog?.name.equals(zone) === true;
    return this.#config.update && this.has(zone) && !isMade ? this.#made.primary : undefined;
  }

  /**
   * Versions that are there stay, unless they would come from elsewhere now. Requests under way keep what they began with. Throws as
   * the constructor does, and then all stays as it was.
   */
  reload(config: XotGateConfig): void {
    const roots = readRoots(config, this.#host);
    const key = config.tsig && readTsigKey(config.tsig, this.#host);
    const id = idOf(config, roots, key);
    if (id === this.#made.id) {
      this.#config = config;
      this.#made.reload(config);
      return;
    }
    const made = this.#make(config, roots);
    this.#made.close();
    this.#config = config;
    this.#made = made;
    if (this.#isStarted) made.start();
  }

  /** Throws what `reload` would throw for a file that cannot be used. */
  check(config: XotGateConfig): void {
    readRoots(config, this.#host);
    if (config.tsig !== undefined) readTsigKey(config.tsig, this.#host);
  }

  close(): void {
    this.#made.close();
  }

  #make(config: XotGateConfig, roots: readonly Certificate[]): Made {
    const { limits } = config;
    const key = config.tsig && readTsigKey(config.tsig, this.#host);
    const open = ({ endpoint, name }: UpstreamText): Upstream => {
      const policy = name && policyOf(config, name, roots);
      return openUpstream({ endpoint, name, policy, tsig: name ? undefined : key }, this.#host, limits);
    };
    const upstreams = config.primary.map(open);
    const sender = this.#sender(config, open);
    const id = idOf(config, roots, key);
    const keys = new Map(key === undefined ? [] : [[key.name.key, key]]);
    const common = { id, keys, primary: upstreams[0] };
    return config.serve === 'relayed'
      ? this.#relayed(config, upstreams, { ...common, others: [sender] })
      : this.#cached(config, upstreams, sender, common);
  }

  #relayed(
    { zones }: XotGateConfig,
    upstreams: readonly Upstream[],
    {
      id,
      keys,
      primary,
      others,
    }: Pick<Made, 'id' | 'keys' | 'primary'> & { readonly others: readonly Closable[] },
  ): Made {
    let names = keysOf(zones);
    const upstream = new FirstUpstream(upstreams, this.#host.nowMs);
    return {
      ...{ id, keys, primary, cache: undefined, start: () => undefined },
      backend: new RelayedZones(
        () => names,
        () => upstream,
      ),
      reload: (config) => {
        names = keysOf(config.zones);
      },
      close: () => {
        closeAll([upstream, ...others]);
      },
    };
  }

  #cached(
    config: XotGateConfig,
    upstreams: readonly Upstream[],
    sender: NotifySender,
    { id, keys, primary }: Pick<Made, 'id' | 'keys' | 'primary'>,
  ): Made {
    const { log, metrics, nowMs, resolver } = this.#host;
    // For how long a zone counts must not change when somebody sets the clock.
    const steadyMs = (): number => performance.now();
    const limits = (): XotGateConfig['limits'] => this.#config.limits;
    const files = this.#files(config, limits);
    const sources: readonly ZoneSource[] =
      files === undefined ? upstreams.map((upstream) => new ServerSource(upstream, limits)) : [files];
    const producer = config.catalog && new CatalogProducer(config.catalog.name, nowMs);
    const cache = new ZoneCache({
      sources: (zone) => (producer?.name.equals(zone) === true ? [producer] : sources),
      limits: config.limits,
      check: makeVersionCheck({ config: () => this.#config.check, limits, resolver, nowMs }),
      spillDirectory: this.#host.absolutePath(config['spill-directory']),
      ...{ log, metrics, nowMs: steadyMs },
    });
    cache.onChange((zone, version) => {
      if (version !== undefined) sender.announce(zone.name, version.soa);
    });
    /** Lists in the produced catalog what is kept. */
    const list = (): void => {
      if (producer === undefined) return;
      const isChanged = producer.setZones([...cache.zones].map(({ name }) => name));
      if (isChanged) cache.zone(producer.name)?.notify();
    };
    const consumer = new CatalogConsumer({
      cache: {
        onChange: (listener) => cache.onChange(listener),
        reset: (name) => {
          cache.reset(name);
        },
        setZones: (names) => {
          cache.setZones(producer === undefined ? names : [...names, producer.name]);
          list();
        },
      },
      settings: settingsOf(config, []),
      log,
    });
    const watch =
      files &&
      new FolderWatch({
        source: files,
        everyMs: () => limits()['folder-time'],
        log,
        onLooked: (zones, changed) => {
          consumer.setSettings(settingsOf(this.#config, zones));
          for (const zone of changed) cache.zone(zone)?.notify();
        },
      });
    return {
      ...{ id, keys, primary, cache, backend: new CachedZones(cache) },
      start: () => {
        cache.start();
        void watch?.look();
      },
      reload: (next) => {
        cache.setLimits(next.limits);
        if (watch === undefined) consumer.setSettings(settingsOf(next, []));
        else void watch.look();
      },
      close: () => {
        closeAll([...(watch === undefined ? [] : [watch]), consumer, cache, ...upstreams, sender]);
      },
    };
  }

  #files({ zones }: XotGateConfig, limits: () => XotGateConfig['limits']): FileSource | undefined {
    if (!('directory' in zones)) return undefined;
    const { log, nowMs } = this.#host;
    return new FileSource({ folder: this.#host.absolutePath(zones.directory), limits, log, nowMs });
  }

  #sender({ notify, limits }: XotGateConfig, open: (server: UpstreamText) => Upstream): NotifySender {
    const { log, metrics, nowMs } = this.#host;
    const targets = (notify?.to ?? []).map((server) =>
      server.name === undefined ? new PlainTarget(server.endpoint) : new TlsTarget(open(server)),
    );
    return new NotifySender({ targets, limits, log, metrics, nowMs });
  }
}

interface Closable {
  close(): void;
}

/** What stands behind the zones by one configuration. */
interface Made extends Closable {
  /** The same for configurations that need nothing made anew. */
  readonly id: string;
  readonly backend: Backend;
  readonly cache: ZoneCache | undefined;
  /** By the keys of their names. */
  readonly keys: ReadonlyMap<string, TsigKey>;
  /** The first of the servers. */
  readonly primary: Upstream | undefined;
  start(): void;
  /** Takes what may change without being made anew. */
  reload(config: XotGateConfig): void;
}

/** What may not change without everything being made anew. */
function idOf(config: XotGateConfig, roots: readonly Certificate[], key: TsigKey | undefined): string {
  const { primary, dane, pins, serve, zones, catalog, notify, limits } = config;
  const server = ({ text }: UpstreamText): string => text;
  return JSON.stringify([
    ...[primary.map(server), key && [key.name.key, key.algorithm, digest(key.secret)], dane, serve],
    ...[pins.map((pin) => pin.toString('hex')), 'directory' in zones ? zones.directory : undefined],
    ...[catalog?.name.key, notify?.to.map(server), config['spill-directory']],
    roots.map(({ der }) => digest(der)),
    ['primary-connect-time', 'primary-answer-time', 'upstream-connections'].map(
      (key) => limits[key as 'transfers'],
    ),
    Object.entries(limits).filter(([key]) => key.startsWith('notify-')),
  ]);
}

function digest(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}

/** @param found zones of a folder */
function settingsOf(config: XotGateConfig, found: readonly Name[]): CatalogSettings {
  const { zones, catalogs, limits } = config;
  return {
    ...{ catalogs, limits, admitted: config['catalog-names'] },
    zones: 'directory' in zones ? found : zones,
  };
}

function keysOf(zones: XotGateConfig['zones']): ReadonlySet<string> {
  return new Set('directory' in zones ? [] : zones.map((zone) => zone.key));
}

function closeAll(parts: readonly Closable[]): void {
  for (const part of parts) part.close();
}
