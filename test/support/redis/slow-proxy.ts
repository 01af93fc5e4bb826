/** A proxy before a server that can delay what the server says, hold it back, or cut the connections. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class SlowProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Milliseconds by which each reply is late. */
  delayMs = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isStalled = false;
  #held: (() => void)[] = [];
  #accepted = 0;

  private constructor(server: Server, to: { path: string } | { host: string; port: number }) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      this.#accepted += 1;
      this.#join(client, connect(to));
    });
  }

  static async start(to: { path: string } | { host: string; port: number }): Promise<SlowProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SlowProxy(server, to);
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** From now on nothing that the server says goes on, until `resume`. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    const held = this.#held;
    this.#held = [];
    for (const send of held) send();
  }

  /** Cuts every connection; new ones are taken. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, onward: Socket): void {
    const pair = [client, onward] as const;
    this.#pairs.add(pair);
    for (const [socket, other] of [pair, [onward, client] as const]) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    client.on('data', (chunk) => onward.write(chunk));
    onward.on('data', (chunk) => {
      const send = (): void => {
        if (client.writable) client.write(chunk);
      };
      if (this.#isStalled) this.#held.push(send);
      else if (this.delayMs > 0) setTimeout(send, this.delayMs);
      else send();
    });
  }
}
