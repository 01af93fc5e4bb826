/**
 * One question put to several servers, one after the other: the next is asked when the one before has failed, or has
 * been silent for a while; the first useful answer wins, from whomever it comes. Silence of one server so costs a
 * moment, not the lookup.
 */
import { Rcode, rcodeName } from '../../dns/constants.ts';
import type { Message } from '../../dns/message.ts';
import type { ExchangeFailure } from './server.ts';

/** One try with one server. */
export interface Attempt<S> {
  readonly server: S;
  /** The server, in words. */
  readonly who: string;
  /** Counted from 0; the wait before the next attempt doubles with it. */
  readonly round: number;
  readonly over: 'udp' | 'stream';
  readonly ask: (signal: AbortSignal) => Promise<Message | ExchangeFailure>;
}

export interface RaceOptions {
  /** Silence before the next attempt begins, in the first round. */
  readonly retryAfterMs: number;
  /** For the whole race. */
  readonly timeMs: number;
  /** Ends it. */
  readonly stop: AbortSignal;
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

/** Makes the attempts in their order. Never rejects. */
export function race<S>(attempts: readonly Attempt<S>[], options: RaceOptions): Promise<RaceResult<S>> {
  return new Promise((resolve) => {
    new Race(attempts, options, resolve).begin();
  });
}

class Race<S> {
  readonly #attempts: Attempt<S>[];
  readonly #options: RaceOptions;
  readonly #resolve: (result: RaceResult<S>) => void;
  readonly #settled = new AbortController();
  readonly #running = new Map<Attempt<S>, number>();
  readonly #faults = new Map<S, string>();
  readonly #failures = new Set<string>();
  /** Servers that have said no: asking again would give the same. */
  readonly #done = new Set<S>();
  readonly #deadline: NodeJS.Timeout;
  #pause: NodeJS.Timeout | undefined;
  #servfail: RaceResult<S>['answer'];
  #hasEnded = false;
  readonly #onStop = (): void => {
    this.#end(undefined);
  };

  constructor(
    attempts: readonly Attempt<S>[],
    options: RaceOptions,
    resolve: (result: RaceResult<S>) => void,
  ) {
    this.#attempts = [...attempts];
    this.#options = options;
    this.#resolve = resolve;
    this.#deadline = setTimeout(this.#onStop, options.timeMs);
  }

  begin(): void {
    const { stop } = this.#options;
    stop.addEventListener('abort', this.#onStop);
    if (stop.aborted) this.#onStop();
    else this.#next();
  }

  /** Begins the next attempt, or ends the race when none is left. */
  #next(): void {
    clearTimeout(this.#pause);
    let attempt = this.#attempts.shift();
    while (attempt && this.#done.has(attempt.server)) attempt = this.#attempts.shift();
    if (attempt) this.#begin(attempt);
    else if (this.#running.size === 0) this.#end(this.#servfail);
  }

  #begin(attempt: Attempt<S>): void {
    this.#running.set(attempt, performance.now());
    const waitMs = this.#options.retryAfterMs * 2 ** attempt.round;
    this.#pause = setTimeout(() => {
      this.#next();
    }, waitMs);
    void attempt.ask(this.#settled.signal).then((outcome) => {
      this.#running.delete(attempt);
      if (!this.#hasEnded) this.#take(attempt, outcome);
    });
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
    this.#hasEnded = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#deadline);
    this.#options.stop.removeEventListener('abort', this.#onStop);
    for (const [{ server, who }, sinceMs] of this.#running) {
      // Timers may come a moment early.
      const wasGivenTime = performance.now() - sinceMs >= 0.9 * this.#options.retryAfterMs;
      if (!wasGivenTime || server === answer?.attempt.server) continue;
      const words = `${who} did not answer in time`;
      if (!this.#faults.has(server)) this.#faults.set(server, words);
      this.#failures.add(words);
    }
    this.#settled.abort();
    const best = answer ?? this.#servfail;
    this.#resolve({ ...(best && { answer: best }), faults: this.#faults, failures: [...this.#failures] });
  }
}

/** Codes that answer the question; YXDOMAIN is what a DNAME gives for a name that becomes too long (RFC 6672 section 2.2). */
const usefulCodes: ReadonlySet<number> = new Set([Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN]);
