/**
 * One question put to several servers, one after the other: the next is asked when the one before has failed, or has
 * been silent for a while; the first useful answer wins, from whomever it comes. Silence of one server so costs a
 * moment, not the lookup.
 */
import { Rcode, rcodeName } from '../../dns/constants.ts';
import type { Message } from '../../dns/message.ts';
import type { End, ExchangeFailure, GiveUp } from './server.ts';

/** One try with one server. */
export interface Attempt<S> {
  readonly server: S;
  /** The server, in words. */
  readonly who: string;
  /** Counted from 0; the wait before the next attempt doubles with it. */
  readonly round: number;
  readonly over: 'udp' | 'stream';
  /** Begins it. `end` is called with what came of it, unless it was given up before. */
  readonly ask: (end: End) => GiveUp;
}

export interface RaceOptions {
  /** Silence before the next attempt begins, in the first round. */
  readonly retryAfterMs: number;
  /** For the whole race. */
  readonly timeMs: number;
}

/** How a race ended. */
export interface RaceResult<S> {
  /** A useful answer, or a SERVFAIL when there is nothing better. */
  readonly answer?: { readonly message: Message; readonly attempt: Attempt<S> };
  /** Servers whose fault it was that they did not answer, with the fault in words. */
  readonly faults: ReadonlyMap<S, string>;
  /** Everything that went wrong, in words. */
  readonly failures: readonly string[];
}

/** A race that goes on. */
export interface RunningRace<S> {
  /** Never rejects. */
  readonly result: Promise<RaceResult<S>>;
  /** Ends it without an answer. */
  readonly stop: () => void;
}

/** Makes the attempts in their order; each is taken from the iterator when its time comes. */
export function race<S>(attempts: Iterator<Attempt<S>, undefined>, options: RaceOptions): RunningRace<S> {
  const { promise, resolve } = Promise.withResolvers<RaceResult<S>>();
  const running = new Race(attempts, options, resolve);
  running.begin();
  return {
    result: promise,
    stop: () => {
      running.stop();
    },
  };
}

class Race<S> {
  readonly #attempts: Iterator<Attempt<S>, undefined>;
  readonly #options: RaceOptions;
  readonly #resolve: (result: RaceResult<S>) => void;
  readonly #running = new Map<Attempt<S>, { readonly sinceMs: number; readonly giveUp: GiveUp }>();
  readonly #faults = new Map<S, string>();
  readonly #failures = new Set<string>();
  /** Servers that have said no: asking again would give the same. */
  readonly #done = new Set<S>();
  readonly #deadline: NodeJS.Timeout;
  #pause: NodeJS.Timeout | undefined;
  #servfail: RaceResult<S>['answer'];

  constructor(
    attempts: Iterator<Attempt<S>, undefined>,
    options: RaceOptions,
    resolve: (result: RaceResult<S>) => void,
  ) {
    this.#attempts = attempts;
    this.#options = options;
    this.#resolve = resolve;
    this.#deadline = setTimeout(() => {
      this.stop();
    }, options.timeMs);
  }

  begin(): void {
    this.#next();
  }

  stop(): void {
    this.#end(undefined);
  }

  /** Begins the next attempt, or ends the race when none is left. */
  #next(): void {
    clearTimeout(this.#pause);
    let attempt = this.#attempts.next().value;
    while (attempt && this.#done.has(attempt.server)) attempt = this.#attempts.next().value;
    if (attempt) this.#begin(attempt);
    else if (this.#running.size === 0) this.#end(this.#servfail);
  }

  #begin(attempt: Attempt<S>): void {
    const waitMs = this.#options.retryAfterMs * 2 ** attempt.round;
    this.#pause = setTimeout(() => {
      this.#next();
    }, waitMs);
    const giveUp = attempt.ask((outcome) => {
      this.#running.delete(attempt);
      this.#take(attempt, outcome);
    });
    this.#running.set(attempt, { sinceMs: performance.now(), giveUp });
  }

  #take(attempt: Attempt<S>, outcome: Message | ExchangeFailure): void {
    const { server, who } = attempt;
    if ('failure' in outcome) {
      this.#faults.set(server, outcome.failure);
      this.#failures.add(outcome.failure);
      this.#next();
      return;
    }
    const { rcode } = outcome.header;
    this.#faults.delete(server);
    if (usefulCodes.has(rcode)) {
      this.#end({ message: outcome, attempt });
      return;
    }
    const words = `${who} answered ${rcodeName(rcode)}`;
    this.#done.add(server);
    this.#failures.add(words);
    // SERVFAIL speaks of the name that was asked for, the others (REFUSED, NOTIMP, FORMERR …) of the server.
    if (rcode === Rcode.SERVFAIL) this.#servfail ??= { message: outcome, attempt };
    else this.#faults.set(server, words);
    this.#next();
  }

  #end(answer: RaceResult<S>['answer']): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#deadline);
    for (const [{ server, who }, { sinceMs, giveUp }] of this.#running) {
      giveUp();
      // Timers may come a moment early.
      const wasGivenTime = performance.now() - sinceMs >= 0.9 * this.#options.retryAfterMs;
      if (!wasGivenTime || server === answer?.attempt.server) continue;
      const words = `${who} did not answer in time`;
      if (!this.#faults.has(server)) this.#faults.set(server, words);
      this.#failures.add(words);
    }
    this.#running.clear();
    const best = answer ?? this.#servfail;
    this.#resolve({ ...(best && { answer: best }), faults: this.#faults, failures: [...this.#failures] });
  }
}

/** Codes that answer the question; YXDOMAIN is what a DNAME gives for a name that becomes too long (RFC 6672 section 2.2). */
const usefulCodes: ReadonlySet<number> = new Set([Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN]);
