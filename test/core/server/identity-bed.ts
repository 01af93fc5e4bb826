/** A gate that lets anonymous clients in, and says with each reply who has asked, in a time that is not real. */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { clientName, GateBed, type GateBedOptions, type TestClient } from '../../support/gate-bed.ts';
import type { MemoryLogLine } from '../../support/memory-log.ts';
import { tlsaOf } from '../../support/test-identity.ts';

export const message = Buffer.alloc(12, 7);
export const ttlSeconds = 100;
export const ttlMs = ttlSeconds * 1000;
export const stepMs = 250;

/** Needs mocked timers (setTimeout). */
export class IdentityBed {
  readonly gate: GateBed;

  private constructor(gate: GateBed) {
    this.gate = gate;
  }

  static async start({ limits, tls, ...options }: GateBedOptions = {}): Promise<IdentityBed> {
    const gate = await GateBed.start({
      handler: ({ client }) => Promise.resolve(replyTo(client?.name.toString())),
      tls: { onFailure: 'anonymous', ...tls },
      limits: { 'idle-time': 100_000_000, ...limits },
      ...options,
    });
    const bed = new IdentityBed(gate);
    bed.publish();
    return bed;
  }

  /** Names that the DNS was asked for, in order. */
  get asked(): readonly string[] {
    return this.gate.resolver.asked;
  }

  publish(): void {
    this.gate.resolver.publish(clientName, [tlsaOf(this.gate.client)], { ttlSeconds });
  }

  loseDns(): void {
    this.gate.resolver.publish(clientName, [], { status: 'indeterminate', detail: 'no answer' });
  }

  /** Moves the clock, and lets what is due happen. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      const step = Math.min(left, stepMs);
      this.gate.nowMs += step;
      mock.timers.tick(step);
      for (let turn = 0; turn < 4; turn++) await nextTurn();
    }
  }

  /** Who the client is, as the handler sees it. */
  async asksAs(client: TestClient): Promise<string> {
    const count = client.messages.length + 1;
    client.send(message);
    return String((await client.received(count))[count - 1]).trim();
  }

  /** The fields of the lines of an event, as soon as there are so many. */
  async lines(event: string, count = 1): Promise<MemoryLogLine['fields'][]> {
    while (this.gate.log.of(event).length < count) await nextTurn();
    return this.gate.log.of(event).map(({ fields }) => fields);
  }

  /** The last line about the connection. */
  async ended(client: TestClient): Promise<MemoryLogLine['fields'] | undefined> {
    await client.closed;
    return (await this.lines('connection')).at(-1);
  }

  anonymous(): Promise<number> {
    return this.gate.metric('danced_anonymous_clients{gate="test"}');
  }
}

/** As long as a message must be. */
export function replyTo(name = 'nobody'): Buffer {
  return Buffer.from(name.padEnd(message.length));
}
