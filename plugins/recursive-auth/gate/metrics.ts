/** Metrics of the gate of recursive-auth. */
import { rcodeName, type Metrics, type ReplyKind } from '../../../core/index.ts';

/** Counts the replies to one class: a resolver asks thousands of times a second. */
export class ClassCounts {
  readonly #counter;
  readonly #class: string;
  readonly #series = new Map<number, { value: number }>();

  constructor(metrics: Metrics, name: string) {
    this.#class = name;
    this.#counter = metrics.counter(
      'authoritative_replies_total',
      'Replies of recursive-auth, by class, by where they came from, and by response code; those of no reply count too.',
      ['class', 'from', 'rcode'],
    );
  }

  add(kind: ReplyKind, rcode: number): void {
    const key = kindNumbers[kind] * 0x1_0000 + rcode;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#counter.series({ class: this.#class, from: kind, rcode: rcodeName(rcode) });
      this.#series.set(key, series);
    }
    series.value += 1;
  }
}

const kindNumbers: Readonly<Record<ReplyKind, number>> = {
  memory: 0,
  asked: 1,
  stale: 2,
  failed: 3,
  refused: 4,
};

/** What is counted for the whole gate. */
export function gateMetrics(metrics: Metrics) {
  return {
    refused: metrics.counter(
      'authoritative_refused_total',
      'Requests of recursive-auth that were refused, by reason.',
      ['reason'],
    ),
    shed: metrics.counter(
      'authoritative_shed_total',
      'Questions that were given up because the servers behind the gate had no time for them, by class and why: the queue was full, or they had waited for too long.',
      ['class', 'why'],
    ),
    memory: metrics.gauge('authoritative_memory', 'Answers that recursive-auth keeps in memory, by class.', [
      'class',
    ]),
    waiting: metrics.gauge(
      'authoritative_waiting',
      'Questions that wait for their turn at the servers behind the gate.',
      [],
    ),
    underWay: metrics.gauge(
      'authoritative_questions',
      'Questions that the servers behind the gate have.',
      [],
    ),
  };
}
