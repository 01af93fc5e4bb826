/**
 * What the Redis store counts. What is answered from memory is added up and handed on with each look at Redis: to count it
 * must not cost more than to answer it.
 */
import type { Counter, Metrics } from '../../observe/metrics.ts';
import type { DecisionReason } from '../model.ts';

/** Where an answer came from: memory, Redis, the question of somebody else, memory that is old, nowhere. */
export type ReadResult = 'hit' | 'unknown-hit' | 'read' | 'shared' | 'stale' | 'failed';

/** What there is at this moment. */
export interface StoreFacts {
  readonly isUp: () => boolean;
  readonly revision: () => number;
  readonly ageSeconds: () => number;
  readonly clients: () => number;
  readonly others: () => number;
}

export class StoreMeters {
  readonly #reads: Counter | undefined;
  readonly #decisions: Counter | undefined;
  readonly #broken: Counter | undefined;
  readonly #changes: Counter | undefined;
  readonly #newReads = new Map<ReadResult, number>();
  readonly #newDecisions = new Map<DecisionReason, number>();

  constructor(metrics: Metrics | undefined, facts: StoreFacts) {
    this.#reads = metrics?.counter(
      'access_reads_total',
      'What was asked of the access list in Redis, by where the answer came from.',
      ['result'],
    );
    this.#decisions = metrics?.counter('access_decisions_total', 'Decisions by the access list in Redis.', [
      'reason',
    ]);
    this.#broken = metrics?.counter('access_broken_total', 'Broken values found in Redis.', []);
    this.#changes = metrics?.counter(
      'access_changes_total',
      'Changes of the access list in Redis: of entries, of roles or anonymous (head), or of who knows what (everything).',
      ['of'],
    );
    metrics
      ?.gauge('access_up', 'Whether the access list is in step with Redis: 1 or 0.', [])
      .follow({}, () => Number(facts.isUp()));
    metrics
      ?.gauge('access_revision', 'Revision of the access list that is in force; 0: none.', [])
      .follow({}, facts.revision);
    metrics
      ?.gauge(
        'access_age_seconds',
        'Since the access list was last known to be in step with Redis, or since the start.',
        [],
      )
      .follow({}, facts.ageSeconds);
    const names = metrics?.gauge('access_names', 'Names kept in memory: clients, and others.', ['kind']);
    names?.follow({ kind: 'clients' }, facts.clients);
    names?.follow({ kind: 'others' }, facts.others);
  }

  read(result: ReadResult): void {
    this.#newReads.set(result, (this.#newReads.get(result) ?? 0) + 1);
  }

  decision(reason: DecisionReason): void {
    this.#newDecisions.set(reason, (this.#newDecisions.get(reason) ?? 0) + 1);
  }

  broken(): void {
    this.#broken?.add();
  }

  changed(of: 'entries' | 'head' | 'everything'): void {
    this.#changes?.add({ of });
  }

  /** Adds what was counted so far to the metrics. */
  handOn(): void {
    for (const [result, count] of this.#newReads) this.#reads?.add({ result }, count);
    for (const [reason, count] of this.#newDecisions) this.#decisions?.add({ reason }, count);
    this.#newReads.clear();
    this.#newDecisions.clear();
  }
}
