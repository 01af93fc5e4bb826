/**
 * What was counted, as plain values: so that it can leave its process, and be added up with what others counted.
 *
 * Counters and histograms of a process that has ended still count (`onlyTotals`), so that a sum never falls; its gauges do not,
 * for what they measured is gone.
 *
 * Limitations: a gauge that says yes or no (1 or 0) becomes the number of those that say yes. Where the sum of a metric has
 * more than `maxSeriesPerMetric` combinations of values, one that was added under its own name can later be found in "other".
 */

/** Everything that a `Metrics` has counted. */
export type MetricsSnapshot = readonly MetricSnapshot[];

export interface MetricSnapshot {
  /** With our prefix. */
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly series: readonly SeriesSnapshot[];
}

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface SeriesSnapshot {
  /** As it is written in the text: that of the metric, or of a histogram's part (`…_bucket`, `…_sum`, `…_count`). */
  readonly name: string;
  /** Of a bucket also `le`, its upper bound. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Series of one metric. A label that follows what strangers send (a zone they ask for) would otherwise take memory for
 * each new value; combinations beyond the bound are counted together under the value "other".
 */
export const maxSeriesPerMetric = 1000;

/** Of one snapshot that comes from another process. */
const bounds = { metrics: 1000, seriesPerMetric: 100 * maxSeriesPerMetric, characters: 4096, labels: 32 };
/** Of a histogram with the same labels: its buckets, sum and count. */
const mostParts = 256;
/** What the text of metrics takes for a name. Another one could say what nobody counted, or break the text off. */
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Adds up what has the same name and the same labels, in the order in which it first comes. A metric that is of another kind in a
 * later snapshot is left out there, and so is what makes them more than one process may have.
 */
export function sumSnapshots(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const sums = new Map<string, MetricSum>();
  for (const metric of snapshots.flat()) {
    let sum = sums.get(metric.name);
    if (sum === undefined) {
      if (sums.size >= bounds.metrics) continue;
      sums.set(metric.name, (sum = new MetricSum(metric)));
    }
    if (sum.kind === metric.kind) for (const series of metric.series) sum.add(series);
  }
  return [...sums.values()].map((sum) => sum.snapshot());
}

/** Without gauges. */
export function onlyTotals(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ kind }) => kind !== 'gauge');
}

/** Reads what another process sent as a snapshot. Undefined for what is none, or is beyond every bound. */
export function readSnapshot(value: unknown): MetricsSnapshot | undefined {
  return isListOf(value, bounds.metrics, isMetric) ? value : undefined;
}

class MetricSum {
  readonly kind: MetricKind;
  readonly #name: string;
  readonly #help: string;
  /** By labels but `le`, which is bounded by whoever made the histogram; in it by name and `le`. */
  readonly #groups = new Map<string, Map<string, Sum>>();

  constructor({ name, help, kind }: MetricSnapshot) {
    this.#name = name;
    this.#help = help;
    this.kind = kind;
  }

  add({ name, labels, value }: SeriesSnapshot): void {
    const [group, shown] = this.#groupOf(labels);
    const key = `${name} ${labels['le'] ?? ''}`;
    const known = group.get(key);
    if (known !== undefined) known.value += value;
    else if (group.size < mostParts) group.set(key, { name, labels: shown, value });
  }

  snapshot(): MetricSnapshot {
    const series = [...this.#groups.values()].flatMap((group) => [...group.values()]);
    return { name: this.#name, help: this.#help, kind: this.kind, series };
  }

  #groupOf(labels: Labels): readonly [Map<string, Sum>, Labels] {
    const own = Object.entries(labels).filter(([label]) => label !== 'le');
    const known = this.#groups.get(keyOf(own));
    if (known !== undefined) return [known, labels];
    if (this.#groups.size < maxSeriesPerMetric) return [this.#make(keyOf(own)), labels];
    const other = own.map(([label]) => [label, 'other'] as const);
    const bucket = labels['le'] === undefined ? [] : [['le', labels['le']] as const];
    const group = this.#groups.get(keyOf(other)) ?? this.#make(keyOf(other));
    return [group, Object.fromEntries([...other, ...bucket])];
  }

  #make(key: string): Map<string, Sum> {
    const made = new Map<string, Sum>();
    this.#groups.set(key, made);
    return made;
  }
}

/** The same for the same labels in any order. */
function keyOf(labels: readonly (readonly [string, string])[]): string {
  return JSON.stringify(labels.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

type Labels = SeriesSnapshot['labels'];

interface Sum extends SeriesSnapshot {
  value: number;
}

function isMetric(value: unknown): value is MetricSnapshot {
  if (!isRecord(value)) return false;
  const { name, help, kind, series } = value;
  return (
    isText(name) &&
    metricName.test(name) &&
    isText(help) &&
    (kind === 'counter' || kind === 'gauge' || kind === 'histogram') &&
    isListOf(series, bounds.seriesPerMetric, isSeries)
  );
}

function isSeries(value: unknown): value is SeriesSnapshot {
  if (!isRecord(value) || !isText(value['name']) || !Number.isFinite(value['value'])) return false;
  if (!metricName.test(value['name']) || !isRecord(value['labels'])) return false;
  const labels = Object.entries(value['labels']);
  return (
    labels.length <= bounds.labels && labels.every(([label, text]) => labelName.test(label) && isText(text))
  );
}

function isListOf<T>(value: unknown, most: number, isOne: (one: unknown) => one is T): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every(isOne);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= bounds.characters;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
