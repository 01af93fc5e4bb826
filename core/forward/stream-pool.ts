/**
 * The connections to one resolver over which queries go, and the queries that wait for room in one. A query whose connection
 * dies is sent once more, over another one (RFC 7766 section 6.2.4, RFC 7858 section 3.4).
 *
 * Some servers close a connection after so many answers, perhaps after each one, whatever else is under way. That is
 * learned by what they do: connections then get that many queries at first, and soon more again.
 */
import type { FailureKind } from '../dns/failure.ts';
import type { StreamTransport } from '../resolver/upstream/stream.ts';
import type { ForwardLimits } from './limits.ts';
import { StreamConnection } from './stream-connection.ts';
import type { StreamEnd } from './stream-options.ts';
import type { Carrier, Trip } from './trip.ts';

export interface StreamPoolOptions {
  readonly who: string;
  readonly transport: StreamTransport;
  readonly limits: ForwardLimits;
  /** What each connection begins with. */
  readonly preamble?: Buffer;
  /** Connections at a time; as many again may be silent and on their way out. */
  readonly connections: number;
  readonly onAnswer: () => void;
  /** A connection could not be made, or was lost without any answer. */
  readonly onFailure: (why: string) => void;
}

/**
 * A query is sent once more, and a second time if others were answered on the connections that it lost: it may not be the
 * one that the server dies of, but must not become it.
 */
const mostLosses = 2;
const endless = Infinity;
/** So many connections in a row have to do well with their queries before the next gets more. */
const wellDone = 16;
/** From here on it is as good as endless. */
const manyQuestions = 0x1_0000;

export class StreamPool implements Carrier {
  readonly #options: StreamPoolOptions;
  #connections: StreamConnection[] = [];
  /** Queries that wait for room; those that were given up have another carrier. */
  #waiting: Trip[] = [];
  /** Of the waiting, those that were given up. */
  #dropped = 0;
  /** Queries that a connection takes in its life. */
  #life = endless;
  #done = 0;
  #isClosed = false;

  constructor(options: StreamPoolOptions) {
    this.#options = options;
  }

  /** Whether nobody waits for anything. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#connections.every(({ isIdle }) => isIdle);
  }

  /** Whether it has no connection. */
  get isEmpty(): boolean {
    return this.#connections.length === 0;
  }

  send(trip: Trip): void {
    const connection = this.#withRoom();
    if (connection !== undefined) {
      this.#hand(trip, connection);
      return;
    }
    trip.carrier = this;
    trip.isSent = false;
    this.#waiting.push(trip);
  }

  /** It is passed over when its turn comes. */
  drop(): void {
    this.#dropped += 1;
    if (this.#dropped <= this.#waiting.length / 2) return;
    this.#dropped = 0;
    this.#waiting = this.#waiting.filter(({ carrier }) => carrier === this);
  }

  /** Whether the trip is on a connection on which nothing has come since; that one then takes no more. */
  isSilent({ carrier, isSent, heardBefore }: Trip): boolean {
    if (!isSent || !(carrier instanceof StreamConnection) || carrier.heard > heardBefore) return false;
    carrier.isSuspect = true;
    return true;
  }

  /** @param kind of what is under way, where it is not as with a connection that the server ends */
  close(why: string, kind?: FailureKind): void {
    this.#isClosed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of [...this.#connections]) connection.close(why, kind);
    for (const trip of waiting)
      if (trip.carrier === this) this.#failLater(trip, { why, kind: kind ?? 'other' });
  }

  /** A connection for a query; undefined if it has to wait for one. */
  #withRoom(): StreamConnection | NoConnection | undefined {
    let usable = 0;
    for (const connection of this.#connections) {
      if (connection.hasRoom) return connection;
      if (connection.isUsable) usable += 1;
    }
    const { who, connections } = this.#options;
    if (this.#isClosed) return { why: `${who} is not asked any more`, kind: 'other' };
    if (usable >= connections) return undefined;
    if (this.#connections.length >= 2 * connections && !this.#closeSuspect()) return undefined;
    return this.#open();
  }

  #closeSuspect(): boolean {
    const suspect = this.#connections.find(({ isSuspect }) => isSuspect);
    suspect?.close(`${this.#options.who} did not answer in time, and a new connection was made`);
    return suspect !== undefined;
  }

  #open(): StreamConnection | NoConnection {
    const { who, transport, limits, preamble, onAnswer } = this.#options;
    const life = this.#life;
    try {
      const connection = new StreamConnection({
        ...{ who, transport, limits, preamble, life, onAnswer },
        onRoom: () => {
          if (this.#waiting.length > 0) this.#sendWaiting();
        },
        onEnd: (end) => {
          this.#take(connection, end);
        },
      });
      this.#connections.push(connection);
      return connection;
    } catch (error) {
      // What net and tls throw at once, as for a machine without sockets left.
      const why = `${who} cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
      return { why, kind: 'unreachable' };
    }
  }

  #take(connection: StreamConnection, { why, kind, lost, wasOpen, byServer }: StreamEnd): void {
    const { heard } = connection;
    this.#connections = this.#connections.filter((each) => each !== connection);
    this.#learn(connection, byServer && lost.length > 0);
    if (byServer && (!wasOpen || (lost.length > 0 && heard === 0))) this.#options.onFailure(why);
    for (const trip of lost) {
      if (this.#isClosed || !wasOpen || trip.losses >= mostLosses) {
        this.#failLater(trip, { why, kind });
      } else {
        trip.losses += heard > 0 ? 1 : mostLosses;
        this.send(trip);
      }
    }
    this.#sendWaiting();
  }

  #learn({ heard, isSpent }: StreamConnection, hasLost: boolean): void {
    if (hasLost && heard > 0) {
      this.#life = heard;
      this.#done = 0;
    } else if (isSpent && ++this.#done === wellDone) {
      this.#life = this.#life * 2 >= manyQuestions ? endless : this.#life * 2;
      this.#done = 0;
    }
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    let at = 0;
    for (; at < waiting.length; at++) {
      const trip = waiting[at];
      if (trip?.carrier !== this) continue;
      const connection = this.#withRoom();
      if (connection === undefined) break;
      this.#hand(trip, connection);
    }
    this.#waiting = waiting.slice(at);
  }

  #hand(trip: Trip, connection: StreamConnection | NoConnection): void {
    if (connection instanceof StreamConnection) connection.send(trip);
    else this.#failLater(trip, connection);
  }

  /** Later, because it may be that the caller of `send` is not ready for it yet. */
  #failLater(trip: Trip, { why, kind }: NoConnection): void {
    trip.carrier = failing;
    setImmediate(() => {
      if (trip.carrier !== failing) return;
      trip.carrier = undefined;
      trip.fail(why, kind);
    });
  }
}

/** Why there is none for a query. */
interface NoConnection {
  readonly why: string;
  readonly kind: FailureKind;
}

const failing: Carrier = { drop: () => undefined };
