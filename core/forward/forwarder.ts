/**
 * Questions to the configured resolvers, as octets, and the answers back (RFC 7766, RFC 7858, RFC 5452). Servers are asked in the
 * order of the configuration, those that are down after the others.
 *
 * Made for many thousand questions a second on few connections: no promise, timer or search by text is spent on a question,
 * and what is asked in one turn of the event loop leaves in one write.
 *
 * Limitations: an answer is matched by ID and question and otherwise not looked into; options of an answer that concern the
 * way to the server (keepalive, padding, RFC 7828 and 7830) are for the one who passes it on to take out. Questions that are
 * the same are not put together. EDNS is not given up for servers that know nothing of it.
 */
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Flight, type FlightHost } from './flight.ts';
import type { ForwardLimits } from './limits.ts';
import { ForwardMeters } from './meters.ts';
import { questionEnd } from './question.ts';
import type { ForwardedClient, ForwardEnd, ForwardServer, GiveUp } from './server.ts';
import { Upstream } from './upstream.ts';
import { Wheel } from './wheel.ts';

export interface ForwarderOptions {
  /** In the order in which they are asked; at least one. */
  readonly servers: readonly ForwardServer[];
  readonly limits: ForwardLimits;
  /** Of metrics and log lines: the view. */
  readonly label: string;
  /** What errors call the servers; `resolver` if not said. */
  readonly noun?: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** PROXY v2 before each datagram and connection, which then belongs to one client. */
  readonly proxyProtocol: boolean;
}

/** How fine the time is that questions are given. */
const tickMs = 20;

export class Forwarder {
  readonly #upstreams: readonly Upstream[];
  readonly #most: number;
  readonly #wheel: Wheel;
  readonly #host: FlightHost;
  #underWay = 0;
  #isClosed = false;

  /**
   * Throws RangeError for no server, for TLS without a name and for TLS beside cleartext; Error for CAs that cannot be
   * read.
   */
  constructor(options: ForwarderOptions) {
    const { servers, limits, label, metrics } = options;
    if (servers.length === 0) throw new RangeError('no resolver to forward to');
    // RFC 8310 section 5.1: a question that is to be encrypted must not leave in clear when encryption fails.
    if (new Set(servers.map(({ transport }) => transport === 'tls')).size > 1) {
      throw new RangeError(
        'resolvers with TLS and without cannot be mixed: a failure of TLS would go unseen',
      );
    }
    this.#most = limits['upstream-queries'];
    const meters = new ForwardMeters(metrics, label, () => this.#underWay);
    this.#wheel = new Wheel(tickMs, () => {
      meters.handOn();
    });
    const onHealth = (): void => {
      this.#host.plan = this.#upstreams.toSorted((a, b) => Number(a.isDown) - Number(b.isDown));
    };
    this.#upstreams = servers.map((server) => new Upstream({ ...options, server, meters, onHealth }));
    this.#host = {
      wheel: this.#wheel,
      timeMs: limits['upstream-time'],
      retryMs: limits['upstream-retry'],
      // Over UDP as often as allowed, then once over TCP; over a stream once more if it is dead.
      rounds: Math.max(2, limits['upstream-tries'] + 1),
      plan: this.#upstreams,
      landed: () => {
        this.#underWay -= 1;
      },
    };
  }

  /** Questions that nobody has answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether every server is thought to be dead. They are asked all the same. */
  get isDown(): boolean {
    return this.#upstreams.every(({ isDown }) => isDown);
  }

  /**
   * Sends a question and calls `end` once, later: with the answer, which has the query's ID and is the caller's to write to,
   * perhaps a part of a larger buffer; or with why there is none. A SERVFAIL, or another code that is no answer, is
   * given if no server had anything better. After `giveUp` it is not called.
   *
   * @param query a whole message with one question; not to be written to until the end
   */
  ask(query: Buffer, end: ForwardEnd, client?: ForwardedClient): GiveUp {
    const questionEnds = questionEnd(query);
    const refusal = this.#refusal(questionEnds);
    if (refusal !== undefined) return failLater(end, refusal);
    this.#underWay += 1;
    const flight = new Flight(this.#host, { query, end: questionEnds, client }, end);
    flight.begin();
    return () => {
      flight.giveUp();
    };
  }

  /** Closes the connections. Questions under way end without an answer, later. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const flights = this.#wheel.entries().filter((entry) => entry instanceof Flight);
    setImmediate(() => {
      for (const flight of flights) flight.fail('forwarding was shut down');
      for (const upstream of this.#upstreams) upstream.close();
    });
  }

  #refusal(questionEnds: number): string | undefined {
    if (this.#isClosed) return 'forwarding was shut down';
    if (this.#underWay >= this.#most)
      return `${String(this.#most)} questions are under way, which is the limit`;
    return questionEnds === 0 ? 'the query is not one with one question' : undefined;
  }
}

function failLater(end: ForwardEnd, failure: string): GiveUp {
  let isOver = false;
  setImmediate(() => {
    if (!isOver) end({ failure, isTimeout: false, kind: 'other' });
  });
  return () => {
    isOver = true;
  };
}
