/**
 * Questions to one server, each by the transport that the caller chooses for it: in clear by UDP, and TCP where that is cut short
 * (RFC 7766 section 5) or silent; or by opportunistic TLS (core/resolver/upstream/dot-unauthenticated.ts), many at once and
 * answered in any order (RFC 9539 section 4.4). There is no choosing here, and no falling back from one to the other: that is a matter of policy.
 *
 * Limitations: who asks bounds the number of questions and the time for them: without an answer a question waits until it is
 * given up. EDNS is not given up for servers that know nothing of it.
 */
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import type { FailureKind } from '../dns/failure.ts';
import {
  dnsOverUnauthenticatedTls,
  type ResumingTransport,
  type TlsWatcher,
} from '../resolver/upstream/dot-unauthenticated.ts';
import { dnsOverTcp } from '../resolver/upstream/stream.ts';
import type { ForwardLimits } from './limits.ts';
import { isTruncated, questionEnd } from './question.ts';
import type { GiveUp } from './server.ts';
import { StreamPool } from './stream-pool.ts';
import { Trip } from './trip.ts';
import { UdpSockets } from './udp.ts';

export interface OneServerOptions {
  readonly address: string;
  /** The port in clear, and that of DNS over TLS. */
  readonly ports: { readonly clear: number; readonly encrypted: number };
  readonly limits: ForwardLimits;
  /** Called as each connection of TLS is begun. */
  readonly watch: () => TlsWatcher;
  /** An answer came by TLS, also one that nobody waits for any more. */
  readonly onEncryptedAnswer: () => void;
}

/** What came of a question: the answer with the query's ID, the caller's to write to; or why there is none. */
export type OneServerEnd = (outcome: Buffer | OneServerFailure) => void;

export interface OneServerFailure {
  readonly failure: string;
  readonly kind: FailureKind;
}

/** A longer query goes by stream at once (core/forward/upstream.ts). */
const mostUdpOctets = 1232;

export class OneServer {
  readonly #options: OneServerOptions;
  readonly #udp: UdpSockets;
  readonly #tcp: StreamPool;
  /** One for all pools of TLS: it has the tickets. */
  readonly #transport: ResumingTransport;
  #tls: StreamPool;
  #isClosed = false;

  constructor(options: OneServerOptions) {
    const { address, ports, limits, watch } = options;
    this.#options = options;
    const server: Endpoint = { address, port: ports.clear };
    const shared = { who: `server ${formatEndpoint(server)}`, limits, ...unheeded };
    this.#tcp = new StreamPool({ ...shared, transport: dnsOverTcp(server), connections: 1 });
    this.#udp = new UdpSockets({
      ...{ ...shared, server },
      onGuesses: (trip) => {
        this.#tcp.send(trip);
      },
    });
    this.#transport = dnsOverUnauthenticatedTls({ address, port: ports.encrypted }, { watch });
    this.#tls = this.#newTls();
  }

  /** Sends it in clear; `end` is called once, later, unless it is given up. Throws RangeError for what is no query. */
  askInClear(query: Buffer, end: OneServerEnd): GiveUp {
    if (this.#isClosed) return failLater(end);
    const question = new ClearQuestion(query, this.#udp, this.#tcp, this.#options.limits, end);
    question.begin();
    return () => {
      question.giveUp();
    };
  }

  /** Sends it by TLS, over the connection that there is or one that is made; otherwise as `askInClear`. */
  askEncrypted(query: Buffer, end: OneServerEnd): GiveUp {
    const trip = new Errand(
      query,
      (answer) => {
        if (isTruncated(answer)) end({ failure: 'it cut its answer short over a stream', kind: 'unusable' });
        else end(withIdOf(query, answer));
      },
      (failure, kind) => {
        end({ failure, kind });
      },
    );
    this.#tls.send(trip);
    return () => {
      trip.drop();
    };
  }

  /** Ends the connections of TLS; what is under way on them fails. The next question makes a new one. */
  dropEncrypted(why: string): void {
    const old = this.#tls;
    if (!this.#isClosed) this.#tls = this.#newTls();
    old.close(why);
  }

  /** The next connection of TLS does not resume one of before. */
  forgetTickets(): void {
    this.#transport.forgetTickets();
  }

  /** Ends all connections; what is under way fails. */
  close(why: string): void {
    this.#isClosed = true;
    this.#udp.close(why);
    this.#tcp.close(why, 'other');
    this.#tls.close(why, 'other');
  }

  #newTls(): StreamPool {
    const { address, ports, limits, onEncryptedAnswer } = this.#options;
    const who = `server ${formatEndpoint({ address, port: ports.encrypted })}`;
    return new StreamPool({
      ...{ ...unheeded, who, limits, transport: this.#transport, connections: 1 },
      onAnswer: onEncryptedAnswer,
    });
  }
}

function failLater(end: OneServerEnd): GiveUp {
  const timer = setImmediate(() => {
    end({ failure: 'it is not asked any more', kind: 'other' });
  });
  return () => {
    clearImmediate(timer);
  };
}

/** Whoever asks hears of each question how it ended. */
const unheeded = { onAnswer: (): void => undefined, onFailure: (): void => undefined };

/** One query by UDP as often as allowed, then once by TCP. */
class ClearQuestion {
  readonly #query: Buffer;
  readonly #udp: UdpSockets;
  readonly #tcp: StreamPool;
  readonly #limits: ForwardLimits;
  readonly #end: OneServerEnd;
  #trip: Errand | undefined;
  #round = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(query: Buffer, udp: UdpSockets, tcp: StreamPool, limits: ForwardLimits, end: OneServerEnd) {
    this.#query = query;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#limits = limits;
    this.#end = end;
  }

  begin(): void {
    const isLong = this.#query.length > mostUdpOctets;
    // RFC 9520 section 3.1 limits the tries.
    if (isLong || this.#round >= this.#limits['upstream-tries'] || !this.#sendByUdp()) this.#sendByTcp();
  }

  giveUp(): void {
    clearTimeout(this.#timer);
    this.#trip?.drop();
    this.#trip = undefined;
  }

  #sendByUdp(): boolean {
    const trip = this.#errand((answer) => {
      if (isTruncated(answer)) this.#sendByTcp();
      else this.#finish(withIdOf(this.#query, answer));
    });
    if (!this.#udp.send(trip, undefined)) return false;
    this.#timer = setTimeout(
      () => {
        // The answer to what is said again comes with the one to the first.
        trip.drop();
        this.#round += 1;
        this.begin();
      },
      this.#limits['upstream-retry'] * 2 ** this.#round,
    );
    return true;
  }

  #sendByTcp(): void {
    clearTimeout(this.#timer);
    const trip = this.#errand((answer) => {
      if (isTruncated(answer))
        this.#finish({ failure: 'it cut its answer short over a stream', kind: 'unusable' });
      else this.#finish(withIdOf(this.#query, answer));
    });
    this.#tcp.send(trip);
  }

  #errand(onAnswer: (answer: Buffer) => void): Errand {
    const trip = new Errand(this.#query, onAnswer, (failure, kind) => {
      this.#finish({ failure, kind });
    });
    this.#trip = trip;
    return trip;
  }

  #finish(outcome: Buffer | OneServerFailure): void {
    clearTimeout(this.#timer);
    this.#trip = undefined;
    this.#end(outcome);
  }
}

class Errand extends Trip {
  readonly #onAnswer: (answer: Buffer) => void;
  readonly #onFailure: (failure: string, kind: FailureKind) => void;

  constructor(
    query: Buffer,
    onAnswer: (answer: Buffer) => void,
    onFailure: (failure: string, kind: FailureKind) => void,
  ) {
    const end = questionEnd(query);
    if (end === 0) throw new RangeError('the query is not one with one question');
    super(query, end);
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  override arrive(answer: Buffer): void {
    this.#onAnswer(answer);
  }

  override fail(why: string, kind: FailureKind): void {
    this.#onFailure(why, kind);
  }
}

/** With the ID of the one who asks; the carrier had one of its own. */
function withIdOf(query: Buffer, answer: Buffer): Buffer {
  answer[0] = query[0] ?? 0;
  answer[1] = query[1] ?? 0;
  return answer;
}
