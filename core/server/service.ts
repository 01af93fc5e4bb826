/**
 * What stands behind a listener: types only.
 *
 * Limits, TLS, claims, proof, log and metrics are the listener's (gate.ts, connection.ts, arrival.ts). What is done with a
 * connection whose client is known, or known to be anonymous, is the service's: DNS requests (dns-service.ts), or the server
 * of an application.
 */
import type { TLSSocket } from 'node:tls';
import type { ClientIdentity } from '../dane/identity.ts';
import type { ConnectionLimits } from './limits.ts';

/** How a connection came to its end; feeds log and metrics. */
export type ConnectionEnd =
  | 'client-closed'
  | 'idle'
  | 'request-too-slow'
  | 'bad-framing'
  | 'client-does-not-read'
  | 'proof-gone'
  | 'not-admitted'
  | 'anonymous-refused'
  | 'reply-broken'
  | 'gate-closing'
  | 'tls-error';

/** Serves connections that have arrived. */
export interface ConnectionService {
  /** What is spoken, as ALPN names it (RFC 7301); a client that offers none of these is refused. */
  readonly alpnProtocols: readonly string[];
  /** Whether a client that offers nothing by ALPN is taken too; not if not said. */
  readonly isAlpnOptional?: boolean;
  /** Takes a connection over. Must not throw for anything that a client can do. */
  serve(connection: ArrivedConnection): ServedConnection;
}

/** A connection after handshake and proof; nothing has been read from it. */
export interface ArrivedConnection {
  /** Number of the connection in this process. */
  readonly id: number;
  /** The client's address and port, for logs. */
  readonly remote: string;
  readonly socket: TLSSocket;
  /**
   * Who the client is, by the newest proof; undefined for an anonymous client. Ask it for each decision: at a listener that
   * lets anonymous clients in, one that was known may become anonymous, and known again.
   */
  readonly client: () => ClientIdentity | undefined;
  readonly limits: () => ConnectionLimits;
  /** An error that is nobody's but ours, for the log. */
  readonly onDefect: (error: unknown) => void;
}

/** A connection in service. */
export interface ServedConnection {
  /** Resolves when the socket is closed, never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  readonly requests: number;
  readonly octetsIn: number;
  readonly octetsOut: number;
  /** More about the end, for the log; empty for nothing. */
  readonly detail: string;
  /** Ends the connection at once; `ended` gives the first reason that was said. */
  stop(why: ConnectionEnd, detail?: string): void;
  /**
   * Whether the connection may go on when its client, whose identity is gone, is anonymous: not as long as something is under
   * way under that identity which would be finished. Without it, no connection may.
   */
  canGoOn?(): boolean;
  /** Takes nothing new, and ends the connection when what is under way is done. */
  drain(): void;
  /** After the end: resolves when nothing is done for this connection any more; within a bounded time. */
  quiet(): Promise<void>;
}
