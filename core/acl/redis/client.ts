/**
 * Redis as the access list needs it: every question has an end in time, none waits in a queue for a server that is away,
 * and a server that fails is spared. The only importer of ioredis.
 *
 * Of its habits these are kept out: queues for commands while there is no connection, commands sent again after a
 * reconnection, errors that carry the arguments of a command (HELLO's has the password), subscriptions that are lost
 * without a word, and a process that ends by a reply that is odd.
 *
 * Limitations: in a cluster a command whose node dies under it may run twice; what comes too late for its deadline may
 * still have been done. While a slot is moved, a script whose keys lie on both sides has to wait.
 */
import { Cluster, Redis, type RedisOptions as LibraryOptions } from 'ioredis';
import replies from 'ioredis/built/DataHandler.js';
import { KeptConnection, passingErrorEvent } from './connection.ts';
import { Connector } from './connector.ts';
import { causeOf, explain, type Fault } from './errors.ts';
import * as library from './library-options.ts';
import { checkOptions, describe, hostsOf, type RedisOptions } from './options.ts';
import { nameOf, Questions } from './questions.ts';
import type { RedisScript } from './script.ts';
import { Sentinels } from './sentinels.ts';
import { Subscription } from './subscription.ts';

export { RedisUnavailable } from './errors.ts';
export type { RedisOptions, RedisServer, RedisTls } from './options.ts';
export { maxCommandsUnderWay } from './questions.ts';
export { RedisScript } from './script.ts';

export interface RedisEvents {
  /** Connected and answering. */
  onUp(): void;
  /** Away, or not answering; and again when the reason becomes another. */
  onDown(why: string): void;
  onMessage(channel: string, message: string): void;
  /** Messages come from now on; those before are lost. */
  onSubscribed(): void;
  /** Messages come no more, or cannot be had; and again when the reason becomes another. */
  onUnsubscribed(why: string): void;
}

/** Keys that a step of `scan` looks at. */
const scanCount = 1000;

/** It has what the library uses of a connector, though not its protected members. */
const sockets = Connector as unknown as NonNullable<LibraryOptions['Connector']>;

type Connection = Redis | Cluster;
type Value = string | number | Buffer;

export class RedisClient {
  /** Where Redis is, for messages. */
  readonly where: string;
  readonly #options: RedisOptions;
  readonly #events: RedisEvents;
  readonly #secrets: readonly string[];
  readonly #questions: Questions<Connection>;
  readonly #connection: KeptConnection<Connection>;
  readonly #subscription: Subscription;
  readonly #sentinels: Sentinels | undefined;
  #tries = 0;
  #wasUp = false;
  #why = 'not connected yet';
  #whyUnsubscribed: string | undefined;
  #isClosed = false;

  /** Throws RangeError for options that cannot be. Nothing happens before `connect`. */
  constructor(options: RedisOptions, events: RedisEvents) {
    checkOptions(options);
    this.where = describe(options);
    this.#options = options;
    this.#events = events;
    this.#secrets = [options.password, options.sentinelPassword].filter((secret) => secret !== undefined);
    this.#questions = new Questions<Connection>({
      where: this.where,
      timeoutMs: options.timeoutMs,
      secrets: this.#secrets,
      connection: () => this.#connection.current ?? this.#why,
      onSilent: (why) => this.#noteDown(why),
      onAnswering: () => this.#noteUp(),
      onFault: (connection, fault) => this.#noteFault(connection, fault),
    });
    this.#connection = new KeptConnection<Connection>({
      open: () => this.#open(),
      greet: (connection) => this.#greet(connection),
      onUp: () => this.#noteUp(),
      onDown: (error) => this.#noteDown(explain(error, this.#secrets).words),
      random: Math.random,
    });
    this.#subscription = new Subscription({
      open: () => this.#openForMessages(),
      onMessage: (channel, message) => events.onMessage(channel, message),
      onSubscribed: () => {
        this.#whyUnsubscribed = undefined;
        events.onSubscribed();
      },
      onUnsubscribed: (error) => this.#noteUnsubscribed(explain(error, this.#secrets).words),
      random: Math.random,
    });
    if (options.mode === 'sentinel') this.#sentinels = this.#makeSentinels(options.master ?? '');
  }

  /** Connected, and not found silent. */
  get isUp(): boolean {
    return this.#connection.current !== undefined && !this.#questions.isResting;
  }

  /** Why it is not up, in words. */
  get why(): string {
    return this.#why;
  }

  /** Begins, and keeps trying until `close`. */
  connect(): void {
    if (this.#isClosed) return;
    this.#connection.start();
    this.#sentinels?.start();
  }

  /**
   * Runs a script; its text is sent only to a server that has not seen it. Replies are as of RESP2. Rejects with
   * RedisUnavailable, within the time of the options.
   */
  run<T>(script: RedisScript, keys: readonly string[], args: readonly Value[]): Promise<T> {
    return this.#questions.ask(`${script.name} of ${keys[0] ?? 'no key'}`, async (connection) => {
      const rest = [keys.length, ...keys, ...args];
      try {
        return (await connection.call('EVALSHA', script.digest, ...rest)) as T;
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return (await connection.call('EVAL', script.text, ...rest)) as T;
      }
    });
  }

  /** One command; the reply as of RESP2. Rejects with RedisUnavailable, within the time of the options. */
  call(command: string, ...args: readonly Value[]): Promise<unknown> {
    return this.#questions.ask(nameOf(command, args), (connection) =>
      connection.call(command.toUpperCase(), ...args),
    );
  }

  /**
   * Several commands about one key or more, sent together but not as one: something may change in between. Their replies as of
   * RESP2. Rejects with RedisUnavailable when one of them fails, within the time of the options.
   */
  callTogether(commands: readonly (readonly [string, ...Value[]])[]): Promise<unknown[]> {
    const [[command, ...args] = ['']] = commands;
    return this.#questions.ask(nameOf(command, args), (connection) =>
      Promise.all(commands.map(([name, ...rest]) => connection.call(name, ...rest))),
    );
  }

  /**
   * All of the commands or none, in one write, and their replies. Rejects with RedisUnavailable, within the time of the
   * options. Redis takes nothing back: where one command fails that was well-formed, the others have been done.
   */
  transaction(commands: readonly (readonly Value[])[]): Promise<unknown[]> {
    if (commands.length === 0) return Promise.resolve([]);
    const [first = []] = commands;
    return this.#questions.ask(`MULTI ${nameOf(String(first[0]), first.slice(1))} …`, async (connection) => {
      const multi = connection.multi();
      for (const [command, ...args] of commands) multi.call(String(command).toUpperCase(), ...args);
      const replies = await multi.exec().catch((error: unknown) => {
        throw causeOf(error);
      });
      if (replies === null) throw new Error('the transaction was not done');
      return replies.map(([error, reply]) => {
        if (error !== null) throw error;
        return reply;
      });
    });
  }

  /**
   * All keys that fit the pattern, in batches; in a cluster those of every primary. A key may come twice; one that is made
   * or moved meanwhile may not come. Rejects with RedisUnavailable.
   */
  async *scan(match: string): AsyncGenerator<readonly string[], undefined> {
    let nodes: readonly Connection[] | undefined;
    for (let at = 0; nodes === undefined || at < nodes.length; at += 1) {
      let cursor = '0';
      do {
        const reply = await this.#questions.ask(`SCAN ${match}`, (connection) => {
          nodes ??= connection instanceof Cluster ? connection.nodes('master') : [connection];
          const node = nodes[at] ?? connection;
          return node.call('SCAN', cursor, 'MATCH', match, 'COUNT', scanCount);
        });
        const [next, keys] = reply as [string, string[]];
        cursor = next;
        if (keys.length > 0) yield keys;
      } while (cursor !== '0');
    }
  }

  /** Listens to a channel, over reconnections too, on a connection of its own. */
  subscribe(channel: string): void {
    if (!this.#isClosed) this.#subscription.add(channel);
  }

  /** Ends the connections; what waits for an answer is rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#why = 'closed';
    await Promise.all([this.#connection.stop(), this.#subscription.stop(), this.#sentinels?.stop()]);
  }

  #noteUp(): void {
    this.#questions.reset();
    if (this.#wasUp || this.#isClosed) return;
    this.#wasUp = true;
    this.#events.onUp();
  }

  #noteDown(why: string): void {
    if (this.#isClosed || (!this.#wasUp && this.#why === why)) return;
    this.#wasUp = false;
    this.#why = why;
    this.#events.onDown(`${this.where}: ${why}`);
  }

  /** Who is no longer primary, or no longer knows us, will not be of use again on this connection. */
  #noteFault(connection: Connection, { reply, words }: Fault): void {
    const isMisled = reply === 'READONLY' && this.#options.mode === 'sentinel';
    if (isMisled || reply === 'NOAUTH') this.#connection.cut(connection, new Error(words));
  }

  #noteUnsubscribed(why: string): void {
    if (this.#isClosed || this.#whyUnsubscribed === why) return;
    this.#whyUnsubscribed = why;
    this.#events.onUnsubscribed(`${this.where}: ${why}`);
  }

  /** The library's word that it is ready is no proof that the server serves. */
  async #greet(connection: Connection): Promise<void> {
    if (connection instanceof Cluster) return;
    if (this.#options.mode === 'sentinel') {
      const role = (await connection.call('ROLE')) as unknown[];
      if (role[0] !== 'master') throw new Error('the sentinels named a server that is not the primary (yet)');
    }
    await connection.call('PING');
  }

  #open(): Connection {
    if (this.#options.mode !== 'cluster') return this.#openOne();
    const { redisOptions, ...options } = library.clusterOptions(this.#options, (error) => {
      cluster.emit(passingErrorEvent, error);
    });
    const cluster = new Cluster(hostsOf(this.#options.servers), {
      ...options,
      redisOptions: { ...redisOptions, Connector: sockets },
    });
    cluster.on('+node', quietAsking);
    return cluster;
  }

  #openOne(): Redis {
    const sentinels = this.#sentinels;
    const options = sentinels
      ? library.primaryOptions(this.#options, () => sentinels.locate())
      : library.singleOptions(this.#options);
    return new Redis({ ...options, Connector: sockets });
  }

  #makeSentinels(master: string): Sentinels {
    return new Sentinels({
      sentinels: hostsOf(this.#options.servers),
      master,
      secrets: this.#secrets,
      open: (sentinel) =>
        new Redis({ ...library.sentinelOptions(this.#options, sentinel), Connector: sockets }),
      onSwitch: ({ host, port }) => {
        const why = new Error('the sentinels have made another server the primary');
        // Of the sentinels that tell of it one after the other, the first may have done.
        const isThere = (connection: object): boolean => isConnectedTo(connection, host, port);
        const { current } = this.#connection;
        if (current !== undefined && !isThere(current)) this.#connection.cut(current, why);
        this.#subscription.renew(why, isThere);
      },
      random: Math.random,
    });
  }

  /** In a cluster every node hands on what is published, so that any will do; each try takes the next. */
  #openForMessages(): Redis {
    const { mode, servers } = this.#options;
    if (mode !== 'cluster') return this.#openOne();
    const { current } = this.#connection;
    const known = current instanceof Cluster ? current.nodes().map(({ options }) => options) : [];
    const nodes = known.length > 0 ? known : hostsOf(servers);
    const { host = '', port = 0 } = nodes[this.#tries % nodes.length] ?? {};
    this.#tries += 1;
    return new Redis({ ...library.nodeOptions(this.#options, { host, port }), Connector: sockets });
  }
}

interface ReplyReader {
  readonly redis: { recoverFromFatalError(of: Error, error: Error, queues: { offlineQueue: boolean }): void };
  dispatch(take: () => void): void;
}

/** The library throws what it cannot make sense of where nobody can catch it. Whoever sends that loses the connection instead. */
(replies.default.prototype as unknown as ReplyReader).dispatch = function (this: ReplyReader, take) {
  try {
    take();
  } catch (error) {
    const why = new Error(`what it answers is not what Redis would: ${String(error)}`);
    this.redis.recoverFromFatalError(why, why, { offlineQueue: false });
  }
};

/** The library sends ASKING without waiting for its answer; a refused one must not end the process. */
function quietAsking(node: Redis): void {
  const asking = node.asking.bind(node);
  node.asking = () => {
    const answer = asking();
    answer.catch(() => undefined);
    return answer;
  };
}

function isConnectedTo(connection: object, host: string, port: number): boolean {
  if (!(connection instanceof Redis) || !('remotePort' in connection.stream)) return false;
  const { remoteAddress, remotePort } = connection.stream;
  return remoteAddress === host && remotePort === port;
}
