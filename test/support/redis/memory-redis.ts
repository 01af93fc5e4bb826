/**
 * As much of a Redis as a store reads, in memory: answers are of the moment of the question and come later, messages come later too
 * or never, connections end, and the data may become another.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { RedisUnavailable, type RedisEvents } from '../../../core/acl/redis/client.ts';
import type { ListClient } from '../../../core/acl/redis/store.ts';

type Data = Map<string, string | Map<string, string>>;

export class MemoryRedis {
  data: Data = new Map();
  isUp = true;
  isSubscribed = true;
  /** Turns of the event loop until an answer or a message comes; each is asked for anew. */
  delay: () => number = () => 1;
  #events: RedisEvents | undefined;
  #lastMessage: Promise<unknown> = Promise.resolve();

  /** What a store opens. */
  readonly open = (_options: unknown, events: RedisEvents): ListClient => {
    this.#events = events;
    return {
      where: 'redis in memory',
      connect: () => {
        setImmediate(() => events.onUp());
      },
      subscribe: () => {
        setImmediate(() => events.onSubscribed());
      },
      call: (command, ...args) => this.#answer(() => this.#reply(command, args.map(String))),
      callTogether: (commands) =>
        this.#answer(() => commands.map(([command, ...args]) => this.#reply(command, args.map(String)))),
      run: () => Promise.reject(new Error('nothing is written')),
      close: () => Promise.resolve(),
    };
  };

  /** A change, with its message, or without if that is lost. */
  change(
    changes: Readonly<Record<string, string | undefined>>,
    telling: 'numbered' | 'plain' | 'lost',
  ): void {
    const told: string[] = [];
    for (const [key, text] of Object.entries(changes)) {
      const [name = '', field] = key.split(' ');
      const full = `danced:v1:${name}`;
      told.push(full);
      if (field === undefined) {
        if (text === undefined) this.data.delete(full);
        else this.data.set(full, text);
        continue;
      }
      const known = this.data.get(full);
      const hash = known instanceof Map ? new Map(known) : new Map<string, string>();
      if (text === undefined) hash.delete(field);
      else hash.set(field, text);
      this.data.set(full, hash);
    }
    const revision = String(Number(this.data.get('danced:v1:revision') ?? 0) + 1);
    this.data.set('danced:v1:revision', revision);
    if (telling === 'lost' || !this.isSubscribed) return;
    const message = [...(telling === 'numbered' ? [revision] : []), ...told].join('\n');
    // In their order, however late.
    this.#lastMessage = this.#lastMessage.then(async () => {
      await this.#wait();
      if (this.isSubscribed) this.#events?.onMessage('danced:v1:changes', message);
    });
  }

  setUp(isUp: boolean): void {
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    if (isUp) this.#events?.onUp();
    else this.#events?.onDown('cut');
  }

  setSubscribed(isSubscribed: boolean): void {
    if (isSubscribed === this.isSubscribed) return;
    this.isSubscribed = isSubscribed;
    if (isSubscribed) this.#events?.onSubscribed();
    else this.#events?.onUnsubscribed('cut');
  }

  /** Another server takes over, with the data that it has. */
  replace(data: Data): void {
    this.setUp(false);
    this.setSubscribed(false);
    this.data = data;
    this.setUp(true);
    this.setSubscribed(true);
  }

  async #wait(): Promise<void> {
    for (let turns = this.delay(); turns > 0; turns -= 1) await turn();
  }

  async #answer<T>(reply: () => T): Promise<T> {
    this.#requireUp();
    const value = reply();
    await this.#wait();
    this.#requireUp();
    return value;
  }

  #requireUp(): void {
    if (!this.isUp) throw new RedisUnavailable('redis in memory: away');
  }

  #reply(command: string, args: readonly string[]): unknown {
    if (command === 'GET') return this.data.get(args[0] ?? '') ?? null;
    if (command === 'MGET') return args.map((key) => this.data.get(key) ?? null);
    if (command === 'EXISTS') return args.filter((key) => this.data.has(key)).length;
    if (command !== 'EVALSHA_RO') throw new Error(`no ${command} here`);
    const [revisionKey = '', ...keys] = args.slice(2, 2 + Number(args[1]));
    const revision = this.data.get(revisionKey);
    if (revision === undefined) return [null, 0];
    if (keys[0]?.endsWith(':roles') === true) {
      const roles = this.data.get(keys[0]);
      return [revision, roles instanceof Map ? [...roles].flat() : [], this.data.get(keys[1] ?? '') ?? null];
    }
    const first = keys.findIndex((key) => this.data.has(key));
    return first === -1 ? [revision, 0] : [revision, first + 1, this.data.get(keys[first] ?? '')];
  }
}
