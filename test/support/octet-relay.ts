/** A TCP relay on loopback that keeps every octet that the client sent: what somebody on the way sees of it. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export class OctetRelay {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #fromClient: Buffer[] = [];

  private constructor(server: net.Server, to: () => number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      const onward = net.connect(to(), '127.0.0.1');
      for (const socket of [client, onward]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
      }
      client.on('data', (chunk: Buffer) => this.#fromClient.push(chunk));
      client.pipe(onward).pipe(client);
      onward.once('close', () => client.destroy());
    });
  }

  /** Starts a relay to the port of loopback that `to` names at the time of each connection. */
  static async start(to: () => number): Promise<OctetRelay> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OctetRelay(server, to);
  }

  /** What clients have sent since this was last called. */
  take(): Buffer {
    const octets = Buffer.concat(this.#fromClient);
    this.#fromClient = [];
    return octets;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The content types of TLS records (RFC 8446 section 5.1), in order: 22 handshake, 21 alert, 23 whatever is encrypted. */
export function recordTypes(octets: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 5 <= octets.length; at += 5 + octets.readUInt16BE(at + 3)) {
    types.push(octets.readUInt8(at));
  }
  return types;
}
