/** Counts replies by where they came from and by response code: thousands a second, so each series is looked up once. */
import { rcodeName } from '../dns/constants.ts';
import type { Counter, Labels } from '../observe/metrics.ts';
import type { ReplyKind } from './means.ts';

const kindNumbers: Readonly<Record<ReplyKind, number>> = {
  memory: 0,
  asked: 1,
  stale: 2,
  failed: 3,
  refused: 4,
};
const kinds = Object.keys(kindNumbers);

export class ReplyCounts {
  readonly #counter: Counter;
  readonly #labels: Labels;
  /** By kind, and in it by response code: those of every day, found by their number. */
  readonly #series: readonly (undefined | { value: number })[][] = kinds.map(() => []);

  /** `labels` are those of the counter besides `from` and `rcode`. */
  constructor(counter: Counter, labels: Labels) {
    this.#counter = counter;
    this.#labels = labels;
  }

  add(kind: ReplyKind, rcode: number): void {
    const ofKind = this.#series[kindNumbers[kind]];
    const series = ofKind?.[rcode] ?? this.#seriesOf(kind, rcode);
    series.value += 1;
    if (ofKind !== undefined) ofKind[rcode] = series;
  }

  #seriesOf(kind: ReplyKind, rcode: number): { value: number } {
    return this.#counter.series({ ...this.#labels, from: kind, rcode: rcodeName(rcode) });
  }
}
