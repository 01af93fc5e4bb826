/**
 * One question, to one server after the other: the next is asked when the one before has failed, has nothing useful to say, or has
 * been silent for a while; the first useful answer counts, from whomever it comes. There is an end to it in any case.
 */
import {
  failureOfAll,
  GatesError,
  Rcode,
  rcodeName,
  rcodeOf,
  type FailureKind,
} from '../../../../core/index.ts';
import type { ProbedServer } from './probed-server.ts';
import { isUseful, type ServerEnd } from './server-question.ts';

export interface AskServersOptions {
  /** In the order in which they are asked. */
  readonly servers: readonly ProbedServer[];
  readonly query: Buffer;
  /** Milliseconds for all of it. */
  readonly timeMs: number;
  /** Milliseconds of silence after which the next one is asked as well. */
  readonly patienceMs: number;
}

/** Rejects with GatesError. An answer that is of no use is given if none is better. */
export function askServers(options: AskServersOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    new Round(options, resolve, reject).advance();
  });
}

interface Try {
  readonly server: ProbedServer;
  readonly sinceMs: number;
  giveUp: () => void;
}

class Round {
  readonly #options: AskServersOptions;
  readonly #resolve: (answer: Buffer) => void;
  readonly #reject: (error: GatesError) => void;
  readonly #deadline: NodeJS.Timeout;
  readonly #underWay = new Set<Try>();
  /** The words for them, and of what kind they are. */
  readonly #failures = new Map<string, FailureKind>();
  #next = 0;
  #patience: NodeJS.Timeout | undefined;
  #poorAnswer: Buffer | undefined;

  constructor(
    options: AskServersOptions,
    resolve: (answer: Buffer) => void,
    reject: (error: GatesError) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = setTimeout(() => {
      this.#finish(true);
    }, options.timeMs);
  }

  /** Asks one more, if there is one. */
  advance(): void {
    clearTimeout(this.#patience);
    const { servers, query, patienceMs } = this.#options;
    const server = servers[this.#next];
    if (server === undefined) {
      if (this.#underWay.size === 0) this.#finish(false);
      return;
    }
    this.#next += 1;
    const attempt: Try = { server, sinceMs: performance.now(), giveUp: () => undefined };
    this.#underWay.add(attempt);
    attempt.giveUp = server.ask(query, (outcome) => {
      this.#take(attempt, outcome);
    });
    this.#patience = setTimeout(() => {
      this.advance();
    }, patienceMs);
  }

  #take(attempt: Try, outcome: ServerEnd): void {
    const { server, sinceMs } = attempt;
    this.#underWay.delete(attempt);
    const nowMs = performance.now();
    if (!Buffer.isBuffer(outcome)) {
      server.rapport.noteFailure(nowMs);
      this.#failures.set(`${server.address}: ${outcome.failure}`, outcome.kind);
      this.advance();
      return;
    }
    server.rapport.noteAnswer(nowMs - sinceMs, nowMs);
    if (isUseful(outcome)) {
      this.#end();
      this.#resolve(outcome);
      return;
    }
    // SERVFAIL speaks of the name that was asked for, the others of the server.
    const code = rcodeOf(outcome);
    if (code === Rcode.SERVFAIL || this.#poorAnswer === undefined) this.#poorAnswer = outcome;
    this.#failures.set(`${server.address} answered ${rcodeName(code)}`, 'unreachable');
    this.advance();
  }

  #finish(isTimeout: boolean): void {
    for (const { server } of this.#underWay) {
      // By UDP nobody knows whether it is there; over a connection that is there it has heard the question.
      const kind = server.isAskedOverConnection ? 'broken' : 'unreachable';
      this.#failures.set(`${server.address} did not answer in time`, kind);
    }
    this.#end();
    if (this.#poorAnswer !== undefined) {
      this.#resolve(this.#poorAnswer);
      return;
    }
    const words = [...this.#failures.keys()].join('; ') || 'there is no server';
    this.#reject(new GatesError(words, isTimeout, failureOfAll(this.#failures.values())));
  }

  #end(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#patience);
    const nowMs = performance.now();
    for (const { server, sinceMs, giveUp } of this.#underWay) {
      server.rapport.noteSilence(nowMs - sinceMs, nowMs);
      giveUp();
    }
    this.#underWay.clear();
  }
}
