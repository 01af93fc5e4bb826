/**
 * What those who are not identified may still cost, counted for all listeners of a process together, and through a ledger
 * for all gates that share one.
 *
 * Each key has the limit in it that it is counted by, so listeners with different limits do not spend each other's.
 */
import { Budgets, type SharedLedger } from '../acl/budgets.ts';
import type { Metrics } from '../observe/metrics.ts';
import { ProvedAddresses } from './proved-addresses.ts';

export interface AdmissionBudgetsOptions {
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** The ledger of one kind of budget; without it, or where it gives none, this process counts for itself. */
  readonly ledgerOf?: ((kind: string) => SharedLedger | undefined) | undefined;
  readonly metrics?: Metrics | undefined;
}

export class AdmissionBudgets {
  /** Connections without identity, by address. */
  readonly failures: Budgets;
  /** Connections that claimed a name and did not prove it, by name. */
  readonly nameFailures: Budgets;
  /** Lookups that identified nobody, by address. */
  readonly lookups: Budgets;
  /** Lookups that identified nobody, by entry of the access list. */
  readonly nameLookups: Budgets;
  readonly proved: ProvedAddresses;

  constructor(options: AdmissionBudgetsOptions) {
    const { nowMs, metrics } = options;
    const make = (kind: string): Budgets => meteredBudgets(kind, options);
    this.failures = make('failures');
    this.nameFailures = make('failures-by-name');
    this.lookups = make('lookups');
    this.nameLookups = make('lookups-by-name');
    this.proved = new ProvedAddresses(nowMs);
    metrics
      ?.gauge('proved_addresses', 'Addresses from which a name was proved of late, with that name.', [])
      .follow({}, () => this.proved.size);
  }

  /** Ends settling. */
  close(): void {
    for (const budgets of [this.failures, this.nameFailures, this.lookups, this.nameLookups]) budgets.close();
  }
}

/** Budgets of one kind, shared where there is a ledger for it, and seen in the metrics. */
export function meteredBudgets(kind: string, { nowMs, ledgerOf, metrics }: AdmissionBudgetsOptions): Budgets {
  const settleFailures = metrics?.counter(
    'budget_settle_failures_total',
    'Times that what was spent could not be told to the gates that share the budgets.',
    ['budget'],
  );
  const onSettleFailed = (): void => settleFailures?.add({ budget: kind });
  const budgets = new Budgets({ kind, nowMs, ledger: ledgerOf?.(kind), onSettleFailed });
  metrics
    ?.gauge('budget_keys', 'Addresses and names whose spending is remembered.', ['budget'])
    .follow({ budget: kind }, () => budgets.size);
  return budgets;
}
