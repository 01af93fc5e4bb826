/** The server's end of a stream in memory, which says what a test makes it say. */
import { duplexPair, type Duplex } from 'node:stream';
import { FrameReader, frame } from '../../core/dns/framing.ts';

export class StreamServer {
  /** The client's end. */
  readonly client: Duplex;
  readonly socket: Duplex;
  /** Messages that have come, in order. */
  readonly heard: Buffer[] = [];
  /** Chunks that have come. */
  chunks = 0;
  hasEnded = false;
  #wake: (() => void) | undefined;

  constructor() {
    const [client, server] = duplexPair();
    this.client = client;
    this.socket = server;
    const reader = new FrameReader();
    server.on('data', (chunk: Buffer) => {
      this.chunks += 1;
      this.heard.push(...reader.push(chunk));
      this.#wake?.();
    });
    server.on('end', () => {
      this.hasEnded = true;
      this.#wake?.();
    });
    server.on('error', () => undefined);
  }

  /** Waits until so many messages have come. */
  async hears(count: number): Promise<readonly Buffer[]> {
    await this.#until(() => this.heard.length >= count);
    return this.heard;
  }

  /** Waits for the client to close its end. */
  async ends(): Promise<void> {
    await this.#until(() => this.hasEnded);
  }

  /** Sends messages in one chunk. */
  say(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages.map(frame)));
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
