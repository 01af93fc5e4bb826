/**
 * The zones of a gate with all that stands behind them, made from its configuration: servers upstream, kept versions, and who
 * is told of changes.
 */
import type { GateReply, Name, PluginHost } from '../../../core/index.ts';
import { ServerSource } from '../cache/server-source.ts';
import { ZoneCache } from '../cache/zone-cache.ts';
import { NotifySender } from '../notify/sender.ts';
import { PlainTarget } from '../notify/targets.ts';
import { PlainUpstream } from '../upstream/plain-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { CachedZones, RelayedZones, type Asked, type Backend } from './backend.ts';
import type { XotGateConfig } from './config.ts';

export class GateZones {
  readonly #host: PluginHost;
  #config: XotGateConfig;
  #names: ReadonlySet<string>;
  #made: Made;
  #isStarted = false;

  constructor(host: PluginHost, config: XotGateConfig) {
    this.#host = host;
    this.#config = config;
    this.#names = keysOf(config.zones);
    this.#made = this.#make(config);
  }

  start(): void {
    this.#isStarted = true;
    this.#made.cache?.start();
  }

  /** Zones of the configuration. */
  get count(): number {
    return this.#names.size;
  }

  /** Zones that are kept, and of which there is no version to serve. */
  get missing(): readonly Name[] {
    const kept = [...(this.#made.cache?.zones ?? [])];
    return kept.filter(({ version }) => version === undefined).map(({ name }) => name);
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

  /** Versions that are there stay, unless they would come from elsewhere now. Requests under way keep what they began with. */
  reload(config: XotGateConfig): void {
    const before = this.#config;
    this.#config = config;
    this.#names = keysOf(config.zones);
    if (madeOf(config) === madeOf(before)) {
      this.#made.cache?.setLimits(config.limits);
      this.#made.cache?.setZones(config.zones);
      return;
    }
    this.#made.close();
    this.#made = this.#make(config);
    if (this.#isStarted) this.#made.cache?.start();
  }

  close(): void {
    this.#made.close();
  }

  #make(config: XotGateConfig): Made {
    const { log, metrics, nowMs } = this.#host;
    const { limits, primary } = config;
    const upstreams = primary.map((at) => new PlainUpstream(at, limits));
    const sender = this.#sender(config);
    if (config.serve === 'relayed') {
      const backend = new RelayedZones(
        () => this.#names,
        () => firstOf(upstreams),
      );
      return { backend, cache: undefined, close: () => closeAll([...upstreams, sender]) };
    }
    const sources = upstreams.map((upstream) => new ServerSource(upstream, () => this.#config.limits));
    const check = (): Promise<undefined> => Promise.resolve(undefined);
    const spillDirectory = config['spill-directory'];
    const cache = new ZoneCache({ sources, limits, check, spillDirectory, log, metrics, nowMs });
    cache.setZones(config.zones);
    cache.onChange((zone, version) => {
      if (version !== undefined) sender.announce(zone.name, version.soa);
    });
    return {
      backend: new CachedZones(cache),
      cache,
      close: () => closeAll([cache, ...upstreams, sender]),
    };
  }

  #sender({ notify, limits }: XotGateConfig): NotifySender {
    const { log, metrics, nowMs } = this.#host;
    const targets = (notify?.to ?? []).map((at) => new PlainTarget(at));
    return new NotifySender({ targets, limits, log, metrics, nowMs });
  }
}

/** What stands behind the zones by one configuration. */
interface Made {
  readonly backend: Backend;
  readonly cache: ZoneCache | undefined;
  readonly close: () => void;
}

/** What may not change without making it anew. */
function madeOf({ primary, serve, notify, limits, 'spill-directory': spill }: XotGateConfig): string {
  return JSON.stringify([primary, serve, notify, spill, serve === 'relayed' ? limits : undefined]);
}

function firstOf(upstreams: readonly Upstream[]): Upstream {
  const [first] = upstreams;
  if (first === undefined) throw new RangeError('a gate without a primary');
  return first;
}

function closeAll(parts: readonly { close(): void }[]): void {
  for (const part of parts) part.close();
}

function keysOf(zones: readonly Name[]): ReadonlySet<string> {
  return new Set(zones.map((zone) => zone.key));
}
