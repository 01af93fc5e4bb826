/**
 * The plugin contract: one page, types only.
 *
 * A plugin is a value. The host gives an instance everything it may use, already labelled with the plugin's name;
 * there is no registry and no global, and no plugin knows another. The life of an instance:
 *
 *     setup(host, config) → start() → ready()? … reload(config)? … → stop(deadlineMs)
 *
 * A gate's handler gets one framed request and the connection's identity, and gives back data: one message, or a
 * stream of messages. It never touches the socket, so it cannot leak, block or outrun it.
 *
 * Limitations: agents (the TLS client end) have no dialer in the host yet.
 */
import type { AccessControl } from '../acl/access-control.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import type { Endpoint } from '../config/endpoint.ts';
import type { ConfigSchema } from '../config/schema.ts';
import type { Name } from '../dns/name.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ConnectionLimits } from '../server/limits.ts';

/** What `use:` in the configuration names. */
export interface Plugin<C> {
  /** The word after `use:`, as "xot/gate". */
  readonly name: string;
  /** Checks the plugin's part of the configuration and gives the typed form of it. */
  readonly schema: ConfigSchema<C>;
  /** Where an instance will listen and whom it will ask, so that `danced check` can try them beforehand. */
  endpoints(config: C): PluginEndpoints;
  /** Makes an instance; must not open anything yet. */
  setup(host: PluginHost, config: C): PluginInstance<C>;
}

/** Addresses of an instance; each `path` is the place in the plugin's configuration that a finding is about. */
export interface PluginEndpoints {
  readonly listens: readonly { readonly at: Endpoint; readonly path: ConfigPath }[];
  readonly upstreams: readonly {
    readonly at: Endpoint;
    readonly path: ConfigPath;
    readonly zones: readonly Name[];
  }[];
}
type ConfigPath = readonly (string | number)[];

/** One running use of a plugin. */
export interface PluginInstance<C> {
  /** Opens what it needs; rejects with words for the operator when it cannot. */
  start(): Promise<void>;
  /** Whether it can serve now, and what it waits for if not. */
  ready(): Readiness;
  /** Takes a new configuration, for new requests and connections. It listens where the old one does. */
  reload(config: C): void;
  /** Takes no new work, ends what is under way, and is closed after at most `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
}

/** Everything that an instance may use. */
export interface PluginHost {
  /** Opens TLS listeners whose connections reach the handler only with a proved identity. */
  listen(options: GateOptions, handler: RequestHandler): Gate;
  readonly access: AccessControl;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

export interface GateOptions {
  readonly addresses: readonly Endpoint[];
  readonly limits: ConnectionLimits;
}

/** The TLS server end, as a plugin holds it. */
export interface Gate {
  /** Resolves when every address listens; rejects with the first that cannot. */
  open(): Promise<readonly Endpoint[]>;
  setLimits(limits: ConnectionLimits): void;
  /** Stops listening, lets replies under way finish, then closes; at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/** One DNS message from an identified client. */
export interface GateRequest {
  /** The message as it came, without its length prefix; at least a whole header, otherwise unchecked. */
  readonly octets: Buffer;
  readonly client: ClientIdentity;
  /** For logs: number of the connection in this process, and the peer's address. */
  readonly connection: { readonly id: number; readonly remote: string };
  /** Milliseconds of idle time that the gate grants (RFC 7828), for the reply's keepalive option. */
  readonly idleTimeMs: number;
  /** Aborted when the connection is gone or must end: stop working for it. */
  readonly signal: AbortSignal;
}

/**
 * The reply: one message, a stream of messages (batches of those that were ready together), or undefined for a request
 * that is answered by silence. A stream that throws closes the connection, so that no half reply looks whole.
 */
export type GateReply = Buffer | AsyncIterable<readonly Buffer[]> | undefined;
export type RequestHandler = (request: GateRequest) => Promise<GateReply>;
