/** The series of one plain DNS listener. */
import type { Metrics } from '../observe/metrics.ts';
import type { do53Limits } from './limits.ts';

export type Transport = 'udp' | 'tcp';

/** What there is at this moment. */
export interface PlainState {
  readonly connections: () => number;
  readonly requests: () => number;
}

export class PlainMeters {
  readonly #requests;
  readonly #ignored;
  readonly #refused;
  readonly #lost;
  readonly #agent: string;
  readonly #labels;

  constructor(metrics: Metrics, label: string, now: PlainState) {
    const agent = { agent: label };
    this.#agent = label;
    this.#labels = { udp: { ...agent, transport: 'udp' }, tcp: { ...agent, transport: 'tcp' } };
    metrics
      .gauge('plain_connections', 'Open TCP connections of plain DNS clients.', ['agent'])
      .follow(agent, now.connections);
    metrics
      .gauge('plain_requests_waiting', 'Plain DNS requests that are not answered yet.', ['agent'])
      .follow(agent, now.requests);
    const byTransport = ['agent', 'transport'];
    this.#requests = metrics.counter('plain_requests_total', 'Plain DNS requests taken.', byTransport);
    this.#ignored = metrics.counter(
      'plain_ignored_total',
      'Messages of plain DNS that are no requests.',
      byTransport,
    );
    this.#lost = metrics.counter('plain_lost_replies_total', 'Replies that could not be sent.', byTransport);
    this.#refused = metrics.counter(
      'plain_refused_total',
      'Connections, requests and replies of plain DNS that a limit ended.',
      ['agent', 'limit'],
    );
  }

  request(transport: Transport): void {
    this.#requests.add(this.#labels[transport]);
  }

  ignored(transport: Transport): void {
    this.#ignored.add(this.#labels[transport]);
  }

  lost(transport: Transport): void {
    this.#lost.add(this.#labels[transport]);
  }

  refused(limit: keyof typeof do53Limits): void {
    this.#refused.add({ agent: this.#agent, limit });
  }
}
