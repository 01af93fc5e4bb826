/** One TLS handshake on loopback with the gate's end of it in the test's hands. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { alpnProtocol } from '../../core/tls/context.ts';
import { handshake, type Handshake } from '../../core/tls/handshake.ts';

/** Both ends of a handshake that is over. */
export interface Meeting {
  readonly result: Handshake;
  readonly client: tls.TLSSocket;
  /** Resolves with the code of the client's error, '' without one, when the client's end is closed. */
  readonly closed: Promise<string>;
}

export class TlsMeetingPlace {
  readonly #server: net.Server;
  readonly #context: tls.SecureContext;
  readonly #sockets: net.Socket[] = [];

  private constructor(server: net.Server, context: tls.SecureContext) {
    this.#server = server;
    this.#context = context;
  }

  static async open(context: tls.SecureContext): Promise<TlsMeetingPlace> {
    const server = net.createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TlsMeetingPlace(server, context);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** The gate's end of the next connection, as soon as its handshake is over. */
  async next(deadline: AbortSignal = new AbortController().signal): Promise<Handshake> {
    const [raw] = (await once(this.#server, 'connection')) as [net.Socket];
    this.#sockets.push(raw);
    return handshake(raw, this.#context, deadline, [alpnProtocol]);
  }

  /** A TLS client that offers "dot", unless the options have a list of their own. */
  async meet(options: tls.ConnectionOptions = {}): Promise<Meeting> {
    const shaken = this.next();
    const client = tls.connect({
      host: '127.0.0.1',
      port: this.port,
      rejectUnauthorized: false,
      ALPNProtocols: ['dot'],
      ...options,
    });
    this.#sockets.push(client);
    let code = '';
    client.on('error', (error) => (code = 'code' in error ? String(error.code) : error.message));
    const closed = new Promise<string>((resolve) => {
      client.once('close', () => {
        resolve(code);
      });
    });
    return { client, closed, result: await shaken };
  }

  /** A TCP client that sends octets, and nothing else. */
  connectRaw(octets: Buffer = Buffer.alloc(0)): net.Socket {
    const raw = net.connect(this.port, '127.0.0.1');
    this.#sockets.push(raw);
    raw.on('error', () => undefined).resume();
    if (octets.length > 0) raw.write(octets);
    return raw;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
