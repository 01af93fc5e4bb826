/**
 * Counters, gauges and histograms in the text format of Prometheus.
 *
 * Each `Metrics` has its own registry, so that two daemons in one process (tests, `danced demo`) do not mix. All names
 * start with `danced_`. Asking again for a metric that exists gives the same one. The only file that imports
 * @prometheus-io/client.
 *
 * Counters and gauges are added up here and handed over when somebody reads them: each connection counts a dozen times, and
 * is read about once a minute.
 *
 * Limitations: no push gateway, no OpenMetrics exemplars.
 */
import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from '@prometheus-io/client';
import { maxSeriesPerMetric, type MetricKind, type MetricsSnapshot } from './snapshot.ts';

/** A value for each label of the metric. */
export type Labels = Readonly<Record<string, string>>;

/** Goes up only. */
export interface Counter {
  add(labels?: Labels, n?: number): void;
  /** One series, for who counts so often that to find it anew each time would be seen: add to `value`. */
  series(labels: Labels): { value: number };
}

/** Goes up and down. */
export interface Gauge {
  set(labels: Labels, value: number): void;
  add(labels: Labels, n: number): void;
  /** From now on the value is what `read` gives when the metrics are read; `set` and `add` count for nothing. */
  follow(labels: Labels, read: () => number): void;
}

/** Counts observations by size; `buckets` are the upper bounds, ascending. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

export { maxSeriesPerMetric };

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

  /** Everything counted so far as plain values, for sumSnapshots and renderSnapshot. What is no finite number is left out. */
  async snapshot(): Promise<MetricsSnapshot> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map(({ name, help, type, values }) => ({
      name,
      help,
      // Only the three kinds below are made.
      kind: type as MetricKind,
      series: values.flatMap(({ labels, value, metricName = name }: LibraryValue) =>
        Number.isFinite(value) ? [{ name: metricName, labels: textsOf(labels), value }] : [],
      ),
    }));
  }

  /** A counter; Prometheus wants its name to end in `_total`. Throws TypeError if the name is taken by another kind. */
  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return this.#once(name, 'counter', labelNames, () => {
      const series = new SeriesTable(labelNames);
      const metric = new PromCounter<string>({
        ...this.#options(name, help, labelNames),
        collect: () => {
          for (const one of series.all()) {
            metric.inc(one.labels, one.value);
            one.value = 0;
          }
        },
      });
      return {
        add: (labels = {}, n = 1) => {
          if (!(n >= 0)) throw new RangeError(`counter ${name}: ${String(n)} cannot be added`);
          series.of(labels).value += n;
        },
        series: (labels) => series.of(labels),
      };
    });
  }

  /** A gauge. Throws TypeError if the name is taken by another kind. */
  gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
    return this.#once(name, 'gauge', labelNames, () => {
      const series = new SeriesTable(labelNames);
      const metric = new PromGauge<string>({
        ...this.#options(name, help, labelNames),
        collect: () => {
          for (const { labels, value, read } of series.all()) metric.set(labels, read?.() ?? value);
        },
      });
      return {
        set: (labels, value) => {
          series.of(labels).value = value;
        },
        add: (labels, n) => {
          series.of(labels).value += n;
        },
        follow: (labels, read) => {
          series.of(labels).read = read;
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
      const series = new SeriesTable(labelNames);
      return {
        observe: (labels, value) => {
          metric.observe(series.of(labels).labels, value);
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

/** The text of a snapshot, as `Metrics.text` gives it of what was counted here. */
export function renderSnapshot(snapshot: MetricsSnapshot): Promise<string> {
  const metrics = snapshot.map(({ name, help, kind, series }) => ({
    name,
    help,
    type: kind,
    aggregator: 'sum',
    values: series.map((one) => ({ metricName: one.name, labels: one.labels, value: one.value })),
  }));
  return Registry.aggregate([metrics]).metrics();
}

/** As the library gives it; the name is there where it is not that of the metric. */
interface LibraryValue {
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
  readonly metricName?: string;
}

function textsOf(labels: LibraryValue['labels']): Labels {
  return Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, String(value ?? '')]));
}

interface Series {
  readonly labels: Record<string, string>;
  /** What has not been handed over yet (counters), or the value (gauges). */
  value: number;
  /** Gives the value instead (gauges). */
  read?: () => number;
}

/** The series of one metric; beyond `maxSeriesPerMetric` combinations of values there is one more, "other". */
class SeriesTable {
  readonly #labelNames: readonly string[];
  readonly #known = new Map<string, Series>();
  #other: Series | undefined;

  constructor(labelNames: readonly string[]) {
    this.#labelNames = labelNames;
  }

  of(labels: Labels): Series {
    const key = this.#keyOf(labels);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size === maxSeriesPerMetric) return (this.#other ??= this.#makeOther());
    for (const name of Object.keys(labels)) {
      // Found here and not by the library, which would find it when the metrics are read, and give none of them.
      if (!this.#labelNames.includes(name)) throw new TypeError(`the metric has no label ${name}`);
    }
    const made: Series = { labels: { ...labels }, value: 0 };
    this.#known.set(key, made);
    return made;
  }

  *all(): Generator<Series, void, undefined> {
    yield* this.#known.values();
    if (this.#other !== undefined) yield this.#other;
  }

  /** The values with their lengths, so that no two combinations have the same key. */
  #keyOf(labels: Labels): string {
    let key = '';
    for (const name of this.#labelNames) {
      const value = labels[name] ?? '';
      key += `${String(value.length)} ${value}`;
    }
    return key;
  }

  #makeOther(): Series {
    return { labels: Object.fromEntries(this.#labelNames.map((name) => [name, 'other'])), value: 0 };
  }
}
