/**
 * The messages that answer one request of a transfer, as they come. Who reads it says when the transfer is whole.
 *
 * What has come and was not taken yet is bounded: beyond the bound the connection is not read, and the server waits.
 */

/** What a stream needs of its connection. */
export interface StreamSource {
  /** The transfer is whole: its ID is free again. */
  finish(): void;
  /** It is given up in the middle: the rest of it may still come. */
  abandon(): void;
  /** More or less has come than is to be kept. */
  hold(isFull: boolean): void;
}

export class ReplyStream implements AsyncIterable<Buffer> {
  readonly #source: StreamSource;
  readonly #mostOctets: number;
  readonly #messages: Buffer[] = [];
  #octets = 0;
  #isFull = false;
  #isOver = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(mostOctets: number, source: StreamSource) {
    this.#source = source;
    this.#mostOctets = mostOctets;
  }

  /** The messages in their order; leaving the loop before `finish` gives the transfer up. Rejects with NoAnswerError. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const message = this.#messages.shift();
        if (message !== undefined) {
          this.#count(-message.length);
          yield message;
          if (this.#isOver) return;
        } else if (this.#error !== undefined) {
          throw this.#error;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.#end(() => {
        this.#source.abandon();
      });
    }
  }

  /** Says that the message taken last was the last one. */
  finish(): void {
    this.#end(() => {
      this.#source.finish();
    });
  }

  /** The connection has a message for it. */
  take(message: Buffer): void {
    if (this.#isOver) return;
    this.#messages.push(message);
    this.#count(message.length);
    this.#wake?.();
  }

  /** There will be no more. What has come is still given. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }

  #count(octets: number): void {
    this.#octets += octets;
    const isFull = this.#octets >= this.#mostOctets;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#source.hold(isFull);
  }

  #end(how: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#messages.length = 0;
    this.#count(-this.#octets);
    // A stream that failed has nothing left to give back.
    if (this.#error === undefined) how();
  }
}
