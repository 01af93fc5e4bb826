/**
 * One request under way on a connection: who waits for it, and for how long.
 *
 * A request that nobody waits for any more keeps its ID until its answer has come, so that the answer is not taken for that
 * of another request.
 */
import type { Question } from '../dns/walker.ts';
import { questionOf } from './pending.ts';
import type { NoAnswerReason } from './reasons.ts';

/** What its sender does with what comes. */
export interface RequestHandlers {
  onMessage(message: Buffer): void;
  /** There will be no answer, or no more of it; called once at most. */
  onFailure(error: Error): void;
}

/** What it needs of its connection. */
export interface RequestHost {
  readonly answerTimeMs: number;
  failure(reason: NoAnswerReason): Error;
  /** Messages that have come on the connection. */
  heard(): number;
  /** Whether we do not read from the connection, because a reader of ours is slow. */
  isHeld(): boolean;
  /** The ID of this request is free. */
  free(request: Request): void;
  /** Nobody waits for it any more; `isSilent`: nothing has come on the connection since it was sent. */
  orphaned(request: Request, isSilent: boolean): void;
}

export class Request {
  /** On this connection. */
  id = -1;
  /** What its sender gave it, which its answers get back. */
  readonly senderId: number;
  /** Undefined if it has no question, or several. */
  readonly question: Question | undefined;
  readonly isStream: boolean;
  readonly #handlers: RequestHandlers;
  readonly #host: RequestHost;
  readonly #signal: AbortSignal | undefined;
  readonly #heardBefore: number;
  #timer: NodeJS.Timeout;
  #isWanted = true;

  constructor(
    message: Buffer,
    isStream: boolean,
    handlers: RequestHandlers,
    host: RequestHost,
    signal: AbortSignal | undefined,
  ) {
    this.senderId = message.readUInt16BE(0);
    this.question = questionOf(message);
    this.isStream = isStream;
    this.#handlers = handlers;
    this.#host = host;
    this.#signal = signal;
    this.#heardBefore = host.heard();
    this.#timer = this.#startTimer();
    signal?.addEventListener('abort', this.#onAbort);
  }

  /** Whether somebody waits for it. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** A message answers it. */
  take(message: Buffer): void {
    if (!this.#isWanted) {
      // The rest of a transfer may still come.
      if (!this.isStream) this.#host.free(this);
      return;
    }
    if (this.isStream) {
      clearTimeout(this.#timer);
      this.#timer = this.#startTimer();
    } else {
      this.finish();
    }
    this.#handlers.onMessage(message);
  }

  /** All of its answer has come. */
  finish(): void {
    if (!this.#isWanted) return;
    this.#forget();
    this.#host.free(this);
  }

  /** Its sender does not want it any more. */
  abandon(): void {
    if (!this.#isWanted) return;
    this.#forget();
    this.#host.orphaned(this, false);
  }

  /** The connection has ended. */
  fail(error: Error): void {
    if (!this.#isWanted) return;
    this.#forget();
    this.#handlers.onFailure(error);
  }

  readonly #onAbort = (): void => {
    this.#giveUp('given-up', false);
  };

  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      // The server cannot be slow while it is not listened to.
      if (this.#host.isHeld()) this.#timer = this.#startTimer();
      else this.#giveUp('no-answer', this.#host.heard() === this.#heardBefore);
    }, this.#host.answerTimeMs);
  }

  #giveUp(reason: NoAnswerReason, isSilent: boolean): void {
    this.#forget();
    this.#handlers.onFailure(this.#host.failure(reason));
    this.#host.orphaned(this, isSilent);
  }

  #forget(): void {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
