/**
 * Requests that the handler has and has not answered: each is answered once, and none is waited for without end.
 */
import { headerOctets, maxMessageOctets } from '../dns/walker.ts';
import type { Log } from '../observe/log.ts';
import type { PlainBatch, PlainHandler, PlainSource } from './handler.ts';
import type { Do53Limits } from './limits.ts';
import type { PlainMeters } from './meters.ts';
import { discard, end, type BegunStream } from './stream.ts';

/** One request that waits for its reply. */
export interface WaitingRequest {
  readonly from: PlainSource;
  /** Sends the reply; undefined: there is none. Called once. */
  answer(message: Buffer | undefined): void;
  /** Sends a stream of messages, instead; undefined where only one can be sent. Called once. */
  stream?(begun: BegunStream): void;
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
    // Whether a stream has been taken for the reply: the request still waits then, for its first batch.
    let isStreamed = false as boolean;
    try {
      this.#environment.handler(octets, request.from, (reply) => {
        if (reply === undefined || Buffer.isBuffer(reply)) {
          if (!isStreamed && this.#waiting.delete(request)) request.answer(this.#checked(reply, request));
        } else if (isStreamed || !this.#waiting.has(request)) {
          discard(reply);
        } else {
          isStreamed = true;
          void this.#begin(reply, request);
        }
      });
    } catch (error) {
      this.#defect(request, error);
      if (!isStreamed && this.#waiting.delete(request)) request.answer(undefined);
    }
  }

  /** The request waits for the first batch of its reply. Never rejects. */
  async #begin(stream: AsyncIterable<PlainBatch>, request: WaitingRequest): Promise<void> {
    if (request.stream === undefined) {
      discard(stream);
      this.#defect(request, 'a reply of many messages by UDP');
      if (this.#waiting.delete(request)) request.answer(undefined);
      return;
    }
    const rest = stream[Symbol.asyncIterator]();
    try {
      const next = await rest.next();
      // It may have come too late.
      if (!this.#waiting.delete(request)) end(rest);
      else if (next.done === true) request.answer(undefined);
      else request.stream({ first: next.value, rest });
    } catch (error) {
      this.#defect(request, error);
      if (this.#waiting.delete(request)) request.answer(undefined);
    }
  }

  #defect({ from }: WaitingRequest, error: unknown): void {
    this.#environment.log.error('defect', { doing: 'plain DNS request', remote: from.remote, error });
  }

  /** Forgets those that wait; later replies to them count for nothing. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** What no client could read is not sent. */
  #checked(message: Buffer | undefined, request: WaitingRequest): Buffer | undefined {
    if (message === undefined) return undefined;
    if (message.length >= headerOctets && message.length <= maxMessageOctets) return message;
    if (!this.#saidDefect) this.#defect(request, `a reply of ${String(message.length)} octets`);
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
