/** The service of a DNS gate: each framed message of a connection goes to the plugin's handler (RFC 7858, RFC 9103). */
import type { RequestHandler } from '../plugin/contract.ts';
import { alpnProtocol } from '../tls/context.ts';
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
