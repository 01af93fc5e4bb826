/**
 * Makes the sockets for ioredis, in place of its own connectors, for two reasons. Theirs listen to the first error of a
 * socket only, and a TLS socket that is ended in its handshake may tell of two, the second of which would end the
 * process. And of a sentinel that cannot be asked theirs say just that.
 *
 * It has the shape of ioredis's AbstractConnector.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** Of the library's options those that say where the server is. */
export interface ConnectorOptions {
  readonly path?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls?: ConnectionOptions | undefined;
  /** Finds the server, where it must be asked for. */
  readonly locate?: (() => Promise<{ readonly host: string; readonly port: number }>) | undefined;
  /** Hears what the library keeps to itself where it opens connections of its own accord. */
  readonly onSocketError?: ((error: Error) => void) | undefined;
}

/** For one connection. */
export class Connector {
  /** The library looks here when the socket was destroyed before it got it. */
  firstError: Error | undefined;
  readonly #options: ConnectorOptions;
  #socket: Socket | undefined;
  #isLeft = false;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  async connect(): Promise<Socket> {
    const { path, host, port, tls, locate } = this.#options;
    const place = locate ? await locate() : path !== undefined ? { path } : { host, port: port ?? 0 };
    // The library's own words, by which it knows that it closed the connection itself.
    if (this.#isLeft) throw new Error('Connection is closed.');
    const socket = tls ? connectTls({ ...place, ...tls }) : connectTcp(place);
    socket.on('error', (error) => {
      this.firstError ??= error;
      this.#options.onSocketError?.(error);
    });
    this.#socket = socket;
    return socket;
  }

  /** At once: nobody waits for what is still under way. */
  disconnect(): void {
    this.#isLeft = true;
    this.#socket?.destroy();
  }

  /** The library asks whether the server has the right role; the greeting does that. */
  check(): boolean {
    return true;
  }
}
