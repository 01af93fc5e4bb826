/**
 * The time that one lookup may take, over all of its questions.
 */
import type { ExchangeFailure } from './upstream/server.ts';

export class Deadline {
  readonly #over: Promise<ExchangeFailure>;
  readonly #failure: ExchangeFailure;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** `who` is asked, in words. */
  constructor(timeMs: number, who: string) {
    this.#failure = { failure: `the time for the lookup is over, and ${who} did not answer in it` };
    const { promise, resolve } = Promise.withResolvers<ExchangeFailure>();
    this.#over = promise;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      resolve(this.#failure);
    }, timeMs);
  }

  /** What comes first: the value, or the end of the time. */
  async limit<T>(value: Promise<T>): Promise<T | ExchangeFailure> {
    return this.#isOver ? this.#failure : Promise.race([value, this.#over]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
