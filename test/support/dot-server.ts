/** A server of DNS over TLS on loopback that says what a test makes it say, with a certificate of a CA of this run. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { encodeMessage, parseMessage, type Message } from '../../core/dns/message.ts';
import { encodePem } from '../../core/pki/pem.ts';
import {
  authority,
  endEntity,
  sharedKey,
  type EndEntityContent,
  type TestCertificate,
} from './certificate-factory.ts';

/** One query as it came over TLS. */
export interface DotQuery {
  readonly message: Message;
  readonly octets: Buffer;
  readonly socket: tls.TLSSocket;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
  /** Sends a message, with its length. */
  readonly reply: (message: Message) => void;
}

/** The CA that these servers have their certificates from. */
export const dotAuthority = authority({ key: sharedKey('dot ca'), subject: 'Resolvers CA' });

export function pemOf(certificate: TestCertificate): string {
  return encodePem(certificate.der, 'CERTIFICATE');
}

export interface DotServerOptions extends tls.TlsOptions {
  /** What differs from a sound certificate for `resolver.example`. */
  readonly certificate?: Partial<EndEntityContent>;
}

export class DotServer {
  readonly address = '127.0.0.1';
  readonly port: number;
  /** Every query so far. */
  readonly heard: DotQuery[] = [];
  /** Connections so far, the TLS handshake done or not. */
  connections = 0;
  readonly sockets = new Set<tls.TLSSocket>();
  readonly #server: tls.Server;

  private constructor(server: tls.Server, answer: (query: DotQuery) => void) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', () => (this.connections += 1));
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (socket) => {
      const connection = this.connections;
      const reader = new FrameReader();
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        for (const octets of reader.push(chunk)) {
          const reply = (message: Message): void => void socket.write(frame(encodeMessage(message)));
          const query = { message: parseMessage(octets), octets, socket, connection, reply };
          this.heard.push(query);
          answer(query);
        }
      });
    });
  }

  static async start(answer: (query: DotQuery) => void, options: DotServerOptions = {}): Promise<DotServer> {
    const { certificate, ...tlsOptions } = options;
    const key = sharedKey('dot server');
    const issued = endEntity({ key, issuer: dotAuthority, names: ['resolver.example'], ...certificate });
    const server = tls.createServer({
      key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: pemOf(issued),
      ALPNProtocols: ['dot'],
      ...tlsOptions,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DotServer(server, answer);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
