/** The service of a DNS gate: each framed message of a connection goes to the plugin's handler (RFC 7858, RFC 9103). */
import type { TLSSocket } from 'node:tls';
import type { AnswerConnection, AnswerHandler, RequestHandler } from '../plugin/contract.ts';
import { alpnProtocol } from '../tls/context.ts';
import { AnswerLoop } from './answer-loop.ts';
import { RequestLoop } from './requests.ts';
import type { ConnectionService } from './service.ts';

/** Serves the connections of a gate by a plugin's handler. */
export function dnsService(handler: RequestHandler): ConnectionService {
  return {
    alpnProtocols: [alpnProtocol],
    serve: ({ id, remote, socket, client, limits, onDefect }) =>
      new RequestLoop({
        socket,
        limits,
        handle: (octets, signal) =>
          handler({
            octets,
            client: client(),
            connection: { id, remote },
            idleTimeMs: limits()['idle-time'],
            signal,
          }),
        onDefect,
      }),
  };
}

/** The same for requests that are answered by one message each (RFC 7858). */
export function answerService(begin: (connection: AnswerConnection) => AnswerHandler): ConnectionService {
  return {
    alpnProtocols: [alpnProtocol],
    // RFC 7858 is older than the word "dot" of ALPN, and stub resolvers leave it out.
    isAlpnOptional: true,
    serve: ({ id, remote, socket, client, limits, onDefect }) =>
      new AnswerLoop({ id, remote, ends: () => endsOf(socket), socket, client, limits, begin, onDefect }),
  };
}

function endsOf(socket: TLSSocket): ReturnType<AnswerConnection['ends']> {
  return {
    remote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
    local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    tlsVersion: socket.getProtocol() ?? undefined,
  };
}
