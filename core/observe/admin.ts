/**
 * The admin server: plain HTTP for Prometheus and for whatever supervises the process.
 *
 *     GET /metrics   what was counted            GET /livez    200 while the process answers at all
 *     GET /readyz    200, or 503 with what it waits for, a line each
 *     GET /access/decisions   what is decided about whom, as it comes, for peers on loopback (feed-response.ts)
 *
 * Limitations: no TLS and no authentication, hence loopback by default; who opens it wider puts a proxy before it.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Feed } from './feed.ts';
import { sendFeed, whyNotWatch } from './feed-response.ts';
import type { Metrics } from './metrics.ts';

export interface AdminOptions {
  /** Port 0 lets the system choose. */
  readonly listen: { readonly address?: string; readonly port: number };
  readonly metrics: Pick<Metrics, 'contentType' | 'text'>;
  readonly ready: () => Readiness | Promise<Readiness>;
  /** What `/access/decisions` shows; without it there is no such path. */
  readonly decisions?: Feed;
}

interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
}

export interface AdminServer {
  readonly address: string;
  readonly port: number;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

/** Bounds; a supervisor and two or three scrapers need a fraction of them. Times in milliseconds. */
export const adminLimits = {
  connections: 32,
  headerOctets: 8192,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 5000,
  requestsPerConnection: 100,
  /** How often the two timeouts above are looked at. */
  checkEveryMs: 1000,
  /** Of /access/decisions, at once; the rest of the connections is for the others. */
  watchers: 4,
} as const;

/** Starts listening; rejects with the system's error when it cannot. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const admin = new Admin(options);
  const server = createServer(
    {
      maxHeaderSize: adminLimits.headerOctets,
      headersTimeout: adminLimits.headersTimeoutMs,
      requestTimeout: adminLimits.requestTimeoutMs,
      keepAliveTimeout: adminLimits.keepAliveTimeoutMs,
      connectionsCheckingInterval: adminLimits.checkEveryMs,
    },
    (request, response) => {
      void admin.answer(request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else send(response, { status: 500, body: 'internal error\n' });
      });
    },
  );
  server.maxConnections = adminLimits.connections;
  server.maxRequestsPerSocket = adminLimits.requestsPerConnection;
  const { address, port } = await listen(server, options.listen.address ?? '127.0.0.1', options.listen.port);
  return { address, port, close: () => close(server) };
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

class Admin {
  readonly #options: AdminOptions;
  readonly #paths: ReadonlyMap<string, () => Reply | Promise<Reply>>;
  #watchers = 0;

  constructor(options: AdminOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#paths = new Map<string, () => Reply | Promise<Reply>>([
      [
        '/metrics',
        async () => ({
          status: 200,
          body: await metrics.text(),
          headers: { 'content-type': metrics.contentType },
        }),
      ],
      ['/livez', () => ({ status: 200, body: 'ok\n' })],
      ['/readyz', () => readiness(options)],
    ]);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { decisions } = this.#options;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const isWatching = decisions !== undefined && path === decisionsPath;
    const plain = this.#paths.get(path);
    if (plain === undefined && !isWatching) {
      const more = decisions === undefined ? '' : ` and ${decisionsPath}`;
      send(response, { status: 404, body: `there are ${[...this.#paths.keys()].join(', ')}${more}\n` });
      return;
    }
    // RFC 9110 section 9.1: HEAD comes with GET; node:http leaves the body of its answer out.
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, { status: 405, body: 'GET only\n', headers: { allow: 'GET, HEAD' } });
      return;
    }
    if (isWatching) await this.#watch(decisions, request, response);
    else if (plain !== undefined) send(response, await plain());
  }

  async #watch(decisions: Feed, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const whyNot = whyNotWatch(request);
    if (whyNot !== undefined) {
      send(response, { status: 403, body: `${whyNot}\n` });
      return;
    }
    if (this.#watchers >= adminLimits.watchers) {
      const most = `at most ${String(adminLimits.watchers)} can watch at once`;
      send(response, { status: 503, body: `${most}\n` });
      return;
    }
    this.#watchers++;
    try {
      await sendFeed(decisions, response);
    } finally {
      this.#watchers--;
    }
  }
}

/** Where the feed is. */
const decisionsPath = '/access/decisions';

async function readiness(options: AdminOptions): Promise<Reply> {
  const { ready, waitingFor } = await options.ready();
  if (ready) return { status: 200, body: 'ready\n' };
  return { status: 503, body: waitingFor.map((what) => `waiting for ${what}\n`).join('') || 'not ready\n' };
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(reply.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...reply.headers,
  });
  response.end(reply.body);
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('the admin server has no IP address');
  return bound;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
