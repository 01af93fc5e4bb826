/** Metrics of the gate of dot-resolver. */
import { rcodeName, type Metrics, type ReplyKind } from '../../../core/index.ts';

const kindNumbers: Readonly<Record<ReplyKind, number>> = {
  memory: 0,
  asked: 1,
  stale: 2,
  failed: 3,
  refused: 4,
};
const kinds = Object.keys(kindNumbers);

/** Counts replies; made once for each view, since a member asks thousands of times a second. */
export class ReplyCounts {
  readonly #counter;
  readonly #view: string;
  /** By kind, and in it by response code: those of every day, found by their number. */
  readonly #series: readonly (undefined | { value: number })[][] = kinds.map(() => []);

  constructor(metrics: Metrics, view: string) {
    this.#view = view;
    this.#counter = metrics.counter(
      'resolve_replies_total',
      'Replies of dot-resolver, by view, by where they came from, and by response code.',
      ['view', 'from', 'rcode'],
    );
  }

  add(kind: ReplyKind, rcode: number): void {
    const ofKind = this.#series[kindNumbers[kind]];
    const series = ofKind?.[rcode] ?? this.#seriesOf(kind, rcode);
    series.value += 1;
    if (ofKind !== undefined) ofKind[rcode] = series;
  }

  #seriesOf(kind: ReplyKind, rcode: number): { value: number } {
    return this.#counter.series({ view: this.#view, from: kind, rcode: rcodeName(rcode) });
  }
}

/** What is counted for the whole gate. */
export function gateMetrics(metrics: Metrics) {
  return {
    refused: metrics.counter(
      'resolve_refused_total',
      'Requests of dot-resolver that were refused, by reason.',
      ['reason'],
    ),
    memory: metrics.gauge('resolve_memory', 'What dot-resolver keeps in memory: answers, and their octets.', [
      'what',
    ]),
    underWay: metrics.gauge('resolve_questions', 'Questions of dot-resolver under way to upstreams.', []),
  };
}
