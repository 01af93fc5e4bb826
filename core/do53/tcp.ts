/**
 * Plain DNS by TCP (RFC 1035 section 4.2.2, RFC 7766): a listening socket, and the places of its connections.
 */
import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import { listenError } from '../server/listen-error.ts';
import { addressKey, type Places } from '../server/places.ts';
import { PlainConnection } from './connection.ts';
import type { InheritedSocket } from './inherited.ts';
import type { Do53Environment, Requests } from './requests.ts';

/** Connections that the kernel holds for us between SYN and accept, if net.core.somaxconn allows it. */
const backlog = 1024;

export interface TcpListenerOptions extends Do53Environment {
  readonly requests: Requests;
  /** Those of all listeners of one server. */
  readonly places: Places;
  readonly reusePort: boolean;
}

/** One TCP socket that listens, and its connections. */
export class TcpListener {
  readonly endpoint: Endpoint;
  readonly #options: TcpListenerOptions;
  readonly #server: Server;
  readonly #connections = new Set<PlainConnection>();

  private constructor(options: TcpListenerOptions, server: Server, endpoint: Endpoint) {
    this.#options = options;
    this.#server = server;
    this.endpoint = endpoint;
    server.on('connection', (socket) => {
      this.#accept(socket);
    });
    // accept failed, mostly for want of file descriptors. Those who are connected go on.
    server.on('error', (error) => {
      options.log.warn('accept failed', { address: formatEndpoint(endpoint), error });
    });
  }

  /** Listens, on an inherited socket if there is one. Rejects with ListenError. */
  static open(
    at: Endpoint,
    inherited: InheritedSocket | undefined,
    options: TcpListenerOptions,
  ): Promise<TcpListener> {
    const server = net.createServer({ noDelay: true });
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(listenError(at, error));
      };
      server.once('error', fail);
      server.once('listening', () => {
        server.off('error', fail);
        const bound = server.address();
        const isEndpoint = typeof bound === 'object' && bound !== null;
        resolve(
          new TcpListener(options, server, isEndpoint ? { address: bound.address, port: bound.port } : at),
        );
      });
      if (inherited) server.listen({ fd: inherited.fd, backlog });
      else {
        const { address: host, port } = at;
        server.listen({ host, port, backlog, ipv6Only: true, reusePort: options.reusePort, exclusive: true });
      }
    });
  }

  /** Stops listening, lets replies under way finish, then closes; at most `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#connections) connection.drain();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, deadlineMs);
    await closed;
    clearTimeout(cut);
  }

  #accept(socket: Socket): void {
    const { limits, meters, log, places, requests } = this.#options;
    // A client that is gone already has no address.
    const key = addressKey(socket.remoteAddress ?? '');
    const most = limits()['plain-connections'];
    if (!places.take(key, most, limits()['plain-connections-per-address'])) {
      const limit = places.taken >= most ? 'plain-connections' : 'plain-connections-per-address';
      meters.refused(limit);
      // Not at info: a flood must not fill the disk. The metric tells how many.
      log.debug('connection turned away', { remote: socket.remoteAddress, limit });
      socket.on('error', () => undefined);
      socket.resetAndDestroy();
      return;
    }
    const connection = new PlainConnection(socket, this.#options, requests, () => {
      this.#connections.delete(connection);
      places.free(key);
    });
    this.#connections.add(connection);
  }
}
