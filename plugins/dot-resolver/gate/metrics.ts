/** Metrics of the gate of dot-resolver. */
import { rcodeName, type Metrics } from '../../../core/index.ts';

/** Where a reply came from. */
export type ReplyKind = 'memory' | 'asked' | 'stale' | 'failed' | 'refused';

/** Counts replies; made once for each view, since a member asks thousands of times a second. */
export class ReplyCounts {
  readonly #counter;
  readonly #view: string;
  readonly #series = new Map<number, { value: number }>();

  constructor(metrics: Metrics, view: string) {
    this.#view = view;
    this.#counter = metrics.counter(
      'resolve_replies_total',
      'Replies of dot-resolver, by view, by where they came from, and by response code.',
      ['view', 'from', 'rcode'],
    );
  }

  add(kind: ReplyKind, rcode: number): void {
    const key = kinds.indexOf(kind) * 4096 + rcode;
    const known = this.#series.get(key);
    if (known !== undefined) {
      known.value += 1;
      return;
    }
    const made = this.#counter.series({ view: this.#view, from: kind, rcode: rcodeName(rcode) });
    made.value += 1;
    this.#series.set(key, made);
  }
}

const kinds: readonly ReplyKind[] = ['memory', 'asked', 'stale', 'failed', 'refused'];

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
