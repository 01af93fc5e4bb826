/**
 * The metrics of a daemon of several processes: the sum of what they count, of what those counted that have ended, and of what the
 * parent counts itself. No counter falls when a worker ends or is silent.
 */
import { renderSnapshot, type Metrics } from '../../core/observe/metrics.ts';
import { onlyTotals, sumSnapshots, type MetricsSnapshot } from '../../core/observe/snapshot.ts';
import type { AskedWorker } from './pool.ts';

export class WorkerTotals {
  readonly #own: Metrics;
  readonly #ask: () => Promise<readonly AskedWorker[]>;
  #ended: MetricsSnapshot = [];

  /** @param ask gives every worker that has started and not ended */
  constructor(own: Metrics, ask: () => Promise<readonly AskedWorker[]>) {
    this.#own = own;
    this.#ask = ask;
  }

  /** As `Metrics` has it. */
  get contentType(): string {
    return this.#own.contentType;
  }

  /** Of one that has ended; before it is missing among the others. */
  bury(snapshot: MetricsSnapshot): void {
    this.#ended = sumSnapshots([this.#ended, onlyTotals(snapshot)]);
  }

  async text(): Promise<string> {
    const own = await this.#own.snapshot();
    const asked = await this.#ask();
    // From here on nothing is waited for: one that ends in between would be counted twice.
    const live = asked.map(({ snapshot, isSilent }) => (isSilent ? onlyTotals(snapshot) : snapshot));
    return renderSnapshot(sumSnapshots([own, this.#ended, ...live]));
  }
}
