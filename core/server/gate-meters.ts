/** The series of one gate. */
import type { Metrics } from '../observe/metrics.ts';
import type { ClaimLimit } from './admission.ts';
import type { Became, ConnectionOutcome } from './connection.ts';

/** What there is at this moment. */
export interface GateState {
  readonly open: () => number;
  readonly handshakes: () => number;
  readonly anonymous: () => number;
  readonly proofs: () => number;
}

export class GateMeters {
  readonly #label: string;
  readonly #ended;
  readonly #turnedAway;
  readonly #barred;
  readonly #became;
  readonly #octets;

  constructor(metrics: Metrics, label: string, now: GateState) {
    this.#label = label;
    const gate = { gate: label };
    metrics.gauge('connections', 'Open connections.', ['gate']).follow(gate, now.open);
    metrics
      .gauge('handshakes', 'Connections that are not identified yet.', ['gate'])
      .follow(gate, now.handshakes);
    metrics
      .gauge('anonymous_clients', 'Connections that are served without identity.', ['gate'])
      .follow(gate, now.anonymous);
    metrics
      .gauge('proofs_waiting', 'Connections that wait for the DNS to be identified.', ['gate'])
      .follow(gate, now.proofs);
    this.#ended = metrics.counter('connections_total', 'Connections that ended, by outcome.', [
      'gate',
      'outcome',
    ]);
    this.#turnedAway = metrics.counter('turned_away_total', 'Connections closed at once by a limit.', [
      'gate',
      'limit',
    ]);
    this.#barred = metrics.counter(
      'admission_refused_total',
      'Claims of names on the access list that a limit kept from being looked up.',
      ['gate', 'limit'],
    );
    this.#became = metrics.counter(
      'client_changes_total',
      'Clients that became anonymous on an open connection, since nobody could be asked for their proof, or identified.',
      ['gate', 'became'],
    );
    this.#octets = metrics.counter('octets_total', 'Octets of clients that were served.', [
      'gate',
      'direction',
    ]);
  }

  ended(outcome: ConnectionOutcome): void {
    const served = outcome.isAnonymous === true ? 'anonymous' : 'served';
    this.#ended.add({ gate: this.#label, outcome: outcome.refused ?? served });
    this.#octets.add({ gate: this.#label, direction: 'in' }, outcome.octetsIn);
    this.#octets.add({ gate: this.#label, direction: 'out' }, outcome.octetsOut);
  }

  turnedAway(limit: string): void {
    this.#turnedAway.add({ gate: this.#label, limit });
  }

  became(what: Became): void {
    this.#became.add({ gate: this.#label, became: what });
  }

  barred(limit: ClaimLimit): void {
    this.#barred.add({ gate: this.#label, limit });
  }
}
