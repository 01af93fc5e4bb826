/** A source of zones that the test writes, and a cache of one zone over it. */
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { Name } from '../../../../core/dns/name.ts';
import type { Differences, Store, ZoneVersion } from '../../../../core/xfr/zone-version.ts';
import type { KeptZone } from '../../../../plugins/xot/cache/kept-zone.ts';
import { cacheLimits, type CacheLimits } from '../../../../plugins/xot/cache/limits.ts';
import type { CheckedSoa, Fetched, ZoneSource } from '../../../../plugins/xot/cache/source.ts';
import { ZoneCache } from '../../../../plugins/xot/cache/zone-cache.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog, type MemoryLog } from '../../../support/memory-log.ts';
import { modelZone } from '../../../support/zone-model.ts';

export class ScriptedSource implements ZoneSource {
  readonly label = 'primary 192.0.2.53:53';
  /** What is there; undefined: it cannot be reached. */
  version: ZoneVersion | undefined;
  /** How it got there; without it the zone is given whole. */
  steps: readonly Differences[] | undefined;
  expireSeconds: number | undefined;
  checks = 0;
  fetches: ('whole' | 'incremental')[] = [];
  /** Awaited before each answer. */
  before: () => Promise<void> = () => Promise.resolve();

  async check(): Promise<CheckedSoa> {
    this.checks++;
    const version = this.version;
    await this.before();
    if (version === undefined) throw new Error('the primary 192.0.2.53:53 cannot be reached');
    return { soa: version.soa, expireSeconds: this.expireSeconds };
  }

  async fetch(_: Name, have: ZoneVersion | undefined, store: Store): Promise<Fetched> {
    await this.before();
    const { version, steps, expireSeconds } = this;
    if (version === undefined) throw new Error('the primary 192.0.2.53:53 cannot be reached');
    if (have !== undefined && steps !== undefined) {
      this.fetches.push('incremental');
      return { form: 'incremental', steps, expireSeconds };
    }
    this.fetches.push('whole');
    const messages = version.messages.map((message) => store(message as Buffer));
    return { form: 'whole', version: { ...version, messages }, expireSeconds };
  }
}

export interface CacheBed {
  readonly source: ScriptedSource;
  readonly cache: ZoneCache;
  readonly zone: KeptZone;
  readonly log: MemoryLog;
  /** Milliseconds since the epoch, as the cache has it. */
  nowMs: number;
  /** Why the next version must not be served. */
  fault: string | undefined;
  limits: CacheLimits;
}

export function cacheBed(limits: Partial<CacheLimits> = {}, spillDirectory = '/nonexistent'): CacheBed {
  const source = new ScriptedSource();
  const log = memoryLog();
  const all = { ...limitsOf(cacheLimits), ...limits };
  const state = { nowMs: 1_000_000, fault: undefined as string | undefined, limits: all };
  const cache = new ZoneCache({
    sources: () => [source],
    limits: all,
    check: () => Promise.resolve(state.fault),
    spillDirectory,
    log,
    metrics: new Metrics(),
    nowMs: () => state.nowMs,
  });
  cache.setZones([modelZone]);
  const zone = cache.zone(modelZone);
  if (zone === undefined) throw new Error('no zone');
  return Object.assign(state, { source, cache, zone, log });
}
