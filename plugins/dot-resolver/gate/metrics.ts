/** Metrics of the gate of dot-resolver. */
import { ReplyCounts, type Metrics } from '../../../core/index.ts';

export function replyCounts(metrics: Metrics, view: string): ReplyCounts {
  const counter = metrics.counter(
    'resolve_replies_total',
    'Replies of dot-resolver, by view, by where they came from, and by response code.',
    ['view', 'from', 'rcode'],
  );
  return new ReplyCounts(counter, { view });
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
