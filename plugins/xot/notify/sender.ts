/**
 * Tells servers that zones have changed (RFC 1996): each change to each server, the newest only, until it is answered.
 *
 * Nothing waits for it: `announce` queues, and what cannot be told is found at the next refresh (RFC 1035 section 3.3.13).
 */
import type { Log, Metrics, Name, ResourceRecord } from '../../../core/index.ts';
import type { NotifyLimits } from './limits.ts';
import { notifyMetrics } from './metrics.ts';
import { TargetQueue } from './queue.ts';
import type { NotifyTarget } from './targets.ts';

export interface NotifySenderOptions {
  /** Closed with the sender. */
  readonly targets: readonly NotifyTarget[];
  readonly limits: NotifyLimits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

export class NotifySender {
  readonly #queues: readonly TargetQueue[];

  constructor({ targets, limits, log, metrics, nowMs }: NotifySenderOptions) {
    const common = { limits, log, metrics: notifyMetrics(metrics), nowMs };
    this.#queues = targets.map((target) => new TargetQueue({ target, ...common }));
  }

  /** Changes that have not been told, over all servers. */
  get waiting(): number {
    return this.#queues.reduce((sum, { size }) => sum + size, 0);
  }

  /** Tells every server that the zone has a new version; gives back at once. */
  announce(zone: Name, soa: ResourceRecord): void {
    for (const queue of this.#queues) queue.add(zone, soa);
  }

  /** Ends what is under way, and forgets what waits. */
  close(): void {
    for (const queue of this.#queues) queue.close();
  }
}
