/** The series of an xot gate. */
import type { Metrics } from '../../../core/index.ts';

/** Upper bounds in seconds: a small zone takes milliseconds, a large one through a slow client minutes. */
const durationBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

export type XotMetrics = ReturnType<typeof xotMetrics>;

export function xotMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('xot_requests_total', 'Requests by kind and response code.', ['kind', 'rcode']),
    refused: metrics.counter('xot_refused_total', 'Requests refused, by reason; all but malformed ones.', [
      'reason',
    ]),
    transfers: metrics.counter('xot_transfers_total', 'Transfers by form and outcome.', ['form', 'outcome']),
    records: metrics.counter('xot_records_total', 'Records sent in transfers.', []),
    durations: metrics.histogram(
      'xot_transfer_seconds',
      'Duration of complete transfers.',
      ['form'],
      durationBuckets,
    ),
  };
}
