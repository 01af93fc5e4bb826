/** A DNS server on TCP of loopback that is given each message as it came, octet by octet. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FrameReader } from '../../../core/dns/framing.ts';

export class StreamDaemon {
  readonly port: number;
  readonly #server: Server;
  readonly #open: Set<Socket>;

  private constructor(server: Server, open: Set<Socket>) {
    this.#server = server;
    this.#open = open;
    this.port = (server.address() as AddressInfo).port;
  }

  /** `send` takes octets with their lengths before them. */
  static async start(
    answer: (message: Buffer, send: (octets: Buffer) => void) => void,
  ): Promise<StreamDaemon> {
    const open = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      const reader = new FrameReader();
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => open.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        for (const message of reader.push(chunk)) answer(message, (octets) => socket.write(octets));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new StreamDaemon(server, open);
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
