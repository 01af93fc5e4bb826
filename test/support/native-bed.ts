/** Both ends of a TLS handshake by node:tls in one process, each with a context that the addon has set up. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import v8 from 'node:v8';
import vm from 'node:vm';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import {
  nativeTls,
  type ContextOptions,
  type NativeTls,
  type ShownHandshake,
} from '../../core/tls/native/native.ts';
import { certificateOf, shows } from './native-shows.ts';

/** How one end ended: its handshake complete, or its connection closed. */
export type End =
  | {
      readonly socket: tls.TLSSocket;
      /** What the addon knows of the other end. */
      readonly shown: ShownHandshake | undefined;
      readonly error?: undefined;
    }
  | {
      readonly socket?: undefined;
      readonly shown?: undefined;
      readonly error: Error & { reason?: string; library?: string };
    };

export interface NativeMeeting {
  readonly server: End;
  readonly client: End;
  /** The client's end, in whatever state; with TLS 1.3 it learns of a refusal after its handshake. */
  readonly clientSocket: tls.TLSSocket;
  /** The words of the error that closed the client's end, '' without one; resolves when it is closed. */
  readonly clientClosed: Promise<string>;
}

/** The addon, without which these tests have no object. */
export function theAddon(): NativeTls {
  if (nativeTls === undefined) throw new Error('the TLS addon is not built: npm run build:native');
  return nativeTls;
}

const octets = { largestCertificateMessage: 32_768 } as const;

export function serverContext(
  options: Partial<ContextOptions> = {},
  more: tls.SecureContextOptions = {},
): tls.SecureContext {
  const context = tls.createSecureContext({ ...shows(certificateOf('p256', 'server')), ca: [], ...more });
  const extension = { extensionType: defaultExtensionType, body: Buffer.from([0]) };
  theAddon().setUpContext(context, { isServer: true, ...octets, ...extension, ...options });
  return context;
}

export function clientContext(
  options: Partial<ContextOptions> = {},
  more: tls.SecureContextOptions = {},
): tls.SecureContext {
  const context = tls.createSecureContext({ ca: [], ...more });
  theAddon().setUpContext(context, {
    isServer: false,
    ...octets,
    extensionType: defaultExtensionType,
    verifyServer: () => true,
    ...options,
  });
  return context;
}

/** The extension's body with this name in it. */
export function nameBody(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}

export class NativeBed {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** Who waits for a connection, each for one. */
  readonly #takers: ((raw: net.Socket) => void)[] = [];
  #client: net.Socket | undefined;
  readonly context: tls.SecureContext;

  private constructor(server: net.Server, context: tls.SecureContext) {
    this.#server = server;
    this.context = context;
    server.on('connection', (raw: net.Socket) => {
      const taker = this.#takers.shift();
      if (taker === undefined) raw.destroy();
      else taker(raw);
    });
  }

  static async open(context: tls.SecureContext = serverContext()): Promise<NativeBed> {
    const server = net.createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new NativeBed(server, context);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** The server's end of the next connection. */
  async next(more: tls.TLSSocketOptions = {}): Promise<End> {
    const raw = await new Promise<net.Socket>((resolve) => this.#takers.push(resolve));
    const asks = { isServer: true, requestCert: true, rejectUnauthorized: false };
    return this.#endOf(new tls.TLSSocket(raw, { ...asks, secureContext: this.context, ...more }), 'secure');
  }

  /** One handshake; resolves when both ends know how theirs ended. */
  async meet(
    context: tls.SecureContext = clientContext(),
    more: tls.ConnectionOptions = {},
  ): Promise<NativeMeeting> {
    const server = this.next();
    const clientSocket = tls.connect({
      host: '127.0.0.1',
      port: this.port,
      secureContext: context,
      rejectUnauthorized: false,
      ...more,
    });
    this.#client = clientSocket;
    const clientClosed = new Promise<string>((resolve) => {
      let words = '';
      clientSocket.on('error', ({ message }) => (words ||= message));
      clientSocket.once('close', () => {
        if (this.#client === clientSocket) this.#client = undefined;
        resolve(words);
      });
    });
    const client = this.#endOf(clientSocket, 'secureConnect');
    return { server: await server, client: await client, clientSocket, clientClosed };
  }

  /** Destroys the client's end of the last meeting, whatever it is in the middle of. */
  destroyClient(): void {
    this.#client?.destroy();
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #endOf(socket: tls.TLSSocket, event: 'secure' | 'secureConnect'): Promise<End> {
    this.#sockets.add(socket);
    return new Promise((resolve) => {
      let first: Error | undefined;
      const onError = (error: Error): void => {
        first ??= error;
      };
      socket.on('error', onError).on('_tlsError', onError);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        resolve({ error: first ?? new Error('closed without a word') });
      });
      socket.once(event, () => {
        const finished = socket.getPeerFinished();
        resolve({ socket, shown: finished && theAddon().takeHandshake(finished) });
      });
    });
  }
}

/** A full collection of garbage, if it was not asked for by --expose-gc. */
export function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
}

/** Whether it comes about, with collections of garbage and turns of the event loop in between. */
export async function comesAbout(isSo: () => boolean, patienceMs = 5_000): Promise<boolean> {
  const endMs = performance.now() + patienceMs;
  for (let rounds = 0; !isSo(); rounds += 1) {
    if (performance.now() > endMs) return false;
    // A turn of its own: what a WeakRef has given in this one is not collected.
    await sleep(10);
    if (rounds % 5 === 4) collectGarbage();
  }
  return true;
}
