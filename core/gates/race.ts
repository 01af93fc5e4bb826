/**
 * One query on its way: the best gate is asked, then the next as soon as one fails, or has kept us waiting; the first answer
 * counts. There is an end to it in any case.
 */
import { NoAnswerError } from '../client/reasons.ts';
import { failureOfAll, type FailureKind } from '../dns/failure.ts';
import type { GateWay } from './gate-way.ts';

/** Where a query can be sent. */
export interface Choice {
  /** The best way that is not among these; undefined if there is none. */
  next(tried: ReadonlySet<GateWay>): GateWay | undefined;
  /** Looks for more ways; false if there is nobody whose addresses are not known. Rejects with words. */
  find(): Promise<boolean>;
}

export interface RaceOptions {
  readonly query: Buffer;
  /** Milliseconds for all of it. */
  readonly timeMs: number;
  /** Milliseconds after which the next way is asked as well. */
  readonly patienceMs: number;
  /** Whether another way may know better than one that gives this answer, which counts if none does; never if absent. */
  readonly isWorthAnother?: ((answer: Buffer) => boolean) | undefined;
}

/** Nobody has answered: why, for the operator. */
export class GatesError extends Error {
  override readonly name = 'GatesError';
  readonly code = 'AGENT_NO_GATE';
  readonly blame = 'upstream';
  readonly isTimeout: boolean;
  /** Of all gates together. */
  readonly kind: FailureKind;

  constructor(message: string, isTimeout: boolean, kind: FailureKind) {
    super(message);
    this.isTimeout = isTimeout;
    this.kind = kind;
  }
}

/**
 * Of a connection that ended for no fault of the gate, or that had died without our noticing: the next one may be good. Once
 * for each query.
 */
const worthAnother: ReadonlySet<string> = new Set(['connection-lost', 'closed', 'given-up', 'no-answer']);

/** A query on its way. */
export interface RunningRace {
  /** Rejects with GatesError. */
  readonly answer: Promise<Buffer>;
  /** Ends it now, without an answer. */
  stop(): void;
}

export function race(choice: Choice, options: RaceOptions): RunningRace {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const running = new Race(choice, options, resolve, reject);
  running.begin();
  return {
    answer: promise,
    stop: () => {
      running.stop();
    },
  };
}

class Race {
  readonly #choice: Choice;
  readonly #options: RaceOptions;
  readonly #resolve: (answer: Buffer) => void;
  readonly #reject: (error: Error) => void;
  readonly #tried = new Set<GateWay>();
  readonly #failures = new Map<string, string>();
  /** As each way failed last. */
  readonly #kinds = new Map<GateWay, FailureKind>();
  /** Who has not answered yet. */
  readonly #asked = new Set<GateWay>();
  readonly #deadline: NodeJS.Timeout;
  #patience: NodeJS.Timeout | undefined;
  /** An answer that another way may know better than. */
  #secondBest: Buffer | undefined;
  #underWay = 0;
  #hasLooked = false;
  #hasRepeated = false;
  #isOver = false;

  constructor(
    choice: Choice,
    options: RaceOptions,
    resolve: (answer: Buffer) => void,
    reject: (error: Error) => void,
  ) {
    this.#choice = choice;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = setTimeout(() => {
      this.#fail(true);
    }, options.timeMs);
  }

  begin(): void {
    this.#advance();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(new GatesError('shut down', false, 'other'));
  }

  /** Asks one more, if there is one. */
  #advance(): void {
    if (this.#isOver) return;
    const way = this.#choice.next(this.#tried);
    if (way !== undefined) this.#ask(way);
    else if (!this.#hasLooked) this.#look();
    else if (this.#underWay === 0) this.#fail(false);
  }

  #ask(way: GateWay): void {
    this.#tried.add(way);
    this.#underWay += 1;
    this.#asked.add(way);
    this.#wait(way);
    way.ask(this.#options.query).then(
      (answer) => {
        this.#underWay -= 1;
        this.#asked.delete(way);
        this.#take(answer);
      },
      (error: unknown) => {
        this.#underWay -= 1;
        this.#asked.delete(way);
        this.#noteFailure(way, error);
        this.#advance();
      },
    );
  }

  #take(answer: Buffer): void {
    if (this.#isOver) return;
    if (this.#options.isWorthAnother?.(answer) === true) {
      this.#secondBest ??= answer;
      this.#advance();
      return;
    }
    this.#end();
    this.#resolve(answer);
  }

  #look(): void {
    this.#hasLooked = true;
    this.#underWay += 1;
    this.#choice
      .find()
      .catch((error: unknown) => {
        const words = error instanceof Error ? error.message : String(error);
        this.#failures.set(words, words);
      })
      .finally(() => {
        this.#underWay -= 1;
        this.#advance();
      });
  }

  #wait(way: GateWay): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      // Who is alone is not slow.
      if (this.#choice.next(this.#tried) !== undefined) way.noteSlow();
      this.#advance();
    }, this.#options.patienceMs);
  }

  #noteFailure(way: GateWay, error: unknown): void {
    this.#failures.set(way.text, error instanceof Error ? error.message : String(error));
    this.#kinds.set(way, error instanceof NoAnswerError ? error.kind : 'other');
    const isWorth = error instanceof NoAnswerError && worthAnother.has(error.reason);
    if (!isWorth || this.#hasRepeated) return;
    this.#hasRepeated = true;
    this.#tried.delete(way);
  }

  #fail(isTimeout: boolean): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#secondBest !== undefined) {
      this.#resolve(this.#secondBest);
      return;
    }
    // Over a connection that is there it has heard the question.
    for (const way of this.#asked) this.#kinds.set(way, way.state.kind === 'up' ? 'broken' : 'unreachable');
    const words = [...this.#failures.values()].join('; ');
    const late = isTimeout ? `no answer in ${String(this.#options.timeMs)} ms` : '';
    const message = [words, late].filter(Boolean).join('; ') || 'there is no gate';
    this.#reject(new GatesError(message, isTimeout, failureOfAll(this.#kinds.values())));
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#deadline);
  }
}
