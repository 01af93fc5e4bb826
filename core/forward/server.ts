/**
 * A resolver that questions are forwarded to, as configurations and operators write it; and what a forwarder takes and gives.
 */
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import { parseServer } from '../config/server-text.ts';
import type { FailureKind } from '../dns/failure.ts';

/** Where to ask, and how. `tls` must be there for the transport 'tls', and is without meaning for the others. */
export interface ForwardServer extends Endpoint {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** RFC 8310 section 5, the strict profile: the server has this name, or is told nothing. `ca`: PEM; Node's own if absent. */
  readonly tls?: { readonly name: string; readonly ca?: readonly string[] };
}

/** Who asks, for PROXY v2. The same object for all questions of a connection saves time. */
export interface ForwardedClient {
  /** The name that was proved; empty for an anonymous client. */
  readonly name: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Of its connection, as `TLSv1.3`, which it is if not said. */
  readonly tlsVersion?: string | undefined;
}

/** Why there is no answer. */
export interface ForwardFailure {
  /** For the operator; names the servers. */
  readonly failure: string;
  /** Nobody answered in time; otherwise everybody said no, or could not be reached. */
  readonly isTimeout: boolean;
  /** Of all servers together. */
  readonly kind: FailureKind;
}

/** Takes what came of a question, once. */
export type ForwardEnd = (outcome: Buffer | ForwardFailure) => void;

/** Gives a question up. */
export type GiveUp = () => void;

/**
 * Reads `127.0.0.1:5300`, and for DNS over TLS `192.0.2.1:853#dns.example`, with or without `tls://` before it. The ports are
 * 53 and 853 where none is written. Throws RangeError with words that follow the quoted text.
 *
 * @param transport of servers without a name
 */
export function forwardServer(text: string, transport: 'udp' | 'tcp'): ForwardServer {
  const isBare = text.includes('#') && !text.startsWith('tls://');
  const { tls, ...server } = parseServer(isBare ? `tls://${text}` : text);
  return tls === undefined ? { ...server, transport } : { ...server, transport: 'tls', tls };
}

/** The server's address in the form of the configuration, with the name that its certificate must have. */
export function labelOf(server: ForwardServer): string {
  return server.tls ? `${formatEndpoint(server)}#${server.tls.name}` : formatEndpoint(server);
}
