/**
 * The sentinels: where the primary is, and word from them that they have made another server the primary. The old one
 * may live on for some seconds, and answer with what was true before.
 *
 * Limitations: the sentinels of the configuration are used, and no others that they may know.
 */
import { explain, ExplainedError } from './errors.ts';
import { describeServer, type HostAndPort } from './options.ts';
import { Subscription, type SubscribingConnection } from './subscription.ts';

export interface SentinelsOptions {
  readonly sentinels: readonly HostAndPort[];
  /** The name of the primary. */
  readonly master: string;
  /** Struck out of messages. */
  readonly secrets: readonly string[];
  /** Makes a client of one sentinel, that cuts the connection itself when an answer does not come. */
  open(sentinel: HostAndPort): SubscribingConnection;
  onSwitch(primary: HostAndPort): void;
  readonly random: () => number;
}

/** Sentinels that are listened to: all that a set-up needs; each learns of a switch in its own time. */
const maxWatched = 5;
const switchChannel = '+switch-master';

export class Sentinels {
  readonly #options: SentinelsOptions;
  readonly #subscriptions: readonly Subscription[];
  /** The one that answered last is asked first. */
  #first = 0;

  constructor(options: SentinelsOptions) {
    this.#options = options;
    this.#subscriptions = options.sentinels.slice(0, maxWatched).map(
      (sentinel) =>
        new Subscription({
          open: () => options.open(sentinel),
          onMessage: (_channel, message) => this.#hear(message),
          onSubscribed: () => undefined,
          // The search for the primary tells of what is wrong with the sentinels, where that matters.
          onUnsubscribed: () => undefined,
          random: options.random,
        }),
    );
  }

  /** Begins to listen. */
  start(): void {
    for (const subscription of this.#subscriptions) subscription.add(switchChannel);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.stop()));
  }

  /** Where the first sentinel that knows says that the primary is. Rejects with what each of them said. */
  async locate(): Promise<HostAndPort> {
    const { sentinels, master, secrets } = this.#options;
    const faults = [];
    for (let tried = 0; tried < sentinels.length; tried += 1) {
      const index = (this.#first + tried) % sentinels.length;
      const sentinel = sentinels[index];
      if (sentinel === undefined) continue;
      try {
        const reply = await this.#ask(sentinel, master);
        if (!isAddress(reply)) throw new Error(`knows no primary "${master}"`);
        this.#first = index;
        return { host: reply[0], port: Number(reply[1]) };
      } catch (error) {
        const fault = explain(error, secrets);
        faults.push({ ...fault, words: `sentinel ${describeServer(sentinel)}: ${fault.words}` });
      }
    }
    throw new ExplainedError(faults);
  }

  async #ask(sentinel: HostAndPort, master: string): Promise<unknown> {
    const connection = this.#options.open(sentinel);
    let cause: unknown;
    connection.on('error', (error: unknown) => (cause ??= error));
    try {
      await connection.connect();
      return await connection.call('SENTINEL', 'get-master-addr-by-name', master);
    } catch (error) {
      throw cause ?? error;
    } finally {
      connection.disconnect();
    }
  }

  /** "NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT" */
  #hear(message: string): void {
    const [name, , , host, port] = message.split(' ');
    if (name === this.#options.master && host !== undefined) {
      this.#options.onSwitch({ host, port: Number(port) });
    }
  }
}

function isAddress(reply: unknown): reply is [string, string] {
  return Array.isArray(reply) && reply.length === 2 && reply.every((part) => typeof part === 'string');
}
