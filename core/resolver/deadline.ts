/**
 * The time that one lookup may take, over all of its questions.
 */
import type { ExchangeFailure } from './upstream/server.ts';

const over: ExchangeFailure = { failure: 'the time for the lookup is over' };

export class Deadline {
  readonly #over: Promise<ExchangeFailure>;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  constructor(timeMs: number) {
    const { promise, resolve } = Promise.withResolvers<ExchangeFailure>();
    this.#over = promise;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      resolve(over);
    }, timeMs);
  }

  /** What comes first: the value, or the end of the time. */
  async limit<T>(value: Promise<T>): Promise<T | ExchangeFailure> {
    return this.#isOver ? over : Promise.race([value, this.#over]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
