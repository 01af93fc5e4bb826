/** The servers that the scripted client is tried on, on loopback. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { encodePem } from '../../../core/pki/pem.ts';
import { endEntity, sharedKey } from '../certificate-factory.ts';

export const serverKey = sharedKey('scripted server');
export const serverCertificate = endEntity({ key: serverKey, names: ['server.example'] });

/** A server of OpenSSL that asks for a certificate and sends data back. */
export class EchoServer {
  readonly target: { readonly host: string; readonly port: number };
  /** What clients showed, in DER; undefined for nothing. */
  readonly shown: (Buffer | undefined)[] = [];
  readonly #server: tls.Server;

  private constructor(server: tls.Server) {
    this.#server = server;
    this.target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (socket) => {
      this.shown.push(socket.getPeerX509Certificate()?.raw);
      // Node leaves the TCP connection of a broken session open.
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    });
  }

  static async start(options: tls.TlsOptions = {}): Promise<EchoServer> {
    const server = tls.createServer({
      key: serverKey.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: encodePem(serverCertificate.der, 'CERTIFICATE'),
      ca: [],
      ALPNProtocols: ['dot'],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ...options,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EchoServer(server);
  }

  /** Resolves when the last connection is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What a server does when the first octets come. */
export type RawAnswer = (socket: net.Socket, first: Buffer) => void;

/** A server that is no TLS server: it answers whatever comes first. */
export class RawServer {
  readonly target: { readonly host: string; readonly port: number };
  readonly #server: net.Server;
  /** What it was sent, in the pieces that came. */
  readonly heard: Buffer[] = [];
  /** Connections that are not gone. */
  readonly open = new Set<net.Socket>();

  private constructor(server: net.Server, answer: RawAnswer) {
    this.#server = server;
    this.target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    server.on('connection', (socket) => {
      this.open.add(socket);
      socket.on('close', () => this.open.delete(socket)).on('error', () => undefined);
      socket
        .on('data', (chunk: Buffer) => this.heard.push(chunk))
        .once('data', (chunk: Buffer) => answer(socket, chunk));
    });
  }

  static async start(answer: RawAnswer): Promise<RawServer> {
    const server = net.createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RawServer(server, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}
