/** An AnswerLoop on a stream in memory, with a handler that does what the test says, in a time that is not real. */
import { mock } from 'node:test';
import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FrameReader, frame } from '../../../core/dns/framing.ts';
import type { AnswerConnection } from '../../../core/plugin/contract.ts';
import { AnswerLoop } from '../../../core/server/answer-loop.ts';
import type { ConnectionLimits } from '../../../core/server/limits.ts';
import type { ConnectionEnd } from '../../../core/server/service.ts';
import { testLimits } from '../../support/limits.ts';

export class LoopBed {
  ours!: Duplex;
  client!: Duplex;
  loop!: AnswerLoop;
  /** Requests, as text, in the order in which they came. */
  asked: string[] = [];
  /** What the handler does with a request; nothing unless the test says so. */
  onRequest: (text: string) => void = () => undefined;
  /** What the handler does with a connection when it begins. */
  onBegin: (loop: AnswerConnection) => void = () => undefined;
  hasHandlerHeard = false;
  defects: unknown[] = [];
  end: ConnectionEnd | undefined;
  heard: string[] = [];
  /** Octets of each write of ours. */
  writes: number[] = [];
  nowMs = 1_000;

  constructor() {
    mock.timers.enable({ apis: ['setTimeout'] });
    mock.method(performance, 'now', () => this.nowMs);
    this.open();
  }

  /** A connection in place of the one before. */
  open(limits: Partial<ConnectionLimits> = {}): void {
    const [ours, client] = duplexPair({ highWaterMark: 4096, allowHalfOpen: false });
    Object.assign(this, { ours, client, asked: [], defects: [], heard: [], writes: [] });
    Object.assign(this, { end: undefined, hasHandlerHeard: false, onRequest: () => undefined });
    const write = ours.write.bind(ours);
    mock.method(ours, 'write', (chunk: Buffer, done: () => void) => {
      this.writes.push(chunk.length);
      return write(chunk, done);
    });
    const loop = new AnswerLoop({
      id: 1,
      remote: '192.0.2.1',
      client: () => undefined,
      ends: () => ({ remote: { address: '', port: 0 }, local: { address: '', port: 0 } }),
      socket: ours,
      limits: () => testLimits(limits),
      begin: (connection) => {
        this.onBegin(connection);
        return {
          request: (octets, start, stop) => {
            // The octets are lent: what is said of them is taken at once.
            const text = octets.toString('latin1', start, stop).trimEnd();
            this.asked.push(text);
            this.onRequest(text);
          },
          end: () => (this.hasHandlerHeard = true),
        };
      },
      onDefect: (error) => this.defects.push(error),
    });
    this.loop = loop;
    void loop.ended.then((how) => {
      if (this.loop === loop) this.end = how;
    });
  }

  close(): void {
    this.ours.destroy();
    this.client.destroy();
    mock.timers.reset();
    mock.restoreAll();
  }

  /** The client reads what comes. */
  listen(): void {
    const reader = new FrameReader();
    const { heard } = this;
    this.client.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) heard.push(message.toString('latin1').trimEnd());
    });
  }

  say(text: string, octets = named(text)): void {
    const at = this.loop.reply(octets.length);
    octets.copy(this.loop.room, at);
  }

  async send(octets: Buffer): Promise<void> {
    this.client.write(octets);
    await nextTurn();
  }

  async turns(count = 3): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await nextTurn();
  }

  /** In steps: each timer sees the time at which it is due. */
  async tick(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.nowMs += Math.min(100, left);
      mock.timers.tick(Math.min(100, left));
    }
    await this.turns();
  }
}

/** A message of 12 octets with this text in it. */
export function named(text: string): Buffer {
  return Buffer.from(text.padEnd(12).slice(0, 12), 'latin1');
}

export function framed(text: string): Buffer {
  return frame(named(text));
}
