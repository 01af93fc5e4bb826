/** Metrics of the gate of recursive-auth. */
import { ReplyCounts, type Metrics } from '../../../core/index.ts';

export function replyCounts(metrics: Metrics, name: string): ReplyCounts {
  const counter = metrics.counter(
    'authoritative_replies_total',
    'Replies of recursive-auth, by class, by where they came from, and by response code; those of no reply count too.',
    ['class', 'from', 'rcode'],
  );
  return new ReplyCounts(counter, { class: name });
}

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
