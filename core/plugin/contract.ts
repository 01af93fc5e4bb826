/**
 * The plugin contract: one page, types only.
 *
 * A plugin is a value. The host gives an instance everything it may use, already labelled with the plugin's name;
 * there is no registry and no global, and no plugin knows another. The life of an instance:
 *
 *     setup(host, config) → start() → ready()? … reload(config)? … → stop(deadlineMs)
 *
 * A gate's handler gets one framed request and the connection's identity, if it has one, and gives back data: one message,
 * or a stream of messages. It never touches the socket, so it cannot leak, block or outrun it. An agent's end is the other
 * way round: it gives messages to a link, which sends them to a proved server under our identity, and gets the answers.
 */
import type { Charger, Grant } from '../acl/grants.ts';
import type { AccessRequest, Allowance, Decision } from '../acl/model.ts';
import type { ClientLimits } from '../client/limits.ts';
import type { ServerLink } from '../client/server-link.ts';
import type { ServerPolicy } from '../client/server-policy.ts';
import type { ClaimSource } from '../dane/claims.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import type { Endpoint } from '../config/endpoint.ts';
import type { ConfigSchema } from '../config/schema.ts';
import type { PlainHandler } from '../do53/handler.ts';
import type { Do53Limits } from '../do53/limits.ts';
import type { Name } from '../dns/name.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { ConnectionLimits } from '../server/limits.ts';
import type { Dialect } from '../tls/client-id.ts';

/** What `use:` in the configuration names. */
export interface Plugin<C> {
  /** The word after `use:`, as "xot/gate". */
  readonly name: string;
  /** Checks the plugin's part of the configuration and gives the typed form of it. */
  readonly schema: ConfigSchema<C>;
  /** Whether it serves by the access list, which must be there then; true if not said. */
  readonly needsAccess?: boolean;
  /** Where an instance will listen and whom it will ask, so that `danced check` can try them beforehand. */
  endpoints(config: C): PluginEndpoints;
  /** What a gate gives a client, for the operator who asks (`danced verify`). Pure. */
  explain?(config: C, client: JudgedClient): Explanation;
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

/** A client as the access list judges it, at one moment. */
export interface JudgedClient {
  /** Undefined: it is not known, and judged as an anonymous client. */
  readonly name: Name | undefined;
  decide(request: AccessRequest): Decision;
  /** The same for clients that are not known. */
  decideAnonymous(request: AccessRequest): Decision;
}

export interface Explanation {
  /** Whether it gets anything at all. */
  readonly ok: boolean;
  /** At least one line; the first is the gist. */
  readonly words: readonly string[];
}

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
  /**
   * Opens TLS listeners whose connections reach the handler with a proved identity; without one only where `onFailure` of
   * the listener is `anonymous`.
   */
  listen(options: GateOptions, handler: RequestHandler): Gate;
  /**
   * The way to one server, which is proved before anything is sent, and sees our certificate and name when it asks. Connects
   * to nobody yet. Throws RangeError for a policy that proves nothing.
   */
  connect(options: LinkOptions): ServerLink;
  /**
   * Listeners of plain DNS, by UDP and TCP, for programs on the same machine; where our starter (systemd) has opened sockets
   * for such an address, on those.
   */
  listenPlain(options: PlainOptions, handler: PlainHandler): PlainListener;
  /** The same for requests that are answered by one message each, the quick way. */
  answer(options: GateOptions, begin: (connection: AnswerConnection) => AnswerHandler): Gate;
  readonly access: PluginAccess;
  /** Buckets that the plugin may name as it likes; gates and processes that share a ledger share them. */
  readonly allowances: Allowances;
  /** The resolver of the configuration: for addresses of names, among others. */
  readonly resolver: Resolver;
  /** The absolute path of a file that the configuration names. */
  absolutePath(file: string): string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** The access list, as a plugin asks it. */
export interface PluginAccess {
  /**
   * Whether the sender of a request may have what it asks for; a "yes" has been charged to the limits of the rule that says it.
   * Release the grant when the request is done, however it ends.
   */
  ask(from: Pick<GateRequest, 'client' | 'connection'>, request: AccessRequest): Promise<Grant>;
  /**
   * The decision alone, which is charged to nobody: for who asks once for many requests. It counts for a moment only, since
   * the list may change. Charge each request to `charger`.
   */
  decide(from: Pick<GateRequest, 'client' | 'connection'>, request: AccessRequest): Promise<Decision>;
  /** Charges requests to the limits of the rule that allows them; undefined where it has none. */
  charger(client: ClientIdentity | undefined, decision: Decision): Charger | undefined;
}

/** How often something may happen, in all. */
export interface Allowances {
  /** The bucket of this name. To find it by its name takes longer than to use it: keep it, for as long as it is used. */
  bucket(key: string): AllowanceBucket;
}

/** One of them. */
export interface AllowanceBucket {
  /** Spends one if there is one; says whether. */
  take(allowance: Allowance): boolean;
}

/** Whom a link leads to. */
export interface LinkOptions {
  readonly endpoint: Endpoint;
  /** Who it must be, and by what it proves that. */
  readonly policy: ServerPolicy;
  /** What is spoken over TLS (RFC 7301); the server must take it. */
  readonly alpn: string;
  readonly limits: ClientLimits;
}

export interface PlainOptions {
  /** Not those for all addresses of a machine; they are refused when it opens. */
  readonly addresses: readonly Endpoint[];
  readonly limits: Do53Limits;
}

/** The plain DNS end of an agent, as a plugin holds it. */
export interface PlainListener {
  /** Resolves when every address listens; rejects with the first that cannot. */
  open(): Promise<readonly Endpoint[]>;
  setLimits(limits: Do53Limits): void;
  /** Takes no new request, lets replies under way leave, then closes; at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

export interface GateOptions {
  readonly addresses: readonly Endpoint[];
  readonly limits: ConnectionLimits;
  readonly tls: ListenerTls;
  /**
   * Whether log and events say who a served client is: `hidden` leaves out names, addresses and keys of connections that were
   * served. What was refused is told in full: nobody of the community is among it, or somebody who needs help.
   */
  readonly whoIsServed?: 'told' | 'hidden';
  /**
   * Asked when somebody comes from an address where nobody was identified of late: how many of those may shake hands in a
   * second as things are now. Without effect above `handshakes-per-second`. For a plugin whose strangers are to leave a
   * processor that is short of time to those who are known.
   */
  readonly strangersPerSecond?: () => number;
}

/**
 * How a listener speaks TLS and takes names. What needs the TLS addon where it is missing: a list of `claims` goes on without
 * the extension if something is left of it, raw public keys are not taken, and the rest throws when the listener is made.
 */
export interface ListenerTls {
  /** Where clients' names are taken from, at least one; a name that the client says by the extension decides. */
  readonly claims: readonly ClaimSource[];
  /** What a client gets that is not identified: the alert handshake_failure, or service as an anonymous client. */
  readonly onFailure: OnFailure;
  readonly dialect: Dialect;
  /** Whether clients may show a raw public key (RFC 7250); without effect where the extension is no source of names. */
  readonly rawPublicKeys: boolean;
  /** Octets to a multiple of which TLS records are padded; 0: not. */
  readonly recordPadding: number;
  /** TLS 1.2 as well, where the client's name is in the clear; only with `draft-09`, and never for RFC 9103. */
  readonly allowsTls12?: boolean;
}
export type OnFailure = 'alert' | 'anonymous';

/** The TLS server end, as a plugin holds it. */
export interface Gate {
  /** Resolves when every address listens; rejects with the first that cannot. */
  open(): Promise<readonly Endpoint[]>;
  setLimits(limits: ConnectionLimits): void;
  /**
   * For connections that are to come; those of clients that are not identified end where `onFailure` lets none in any more. Throws
   * where the addon is missed, and then nothing changes.
   */
  setTls(tls: ListenerTls): void;
  /** Stops listening, lets replies under way finish, then closes; at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/** A connection that has arrived, and whose requests are answered by one message each. */
export interface AnswerConnection {
  /** For logs: number of the connection in this process, and the peer's address. */
  readonly id: number;
  readonly remote: string;
  /**
   * Who the client is, by the newest proof; undefined for an anonymous one. Ask it for each decision, and again before a reply
   * that took time: where anonymous clients are let in (`onFailure`), a client whose proof has run out is one of them from then
   * on, and what was allowed to it before is not meant for it any more. It is known again when its proof can be made again.
   */
  readonly client: () => ClientIdentity | undefined;
  /** Both ends of the connection, and the version of TLS between them, as `TLSv1.3`. */
  readonly ends: () => {
    readonly remote: Endpoint;
    readonly local: Endpoint;
    readonly tlsVersion?: string | undefined;
  };
  /** Milliseconds of idle time that the gate grants (RFC 7828). */
  readonly idleTimeMs: number;
  /** Whether a reply would still be sent. */
  readonly isOpen: boolean;
  /**
   * Ends one request by a reply of so many octets: gives where in `room` it is to be written, now and at once. It is sent with
   * all others of this turn of the event loop.
   */
  reply(octets: number): number;
  /** Where replies are written; look at it after each `reply`. */
  readonly room: Buffer;
  /** Ends one request without a reply. */
  noReply(): void;
  /**
   * From now on nothing is read, and nothing begun of what was read, until `release`; replies leave as ever. The client is not
   * taken for idle or slow meanwhile. To be called again, or in the middle of `request`, does no harm.
   */
  hold(): void;
  /** Ends `hold`; what waited is begun in a later turn of the event loop. */
  release(): void;
}

/** Answers the requests of one connection: each by `reply` or `noReply` of the connection, once, now or later. */
export interface AnswerHandler {
  /**
   * A request stands in `octets` from `start` to `end`, at least a whole header, otherwise unchecked. The octets are lent for
   * as long as this call lasts. Must not throw for anything that a client can send.
   */
  request(octets: Buffer, start: number, end: number): void;
  /** The connection is gone. */
  end(): void;
}

/** One DNS message of a client. */
export interface GateRequest {
  /** The message as it came, without its length prefix; at least a whole header, otherwise unchecked. */
  readonly octets: Buffer;
  /** Undefined: an anonymous client, to be told no unless something is meant for everybody. */
  readonly client: ClientIdentity | undefined;
  /** For logs: number of the connection in this process, and the peer's address. */
  readonly connection: { readonly id: number; readonly remote: string };
  /** Milliseconds of idle time that the gate grants (RFC 7828), for the reply's keepalive option. */
  readonly idleTimeMs: number;
  /** Aborted when the connection is gone or must end: stop working for it. */
  readonly signal: AbortSignal;
}

/**
 * The reply: one message, a stream of messages, or undefined for a request that is answered by silence. A stream gives batches
 * of those that were ready together. A stream that throws closes the connection, so that no half reply looks whole.
 */
export type GateReply = Buffer | AsyncIterable<ReplyBatch> | undefined;
/**
 * Messages, each of which leaves in a TLS record of its own; or, in one buffer, messages each with its two octets of length before
 * it, which leave as they are. Give the last message of a transfer a batch of its own, since NSD as a secondary overlooks what
 * shares a record with the message before it. The buffer may be written to again when the stream is asked for its next batch.
 */
export type ReplyBatch = readonly Buffer[] | Buffer;
export type RequestHandler = (request: GateRequest) => Promise<GateReply>;
