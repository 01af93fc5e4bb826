/**
 * Counters, gauges and histograms in the text format of Prometheus.
 *
 * Each `Metrics` has its own registry, so that two daemons in one process (tests, `danced demo`) do not mix. All names
 * start with `danced_`. Asking again for a metric that exists gives the same one. The only file that imports
 * @prometheus-io/client.
 *
 * Limitations: no push gateway, no OpenMetrics exemplars.
 */
import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from '@prometheus-io/client';

/** A value for each label of the metric. */
export type Labels = Readonly<Record<string, string>>;

/** Goes up only. */
export interface Counter {
  add(labels?: Labels, n?: number): void;
}

/** Goes up and down. */
export interface Gauge {
  set(labels: Labels, value: number): void;
  add(labels: Labels, n: number): void;
}

/** Counts observations by size; `buckets` are the upper bounds, ascending. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

/**
 * Series of one metric. A label that follows what strangers send (a zone they ask for) would otherwise take memory for
 * each new value; combinations beyond the bound are counted together under the value "other".
 */
export const maxSeriesPerMetric = 1000;

const prefix = 'danced_';

/** The metrics of one daemon. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #made = new Map<string, { readonly shape: string; readonly metric: unknown }>();

  /** Of the text that `text` gives. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything counted so far, as Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** A counter; Prometheus wants its name to end in `_total`. Throws TypeError if the name is taken by another kind. */
  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return this.#once(name, 'counter', labelNames, () => {
      const metric = new PromCounter(this.#options(name, help, labelNames));
      const bound = seriesBound(labelNames);
      return {
        add: (labels = {}, n = 1) => {
          metric.inc(bound(labels), n);
        },
      };
    });
  }

  /** A gauge. Throws TypeError if the name is taken by another kind. */
  gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
    return this.#once(name, 'gauge', labelNames, () => {
      const metric = new PromGauge(this.#options(name, help, labelNames));
      const bound = seriesBound(labelNames);
      return {
        set: (labels, value) => {
          metric.set(bound(labels), value);
        },
        add: (labels, n) => {
          metric.inc(bound(labels), n);
        },
      };
    });
  }

  /** A histogram. Throws TypeError if the name is taken by another kind. */
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
  ): Histogram {
    return this.#once(name, 'histogram', labelNames, () => {
      const metric = new PromHistogram({ ...this.#options(name, help, labelNames), buckets: [...buckets] });
      const bound = seriesBound(labelNames);
      return {
        observe: (labels, value) => {
          metric.observe(bound(labels), value);
        },
      };
    });
  }

  #options(name: string, help: string, labelNames: readonly string[]) {
    return { name: prefix + name, help, labelNames: [...labelNames], registers: [this.#registry] };
  }

  #once<T>(name: string, kind: string, labelNames: readonly string[], make: () => T): T {
    const shape = `${kind}(${labelNames.join(',')})`;
    const known = this.#made.get(name);
    if (known === undefined) {
      const metric = make();
      this.#made.set(name, { shape, metric });
      return metric;
    }
    if (known.shape !== shape)
      throw new TypeError(`metric ${name} is a ${known.shape} already, not a ${shape}`);
    // The shape says which of the three kinds it is.
    return known.metric as T;
  }
}

/** Gives back the labels, or "other" for each once the metric has `maxSeriesPerMetric` combinations of values. */
function seriesBound(labelNames: readonly string[]): (labels: Labels) => Record<string, string> {
  const other = Object.fromEntries(labelNames.map((name) => [name, 'other']));
  const known = new Set<string>();
  return (labels) => {
    const key = JSON.stringify(labelNames.map((name) => labels[name]));
    if (!known.has(key)) {
      if (known.size === maxSeriesPerMetric) return other;
      known.add(key);
    }
    return { ...labels };
  };
}
