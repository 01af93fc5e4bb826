/**
 * The other face: plain HTTP applications behind a proxy that speaks TLS for them and hands on what the client showed, with
 * each request (RFC 9440) or at the start of each connection (PROXY protocol, version 2).
 */
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import type { Server as NetServer } from 'node:net';
import { once } from 'node:events';
import type { Authenticator, ProofResult } from '../../core/index.ts'; // installed: 'danced/core'

/** Nobody else is believed. */
const proxies = ['127.0.0.1'];

/** An application, and what it said no to. */
export interface Running {
  readonly port: number;
  readonly refusals: string[];
  close(): void;
}

/** The proxy sends the fields Client-Cert and Client-Cert-Chain with each request. */
export function startBehindFields(danced: Authenticator): Promise<Running> {
  const refusals: string[] = [];
  const app = createHttpServer((request, response) => {
    void danced.proveFromHeaders(request, { proxies }).then((verdict) => {
      if (verdict.identity === undefined) refusals.push(verdict.reason);
      response.writeHead(verdict.identity ? 200 : 401);
      response.end(greeting(verdict));
    });
  });
  return listening(app, refusals);
}

/** The proxy sends a PROXY header at the start of each connection; its requests are that client's, as long as the proof holds. */
export function startBehindHeader(danced: Authenticator): Promise<Running> {
  const refusals: string[] = [];
  const app = createHttpServer((request, response) => {
    const client = danced.clientOf(request.socket);
    response.writeHead(client ? 200 : 401);
    response.end(client ? `hello ${client.name.toString()}, known by ${client.proof}` : '');
  });
  const door = createServer((socket) => {
    void danced.proveFromProxyHeader(socket, { proxies }).then((verdict) => {
      if (verdict.identity === undefined) refusals.push(verdict.reason);
      // Who is not known gets no further. An application that serves strangers too lets all of them in.
      if (verdict.identity) app.emit('connection', socket);
      else socket.destroy();
    });
  });
  return listening(door, refusals);
}

function greeting({ identity }: ProofResult): string {
  // The client learns that it is not known, and not why: that is for the log.
  return identity ? `hello ${identity.name.toString()}, known by ${identity.proof}` : 'who are you?';
}

async function listening(server: Server | NetServer, refusals: string[]): Promise<Running> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, refusals, close: () => server.close() };
}
