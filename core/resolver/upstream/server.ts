/**
 * A resolver that is asked, and the words for it.
 */
import { formatEndpoint, type Endpoint } from '../../config/endpoint.ts';
import type { Message } from '../../dns/message.ts';

/** Where to ask, and how: DNS over TLS with `tls`, otherwise UDP and TCP. */
export interface UpstreamServer extends Endpoint {
  readonly tls?: UpstreamTls;
}

/** What makes DNS over TLS strict (RFC 8310 section 5): there is no fallback to anything weaker. */
export interface UpstreamTls {
  /** Authentication domain name, without trailing dot: the certificate must have it among its subjectAltNames. */
  readonly name: string;
  /** PEM of the CAs that may vouch for it; those that came with Node if absent. */
  readonly ca?: readonly string[];
}

/** Why there is no answer, with the server's address, for the operator. */
export interface ExchangeFailure {
  readonly failure: string;
}

/** Takes what came of a question: called once and later, or never if the question was given up. */
export type End = (outcome: Message | ExchangeFailure) => void;
/** Gives a question up. */
export type GiveUp = () => void;

/** The server, as logs and errors call it. */
export function describeServer(server: UpstreamServer): string {
  return `resolver ${labelOf(server)}`;
}

/** The server's address in the form of the configuration, with the name that its certificate must have. */
export function labelOf(server: UpstreamServer): string {
  return server.tls ? `${formatEndpoint(server)}#${server.tls.name}` : formatEndpoint(server);
}
