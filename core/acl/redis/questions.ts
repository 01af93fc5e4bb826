/**
 * Puts questions to a connection: each has an end in time, there are only so many at once, and a server that fails is
 * spared. What comes back after the end of its time is dropped.
 */
import { CircuitBreaker } from './circuit-breaker.ts';
import { explain, RedisUnavailable, type Fault } from './errors.ts';

export interface QuestionsOptions<C> {
  /** Where Redis is, for messages. */
  readonly where: string;
  readonly timeoutMs: number;
  /** Struck out of messages. */
  readonly secrets: readonly string[];
  /** The connection that is up, or why there is none. */
  connection(): C | string;
  /** The server does not serve although it is connected; for as long nothing is asked but a probe. */
  onSilent(why: string): void;
  /** It serves again. */
  onAnswering(): void;
  /** A question was refused or not answered. */
  onFault(connection: C, fault: Fault): void;
}

/** Questions without an answer that there may be at once: what a slow server makes us hold stays bounded. */
export const maxCommandsUnderWay = 4096;

export class Questions<C> {
  readonly #options: QuestionsOptions<C>;
  readonly #breaker = new CircuitBreaker();
  #underWay = 0;
  #why = '';

  constructor(options: QuestionsOptions<C>) {
    this.#options = options;
  }

  /** Whether the server failed so often that it is given a rest. */
  get isResting(): boolean {
    return this.#breaker.isOpen;
  }

  /** Forgets failures, as of another connection. */
  reset(): void {
    this.#breaker.reset();
  }

  /** Rejects with RedisUnavailable, within the time of the options. `what` is for its message. */
  ask<T>(what: string, send: (connection: C) => Promise<T>): Promise<T> {
    const connection = this.#options.connection();
    if (typeof connection === 'string') return this.#refuse(what, connection);
    if (this.#underWay >= maxCommandsUnderWay) {
      return this.#refuse(what, `${maxCommandsUnderWay} commands wait for it already`);
    }
    const pass = this.#breaker.ask(performance.now());
    if (pass === 'wait') return this.#refuse(what, `it is given a rest after failures: ${this.#why}`);
    this.#underWay += 1;
    return this.#send(what, connection, send, pass === 'probe');
  }

  #send<T>(what: string, connection: C, send: (connection: C) => Promise<T>, isProbe: boolean): Promise<T> {
    const { timeoutMs, where, secrets } = this.#options;
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const end = (): boolean => {
        if (isOver) return false;
        isOver = true;
        clearTimeout(timer);
        this.#underWay -= 1;
        return true;
      };
      const fail = (error: unknown): void => {
        if (!end()) return;
        const fault = explain(error, secrets);
        this.#note(connection, isProbe, fault.isOutage ? fault.words : undefined);
        this.#options.onFault(connection, fault);
        reject(new RedisUnavailable(`${where}: ${what}: ${fault.words}`, fault));
      };
      const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      // It may also throw at once.
      Promise.try(send, connection).then((reply) => {
        if (!end()) return;
        this.#note(connection, isProbe, undefined);
        resolve(reply);
      }, fail);
    });
  }

  #refuse(what: string, why: string): Promise<never> {
    return Promise.reject(new RedisUnavailable(`${this.#options.where}: ${what}: ${why}`));
  }

  #note(connection: C, wasProbe: boolean, outage: string | undefined): void {
    if (this.#options.connection() !== connection) return;
    if (outage === undefined) {
      if (this.#breaker.noteAnswer(wasProbe)) this.#options.onAnswering();
      return;
    }
    this.#why = outage;
    if (this.#breaker.noteFailure(performance.now(), wasProbe)) this.#options.onSilent(outage);
  }
}

/** A command with its key, for messages. */
export function nameOf(command: string, [first]: readonly unknown[]): string {
  return typeof first === 'string'
    ? `${command.toUpperCase()} ${first.slice(0, 300)}`
    : command.toUpperCase();
}
