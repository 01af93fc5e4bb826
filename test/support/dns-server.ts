/** A DNS server on loopback, UDP and TCP on one port, that says what a test makes it say. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FrameReader } from '../../core/dns/framing.ts';
import { parseMessage, type Message } from '../../core/dns/message.ts';

/** One query as it came. */
export interface HeardQuery {
  readonly message: Message;
  readonly over: 'udp' | 'tcp';
  /** Sends octets back as they are; over TCP the length prefix is the caller's. */
  readonly send: (octets: Buffer) => void;
  /** UDP: where the query came from. */
  readonly from?: AddressInfo;
  /** TCP: closes the connection. */
  readonly close: () => void;
  /** TCP: which connection it came on, counted from 1; 0 for UDP. */
  readonly connection: number;
  readonly socket?: Socket;
}

export class DnsServer {
  readonly address = '127.0.0.1';
  readonly port: number;
  /** Every query so far. */
  readonly heard: HeardQuery[] = [];
  /** TCP connections so far. */
  connections = 0;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #open = new Set<Socket>();

  private constructor(udp: UdpSocket, tcp: Server, answer: (query: HeardQuery) => void) {
    this.port = udp.address().port;
    this.#udp = udp;
    this.#tcp = tcp;
    const hear = (query: HeardQuery): void => {
      this.heard.push(query);
      answer(query);
    };
    udp.on('message', (octets, from) => {
      const send = (reply: Buffer): void => {
        udp.send(reply, from.port, from.address);
      };
      hear({ message: parseMessage(octets), over: 'udp', send, from, close: () => undefined, connection: 0 });
    });
    tcp.on('connection', (socket) => {
      const connection = ++this.connections;
      this.#open.add(socket);
      const reader = new FrameReader();
      socket.on('error', () => undefined);
      socket.on('close', () => this.#open.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        for (const octets of reader.push(chunk)) {
          hear({
            message: parseMessage(octets),
            over: 'tcp',
            send: (reply) => socket.write(reply),
            close: () => socket.end(),
            connection,
            socket,
          });
        }
      });
    });
  }

  static async start(answer: (query: HeardQuery) => void): Promise<DnsServer> {
    for (;;) {
      const udp = createSocket('udp4');
      udp.bind(0, '127.0.0.1');
      await once(udp, 'listening');
      const tcp = createServer({ noDelay: true });
      tcp.listen(udp.address().port, '127.0.0.1');
      const listens = await once(tcp, 'listening').then(
        () => true,
        () => false,
      );
      if (listens) return new DnsServer(udp, tcp, answer);
      // The TCP port of that number is somebody else's.
      udp.close();
    }
  }

  /** TCP connections that are open. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** Ends the TCP connections that are open, and takes new ones. */
  dropConnections(): void {
    for (const socket of this.#open) socket.end();
  }

  async close(): Promise<void> {
    this.#udp.close();
    for (const socket of this.#open) socket.destroy();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }
}

/** A port of loopback where nobody listens. */
export async function unusedPort(): Promise<number> {
  const server = await DnsServer.start(() => undefined);
  await server.close();
  return server.port;
}
