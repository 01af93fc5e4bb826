/** What an operator is told when an address cannot be listened on. */
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';

/** An address that cannot be listened on, in words for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'SERVER_LISTEN';
  readonly blame = 'config';
}

/** The error of a listening socket, in words; `at` is the address that was tried. */
export function listenError(at: Endpoint, cause: Error): ListenError {
  return new ListenError(`cannot listen on ${formatEndpoint(at)}: ${words(cause)}`, { cause });
}

function words(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another program listens there already; find it with: ss -lntup';
  if (code === 'EACCES')
    return 'permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return error.message;
}
