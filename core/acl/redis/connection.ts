/**
 * One connection that is kept: opened again whenever it ends, after a wait that doubles with each failure in a row, half
 * of it random, so that many gates do not come to a server that is back all at once. Each try is a new client of the
 * library, so that nothing of a failed one lives on: no queued command is sent twice, no old state comes back.
 */
import type { EventEmitter } from 'node:events';

/** What is needed of the library's clients. */
export interface RawConnection extends Pick<EventEmitter, 'on'> {
  connect(): Promise<void>;
  disconnect(): void;
}

export interface KeptConnectionOptions<C extends RawConnection> {
  open(): C;
  /** Makes sure that the server serves; rejects if it does not. */
  greet(connection: C): Promise<void>;
  onUp(connection: C): void;
  /** Once for each time that it goes down or, having never been up, first fails; and when the reason changes. */
  onDown(error: unknown): void;
  readonly random: () => number;
}

const retryMinMs = 100;
const retryMaxMs = 5000;
/** How long one try may take: addresses, TLS, sentinels, the map of a cluster. */
const tryMaxMs = 15_000;
/** How long `stop` waits for the end of the connection. */
const stopMaxMs = 500;

/** The library tells so that one of several servers failed; it goes on with the next. */
export const passingErrorEvent = 'node error';

/** The try or connection under way. */
interface Attempt<C> {
  readonly connection: C;
  readonly ended: Promise<void>;
  /** What went wrong so far. */
  error: unknown;
}

export class KeptConnection<C extends RawConnection> {
  readonly #options: KeptConnectionOptions<C>;
  #attempt: Attempt<C> | undefined;
  #current: C | undefined;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: KeptConnectionOptions<C>) {
    this.#options = options;
  }

  /** The connection, if it is up. */
  get current(): C | undefined {
    return this.#current;
  }

  /** Begins, once. */
  start(): void {
    if (this.#attempt === undefined && !this.#isStopped) this.#try();
  }

  /** Cuts the connection, if it is still this one; a new one follows after a wait. */
  cut(connection: C, why: unknown): void {
    if (this.#attempt?.connection !== connection) return;
    this.#attempt.error = why;
    connection.disconnect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const attempt = this.#attempt;
    this.#current = undefined;
    if (attempt === undefined) return;
    attempt.connection.disconnect();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, stopMaxMs)));
    await Promise.race([attempt.ended, late]);
    clearTimeout(timer);
  }

  #try(): void {
    let connection: C;
    try {
      connection = this.#options.open();
    } catch (error) {
      // As for a certificate that cannot be read.
      this.#fail(error);
      return;
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
    const attempt: Attempt<C> = { connection, ended, error: undefined };
    this.#attempt = attempt;
    const watch = setTimeout(() => finish(new Error(`not ready after ${tryMaxMs} ms`)), tryMaxMs);
    const finish = (error: unknown): void => {
      clearTimeout(watch);
      if (this.#attempt !== attempt) return;
      this.#attempt = undefined;
      this.#current = undefined;
      connection.disconnect();
      this.#fail(attempt.error ?? error);
    };
    let fatal: unknown;
    connection.on('error', (error: unknown) => {
      fatal ??= error;
      attempt.error = mostTelling(attempt.error, error);
    });
    connection.on(passingErrorEvent, (error: unknown) => {
      attempt.error = mostTelling(attempt.error, error);
    });
    connection.on('end', () => {
      end(undefined);
      finish(new Error('the connection was closed'));
    });
    const greet = async (): Promise<void> => {
      await connection.connect();
      // An error on the way, as of a database that is not there, does not keep the library from calling itself ready.
      if (fatal !== undefined) throw fatal as Error;
      await this.#options.greet(connection);
    };
    greet().then(() => {
      if (this.#attempt !== attempt || this.#isStopped) return;
      clearTimeout(watch);
      attempt.error = undefined;
      this.#failures = 0;
      this.#current = connection;
      this.#options.onUp(connection);
    }, finish);
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    const wholeMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#try(), wholeMs * (1 - this.#options.random() / 2));
    this.#options.onDown(error);
  }
}

/** The library's summaries ("none of startup nodes is available", "connection is closed") come last and say least. */
function mostTelling(before: unknown, error: unknown): unknown {
  if (before === undefined) return error;
  const isSummary =
    error instanceof Error &&
    /^(?:Failed to refresh|None of startup|Connection is closed)/.test(error.message);
  return isSummary ? before : error;
}
