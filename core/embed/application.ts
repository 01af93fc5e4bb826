/**
 * The application behind a listener: it gets each connection that has arrived as a plain TLSSocket, or has its http.Server
 * take it. Who the client is, it asks when it wants to know (`clientOf`).
 *
 * When the proof is gone the socket is destroyed, whatever was under way on it: no request that is kept waiting, no pipeline
 * and no keep-alive goes on under an identity that is none any more.
 *
 * Limitations: `idle-time` is looked at once in that time, so that an idle connection lasts up to twice as long; of the
 * limits on requests none applies here, since requests are the application's.
 */
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type {
  ArrivedConnection,
  ConnectionEnd,
  ConnectionService,
  ServedConnection,
} from '../server/service.ts';
import type { KnownClients } from './known-clients.ts';

/** A connection as the application gets it besides the socket. */
export interface ApplicationConnection {
  /** Number in this process; that of the log. */
  readonly id: number;
  /** The client's address and port, for logs. */
  readonly remote: string;
  /** Aborted when the listener closes: end the connection when what is under way is done. */
  readonly closing: AbortSignal;
}

/** Takes a connection over; nothing has been read from the socket. */
export type ConnectionHandler = (socket: TLSSocket, connection: ApplicationConnection) => void;
export type Application = ConnectionHandler | HttpServer;

export function isHttpServer(application: unknown): application is HttpServer {
  return application instanceof HttpServer;
}

/** Serves connections by the application. */
export function applicationService(
  application: Application,
  alpnProtocols: readonly string[],
  clients: KnownClients,
): ConnectionService {
  const open = isHttpServer(application) ? openHttp(application) : openPlain(application);
  return { alpnProtocols, serve: (arrived) => new ApplicationEnd(arrived, clients, open) };
}

/** What is different between kinds of applications. */
interface Opened {
  readonly requests: number;
  drain(): void;
}
type Open = (arrived: ArrivedConnection) => Opened;

function openPlain(handler: ConnectionHandler): Open {
  return ({ id, remote, socket }) => {
    const closing = new AbortController();
    handler(socket, { id, remote, closing: closing.signal });
    return {
      requests: 0,
      drain: () => {
        closing.abort();
      },
    };
  };
}

function openHttp(server: HttpServer): Open {
  const requests = requestsOf(server);
  return ({ socket }) => {
    const counted = new HttpRequests(socket);
    requests.set(socket, counted);
    server.emit('connection', socket);
    return counted;
  };
}

const watched = new WeakMap<HttpServer, WeakMap<object, HttpRequests>>();

/** The requests of each connection of ours, kept up to date; a server may stand behind several listeners. */
function requestsOf(server: HttpServer): WeakMap<object, HttpRequests> {
  const known = watched.get(server);
  if (known !== undefined) return known;
  const bySocket = new WeakMap<object, HttpRequests>();
  watched.set(server, bySocket);
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    bySocket.get(socket)?.begin(response);
  });
  // With this event, and not before it, an http.Server watches headersTimeout and requestTimeout: without it a client could
  // send its headers one octet a minute. It listens now, if through us.
  if (!server.listening) server.emit('listening');
  return bySocket;
}

/** The requests of one connection. */
class HttpRequests implements Opened {
  requests = 0;
  readonly #socket: TLSSocket;
  readonly #underWay = new Set<ServerResponse>();
  #draining = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  begin(response: ServerResponse): void {
    this.requests++;
    this.#underWay.add(response);
    if (this.#draining) sayLast(response);
    response.once('close', () => {
      this.#underWay.delete(response);
      if (this.#draining) this.#endIfIdle();
    });
  }

  drain(): void {
    this.#draining = true;
    for (const response of this.#underWay) sayLast(response);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#underWay.size === 0) this.#socket.end();
  }
}

/** RFC 9112 section 9.6: tells the client that no other request will be answered on this connection. */
function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

/** One connection in the hands of the application. */
class ApplicationEnd implements ServedConnection {
  detail = '';
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: TLSSocket;
  readonly #clients: KnownClients;
  readonly #opened: Opened | undefined;
  readonly #idle: NodeJS.Timeout;
  #end: ConnectionEnd | undefined;

  constructor({ socket, ...arrived }: ArrivedConnection, clients: KnownClients, open: Open) {
    this.#socket = socket;
    this.#clients = clients;
    clients.know(socket, arrived.client);
    this.#idle = this.#watchIdle(arrived.limits()['idle-time']);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        clearInterval(this.#idle);
        clients.forget(socket);
        resolve(this.#end ?? 'client-closed');
      });
    });
    socket.on('error', () => {
      this.#end ??= 'tls-error';
    });
    // Only tls.Server says this of its sockets; node:http2 waits for it.
    Object.assign(socket, { secureConnecting: false });
    try {
      this.#opened = open({ socket, ...arrived });
    } catch (error) {
      arrived.onDefect(error);
      this.stop('reply-broken');
    }
  }

  get requests(): number {
    return this.#opened?.requests ?? 0;
  }

  get octetsIn(): number {
    return this.#socket.bytesRead;
  }

  get octetsOut(): number {
    return this.#socket.bytesWritten;
  }

  stop(why: ConnectionEnd, detail?: string): void {
    if (detail !== undefined) this.detail = detail;
    this.#end ??= why;
    // Before the socket is: whoever is asked from here on knows of nobody.
    this.#clients.forget(this.#socket);
    this.#socket.destroy();
  }

  drain(): void {
    this.#end ??= 'gate-closing';
    this.#opened?.drain();
  }

  /** What the application still does is its own; it sees the end of the socket. */
  quiet(): Promise<void> {
    return Promise.resolve();
  }

  /** By counting octets: the timer of the socket is the application's to set. */
  #watchIdle(idleMs: number): NodeJS.Timeout {
    let seen = -1;
    return setInterval(() => {
      const now = this.octetsIn + this.octetsOut;
      if (now === seen) this.stop('idle');
      seen = now;
    }, idleMs).unref();
  }
}
