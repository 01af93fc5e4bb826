/**
 * What forwarding counts. Questions are added up in plain numbers and handed on every few milliseconds while any are under
 * way: to look up a series for each would be a good part of what it costs to send one.
 */
import type { Counter, Gauge, Metrics } from '../observe/metrics.ts';
import type { Way } from './trip.ts';

/** What came of a question to one server. */
export const outcomes = [
  'answered',
  'servfail',
  /** Another response code that is no answer: REFUSED, FORMERR, NOTIMP. */
  'refused',
  'truncated',
  /** Not reached, or the connection was lost. */
  'failed',
  'timeout',
  /** Another server was faster, or nobody wanted to know any more. */
  'unanswered',
] as const;

export type Outcome = (typeof outcomes)[number];

export class ForwardMeters {
  readonly #label: string;
  readonly #questions: Counter;
  readonly #up: Gauge;
  readonly #servers: ServerMeters[] = [];

  constructor(metrics: Metrics, label: string, underWay: () => number) {
    this.#label = label;
    this.#questions = metrics.counter(
      'forward_questions_total',
      'Questions to upstream resolvers, by what came of them.',
      ['view', 'server', 'transport', 'outcome'],
    );
    this.#up = metrics.gauge('forward_server_up', 'Whether an upstream resolver answers: 1 or 0.', [
      'view',
      'server',
    ]);
    metrics
      .gauge('forward_under_way', 'Questions to upstream resolvers that are under way.', ['view'])
      .follow({ view: label }, underWay);
  }

  server(server: string, stream: 'tcp' | 'tls'): ServerMeters {
    const view = this.#label;
    const meters = new ServerMeters({ view, server }, stream, { questions: this.#questions, up: this.#up });
    this.#servers.push(meters);
    return meters;
  }

  /** Hands on what was counted. */
  handOn(): void {
    for (const each of this.#servers) each.handOn();
  }
}

export class ServerMeters {
  readonly #up: (isUp: boolean) => void;
  readonly #udp: Tally;
  readonly #stream: Tally;

  constructor(
    labels: { readonly view: string; readonly server: string },
    stream: 'tcp' | 'tls',
    { questions, up }: { readonly questions: Counter; readonly up: Gauge },
  ) {
    this.#up = (isUp) => {
      up.set(labels, isUp ? 1 : 0);
    };
    this.#udp = new Tally((outcome, n) => {
      questions.add({ ...labels, transport: 'udp', outcome }, n);
    });
    this.#stream = new Tally((outcome, n) => {
      questions.add({ ...labels, transport: stream, outcome }, n);
    });
    this.#up(true);
  }

  isUp(isUp: boolean): void {
    this.#up(isUp);
  }

  question(way: Way, outcome: Outcome): void {
    (way === 'udp' ? this.#udp : this.#stream).counts[outcome] += 1;
  }

  handOn(): void {
    this.#udp.handOn();
    this.#stream.handOn();
  }
}

class Tally {
  readonly counts: Record<Outcome, number> = {
    answered: 0,
    servfail: 0,
    refused: 0,
    truncated: 0,
    failed: 0,
    timeout: 0,
    unanswered: 0,
  };
  readonly #add: (outcome: Outcome, n: number) => void;

  constructor(add: (outcome: Outcome, n: number) => void) {
    this.#add = add;
  }

  handOn(): void {
    for (const outcome of outcomes) {
      if (this.counts[outcome] === 0) continue;
      this.#add(outcome, this.counts[outcome]);
      this.counts[outcome] = 0;
    }
  }
}
