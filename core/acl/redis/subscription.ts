/**
 * Listens to channels, on a connection of its own that is kept. A connection that dies without a word is found out by a
 * question now and then; what was said while it was away is lost, so whoever listens must look for himself after each
 * `onSubscribed`.
 */
import { KeptConnection, type RawConnection } from './connection.ts';

export interface SubscribingConnection extends RawConnection {
  call(command: string, ...args: string[]): Promise<unknown>;
}

export interface SubscriptionOptions {
  /** Makes a client that cuts the connection itself when an answer does not come. */
  open(): SubscribingConnection;
  onMessage(channel: string, message: string): void;
  onSubscribed(): void;
  onUnsubscribed(error: unknown): void;
  readonly random: () => number;
}

const heartbeatMs = 5000;

export class Subscription {
  readonly #channels = new Set<string>();
  readonly #options: SubscriptionOptions;
  readonly #connection: KeptConnection<SubscribingConnection>;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#connection = new KeptConnection({
      open: () => this.#open(),
      greet: async (connection) => {
        // In lower case: the library falls over the reply to the other when it speaks RESP2.
        await connection.call('subscribe', ...this.#channels);
      },
      onUp: (connection) => {
        this.#beat(connection);
        options.onSubscribed();
      },
      onDown: (error) => {
        clearInterval(this.#heartbeat);
        options.onUnsubscribed(error);
      },
      random: options.random,
    });
  }

  get isSubscribed(): boolean {
    return this.#connection.current !== undefined;
  }

  /** Listens to one channel more. The connection is opened with the first. */
  add(channel: string): void {
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    const connection = this.#connection.current;
    if (connection === undefined) {
      this.#connection.start();
    } else {
      connection.call('subscribe', channel).then(
        () => this.#options.onSubscribed(),
        (error: unknown) => this.#connection.cut(connection, error),
      );
    }
  }

  /** Begins anew with another connection, if this one is not to be kept. */
  renew(why: unknown, isToBeKept: (connection: SubscribingConnection) => boolean): void {
    const { current } = this.#connection;
    if (current !== undefined && !isToBeKept(current)) this.#connection.cut(current, why);
  }

  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#connection.stop();
  }

  #open(): SubscribingConnection {
    const connection = this.#options.open();
    connection.on('message', (channel: string, message: string) => {
      if (this.#channels.has(channel)) this.#options.onMessage(channel, message);
    });
    return connection;
  }

  #beat(connection: SubscribingConnection): void {
    this.#heartbeat = setInterval(() => {
      connection.call('PING').catch((error: unknown) => this.#connection.cut(connection, error));
    }, heartbeatMs);
  }
}
