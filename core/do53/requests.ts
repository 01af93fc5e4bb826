/**
 * Requests that the handler has and has not answered: each is answered once, and none is waited for without end.
 */
import { headerOctets, maxMessageOctets } from '../dns/walker.ts';
import type { Log } from '../observe/log.ts';
import type { PlainHandler, PlainSource } from './handler.ts';
import type { Do53Limits } from './limits.ts';
import type { PlainMeters } from './meters.ts';

/** One request that waits for its reply. */
export interface WaitingRequest {
  readonly from: PlainSource;
  /** Sends the reply; undefined: there is none. Called once. */
  answer(message: Buffer | undefined): void;
}

/** What the parts of one server share. */
export interface Do53Environment {
  readonly handler: PlainHandler;
  readonly limits: () => Do53Limits;
  readonly meters: PlainMeters;
  readonly log: Log;
}

/** So many looks at the clock are made in `plain-request-time`; a request is given up after that time and one look more. */
const sweepsPerLife = 4;

/** Those of all transports of one server. */
export class Requests {
  readonly #environment: Do53Environment;
  /** By age, with the number of the sweep before which each came. */
  readonly #waiting = new Map<WaitingRequest, number>();
  #sweeps = 0;
  #timer: NodeJS.Timeout | undefined;
  #saidDefect = false;

  constructor(environment: Do53Environment) {
    this.#environment = environment;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Gives the request to the handler. */
  start(octets: Buffer, request: WaitingRequest): void {
    this.#waiting.set(request, this.#sweeps);
    if (this.#timer === undefined) this.#startTimer();
    try {
      this.#environment.handler(octets, request.from, (message) => {
        if (this.#waiting.delete(request)) request.answer(this.#checked(message, request));
      });
    } catch (error) {
      this.#environment.log.error('defect', {
        doing: 'plain DNS request',
        remote: request.from.remote,
        error,
      });
      if (this.#waiting.delete(request)) request.answer(undefined);
    }
  }

  /** Forgets those that wait; later replies to them count for nothing. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** What no client could read is not sent. */
  #checked(message: Buffer | undefined, { from }: WaitingRequest): Buffer | undefined {
    if (message === undefined) return undefined;
    if (message.length >= headerOctets && message.length <= maxMessageOctets) return message;
    if (!this.#saidDefect) {
      const error = `a reply of ${String(message.length)} octets`;
      this.#environment.log.error('defect', { doing: 'plain DNS request', remote: from.remote, error });
    }
    this.#saidDefect = true;
    return undefined;
  }

  #startTimer(): void {
    const everyMs = this.#environment.limits()['plain-request-time'] / sweepsPerLife;
    this.#timer = setTimeout(() => {
      this.#sweep();
    }, everyMs).unref();
  }

  #sweep(): void {
    this.#sweeps++;
    for (const [request, sweep] of this.#waiting) {
      // A Map keeps the order in which requests came: all that follow are younger.
      if (this.#sweeps - sweep <= sweepsPerLife) break;
      this.#waiting.delete(request);
      this.#environment.meters.refused('plain-request-time');
      request.answer(undefined);
    }
    this.#timer = undefined;
    if (this.#waiting.size > 0) this.#startTimer();
  }
}
