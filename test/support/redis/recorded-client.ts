/** A RedisClient, with all that it tells kept for a look. */
import { RedisClient, RedisUnavailable, type RedisOptions } from '../../../core/acl/redis/client.ts';
import { until } from './cluster.ts';

export class RecordedClient {
  readonly client: RedisClient;
  /** 'up', 'down', 'subscribed', 'unsubscribed', in order. */
  readonly events: string[] = [];
  /** Why it was down or heard nothing, each time. */
  readonly reasons: string[] = [];
  readonly messages: (readonly [channel: string, message: string])[] = [];

  /** Connects. */
  constructor(options: Partial<RedisOptions> & Pick<RedisOptions, 'servers'>) {
    this.client = new RedisClient(
      { mode: 'single', timeoutMs: 500, ...options },
      {
        onUp: () => this.events.push('up'),
        onDown: (why) => {
          this.events.push('down');
          this.reasons.push(why);
        },
        onMessage: (channel, message) => this.messages.push([channel, message]),
        onSubscribed: () => this.events.push('subscribed'),
        onUnsubscribed: (why) => {
          this.events.push('unsubscribed');
          this.reasons.push(why);
        },
      },
    );
    this.client.connect();
  }

  /** Waits for an event to come (again). */
  async hears(event: string, times = 1, timeoutMs = 15_000): Promise<void> {
    await until(
      `${event}, ${times} times`,
      () => this.events.filter((each) => each === event).length >= times,
      timeoutMs,
    );
  }

  async isUp(timeoutMs = 15_000): Promise<void> {
    await until(`up (${this.reasons.at(-1) ?? 'no reason'})`, () => this.client.isUp, timeoutMs);
  }

  /** Waits until it is said to be down for a reason with these words. */
  async isDownFor(words: RegExp): Promise<string> {
    const isSaid = (): boolean => this.reasons.some((each) => words.test(each));
    await until(`a reason ${words.source}`, isSaid).catch((error: unknown) => {
      throw new Error(`it said ${this.reasons.join(' | ')}`, { cause: error });
    });
    return this.reasons.find((each) => words.test(each)) ?? '';
  }
}

/** What a promise was rejected with; throws if that is nothing that a RedisClient rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<RedisUnavailable> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RedisUnavailable) return error;
    throw error;
  }
  throw new Error('it was answered');
}
