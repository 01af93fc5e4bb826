/** The zones that an agent keeps: which they are, where they come from, where they are written to, and who hears of a new version. */
import type { Name, PluginHost, ZoneVersion } from '../../../core/index.ts';
import { makeVersionCheck } from '../cache/version-check.ts';
import { ZoneCache } from '../cache/zone-cache.ts';
import { CatalogConsumer, type CatalogSettings } from '../catalog/consumer.ts';
import { ZoneFileWriter, ZoneWriteError } from '../zone-files/write.ts';
import type { XotAgentConfig } from './config.ts';
import type { Gates } from './gates.ts';
import { WaySource } from './way-source.ts';
import { CachedZones, type Zones } from './zones.ts';

export interface KeepingOptions {
  readonly host: PluginHost;
  readonly config: XotAgentConfig;
  readonly gates: () => Gates;
  /** A zone has a new version, and it has been written if it is to be. */
  readonly onVersion: (zone: Name, version: ZoneVersion) => void;
}

/** Zones that are named in one look at whether all is there. */
const mostNamed = 10;

export class Keeping {
  readonly zones: Zones;
  readonly #options: KeepingOptions;
  readonly #cache: ZoneCache;
  readonly #catalogs: CatalogConsumer;
  #config: XotAgentConfig;
  #writer: ZoneFileWriter | undefined;

  constructor(options: KeepingOptions) {
    const { host, config, gates } = options;
    const { log, metrics, nowMs, resolver } = host;
    this.#options = options;
    this.#config = config;
    this.#writer = this.#writerFor(config);
    const limits = (): XotAgentConfig['limits'] => this.#config.limits;
    this.#cache = new ZoneCache({
      sources: (zone) =>
        gates()
          .inOrder(zone)
          .map((way) => new WaySource(way, limits)),
      limits: config.limits,
      check: makeVersionCheck({ config: () => this.#config.check, limits, resolver, nowMs }),
      spillDirectory: host.absolutePath(config['spill-directory']),
      ...{ log, metrics },
      // For how long a zone counts must not change when somebody sets the clock.
      nowMs: () => performance.now(),
    });
    this.zones = new CachedZones(this.#cache);
    this.#cache.onChange(({ name }, version) => {
      if (version !== undefined) void this.#changed(name, version);
    });
    this.#catalogs = new CatalogConsumer({ cache: this.#cache, settings: settingsOf(config), log });
  }

  start(): void {
    this.#cache.start();
  }

  reload(config: XotAgentConfig): void {
    this.#config = config;
    this.#writer = this.#writerFor(config);
    this.#cache.setLimits(config.limits);
    this.#catalogs.setSettings(settingsOf(config));
  }

  /** Somebody says that there is a new version. */
  notify(zone: Name): void {
    this.#cache.zone(zone)?.notify();
  }

  /** Zones that cannot be served, with the reason; the first few of them. */
  missing(): readonly string[] {
    const missing: string[] = [];
    let more = 0;
    for (const { name, version, problem } of this.#cache.zones) {
      if (version !== undefined) continue;
      if (missing.length === mostNamed) more += 1;
      else missing.push(`zone ${name.toString()}: ${problem?.words ?? 'being fetched'}`);
    }
    return more === 0 ? missing : [...missing, `${String(more)} more zones`];
  }

  close(): void {
    this.#catalogs.close();
    this.#cache.close();
  }

  /** Who reads the file must find it when it is told. */
  async #changed(zone: Name, version: ZoneVersion): Promise<void> {
    const { log } = this.#options.host;
    const about = { zone: zone.toString(), serial: version.serial };
    try {
      const file = await this.#writer?.write(version);
      if (file !== undefined) log.info('zone written', { ...about, file });
    } catch (error) {
      if (error instanceof ZoneWriteError) log.error('zone not written', { ...about, reason: error.message });
      else log.error('defect', { doing: 'write a zone file', error });
    }
    this.#options.onVersion(zone, version);
  }

  #writerFor({ write }: XotAgentConfig): ZoneFileWriter | undefined {
    return write && new ZoneFileWriter(this.#options.host.absolutePath(write.directory));
  }
}

function settingsOf(config: XotAgentConfig): CatalogSettings {
  const { catalogs, zones, limits } = config;
  return { catalogs, zones, limits, admitted: config['catalog-names'] };
}
