/** The series of kept zones. */
import type { Metrics } from '../../../core/index.ts';

export interface CacheMeters {
  look(outcome: 'done' | 'failed'): void;
  loaded(): void;
}

/** What the gauges read. */
export interface CacheState {
  readonly zones: () => number;
  readonly served: () => number;
  readonly octets: () => number;
}

export function cacheMeters(metrics: Metrics, state: CacheState): CacheMeters {
  const looks = metrics.counter('xot_looks_total', 'Looks for news of a zone upstream, by outcome.', [
    'outcome',
  ]);
  const loaded = metrics.counter('xot_versions_total', 'Versions of zones that were taken.', []);
  const zones = metrics.gauge('xot_zones', 'Zones, by whether there is a version to serve.', ['state']);
  zones.follow({ state: 'served' }, state.served);
  zones.follow({ state: 'missing' }, () => state.zones() - state.served());
  metrics.gauge('xot_cache_octets', 'Octets of kept zones in memory.', []).follow({}, state.octets);
  return {
    look: (outcome) => {
      looks.add({ outcome });
    },
    loaded: () => {
      loaded.add({});
    },
  };
}
