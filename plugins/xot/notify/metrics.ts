/** The series of NOTIFY, sent and received. */
import type { Metrics } from '../../../core/index.ts';

export type NotifyMetrics = ReturnType<typeof notifyMetrics>;

export function notifyMetrics(metrics: Metrics) {
  return {
    /** `answered`, `refused`, `failed` (said as often as allowed), `dropped` (the queue was full), `resting`. */
    sent: metrics.counter('xot_notifies_sent_total', 'Changes told to servers by NOTIFY, by outcome.', [
      'outcome',
    ]),
    waiting: metrics.gauge('xot_notifies_waiting', 'Changes that servers have not been told yet.', []),
    received: metrics.counter('xot_notifies_received_total', 'NOTIFY messages that came, by outcome.', [
      'outcome',
    ]),
  };
}
