/**
 * The way to one server: connections that are opened on demand, proved, kept, used for many requests and closed when they
 * are idle (RFC 7766 section 6.2). A transfer gets a connection of its own while there may be one more.
 *
 * A server that cannot be reached, is not proved, or does not take us is not tried again for a while, which doubles; what
 * is asked meanwhile fails at once and says why.
 *
 * Limitations: one address; no session is resumed.
 */
import { formatEndpoint } from '../config/endpoint.ts';
import { Opcode } from '../dns/constants.ts';
import type { Log } from '../observe/log.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { Backoff } from './backoff.ts';
import { DnsConnection } from './dns-connection.ts';
import { keepServerProved } from './keep-server-proved.ts';
import type { ClientLimits } from './limits.ts';
import { openServer, type OpenedServer, type ServerDial } from './open-server.ts';
import { NoAnswerError, type NoAnswerReason } from './reasons.ts';
import type { ReplyStream } from './reply-stream.ts';
import { checkPolicy } from './server-policy.ts';

export interface ServerLinkOptions extends ServerDial {
  readonly resolver: Resolver;
  readonly limits: ClientLimits;
  /** Numbers from 0 up to but not including 1: Math.random will do. */
  readonly random: () => number;
  readonly log?: Log | undefined;
}

/** How the server is doing, for health and metrics. */
export type LinkState =
  | { readonly kind: 'idle' | 'opening' }
  | { readonly kind: 'up'; readonly proof: string; readonly connections: number }
  | {
      readonly kind: 'down';
      readonly reason: NoAnswerReason;
      readonly detail: string;
      /** Milliseconds since the epoch: when it may be tried again. */
      readonly nextMs: number;
    };

/** Of a server that may be bad, and not only busy or away for a moment. */
const faults: ReadonlySet<NoAnswerReason> = new Set(['refused-by-server', 'connection-lost', 'not-dns']);

export class ServerLink {
  readonly #options: ServerLinkOptions;
  readonly #who: string;
  readonly #backoff: Backoff;
  /** Each with what it was proved by. */
  readonly #connections = new Map<DnsConnection, string>();
  readonly #closing = new AbortController();
  #opening: { readonly connection: Promise<DnsConnection>; readonly giveUp: AbortController } | undefined;
  #waiting = 0;
  #lastError: NoAnswerError | undefined;

  /** Connects to nobody yet. Throws RangeError for a policy that proves nothing. */
  constructor(options: ServerLinkOptions) {
    checkPolicy(options.policy);
    this.#options = options;
    const { endpoint, policy } = options;
    const name = policy.name === undefined ? '' : `#${policy.name.toString()}`;
    this.#who = `server ${formatEndpoint(endpoint)}${name}`;
    this.#backoff = new Backoff(options.limits, options.random);
  }

  get state(): LinkState {
    const [proof] = this.#connections.values();
    if (proof !== undefined) return { kind: 'up', proof, connections: this.#connections.size };
    if (this.#opening !== undefined) return { kind: 'opening' };
    if (this.#lastError === undefined || this.#backoff.failures === 0) return { kind: 'idle' };
    const { reason, detail } = this.#lastError;
    return { kind: 'down', reason, detail, nextMs: this.#backoff.nextMs };
  }

  /** Sends a message and gives the one that answers it, its ID included. Rejects with NoAnswerError. */
  async ask(message: Buffer, signal?: AbortSignal): Promise<Buffer> {
    const connection = await this.#connection(false, signal);
    const { hasAnswered } = connection;
    try {
      return await connection.ask(message, signal);
    } catch (error) {
      // RFC 7766 section 6.2.4: a server may close a connection just when we use it again; then a new one is tried, once.
      const isLost = error instanceof NoAnswerError && error.reason === 'connection-lost';
      if (!isLost || !hasAnswered || !isRepeatable(message)) throw error;
      return (await this.#connection(false, signal)).ask(message, signal);
    }
  }

  /** Sends a message and gives those that answer it, until the caller says `finish`. Rejects with NoAnswerError. */
  async askStream(message: Buffer, signal?: AbortSignal): Promise<ReplyStream> {
    return (await this.#connection(true, signal)).askStream(message, signal);
  }

  /**
   * As if nothing had been tried yet: connections are dropped, and a server that failed may be tried at once. For a machine
   * that has slept or is in another network now. What is under way fails with the reason `closed`, or `given-up` if it waited
   * for a connection.
   */
  reset(why: string): void {
    this.#opening?.giveUp.abort();
    this.#opening = undefined;
    this.#lastError = undefined;
    this.#backoff.noteSuccess();
    for (const connection of [...this.#connections.keys()]) connection.close('closed', why);
  }

  /** Closes every connection; what is under way fails. */
  close(): void {
    this.#closing.abort();
    this.#opening?.giveUp.abort();
    for (const connection of [...this.#connections.keys()]) connection.close();
  }

  /** A connection with room, opened if there is none that suits. */
  async #connection(isStream: boolean, signal: AbortSignal | undefined): Promise<DnsConnection> {
    const known = this.#best(isStream);
    if (known !== undefined && suits(known, isStream)) return known;
    const mayOpen = this.#connections.size < this.#options.limits.connections;
    if (!mayOpen) {
      if (known !== undefined) return known;
      throw this.#failure('too-many-requests');
    }
    try {
      const opened = await this.#wait(this.#open(), signal);
      // Others waited for it too, and may have taken all of its room.
      const best = opened.hasRoom ? opened : this.#best(isStream);
      if (best === undefined) throw this.#failure('too-many-requests');
      return best;
    } catch (error) {
      // A connection that does not suit is better than none.
      if (known?.hasRoom === true && signal?.aborted !== true) return known;
      throw error;
    }
  }

  /** Those that suit first, then those with the least to do. */
  #best(isStream: boolean): DnsConnection | undefined {
    const rank = (connection: DnsConnection): number => (suits(connection, isStream) ? 0 : 1);
    return [...this.#connections.keys()]
      .filter(({ hasRoom }) => hasRoom)
      .sort((a, b) => rank(a) - rank(b) || a.load - b.load)[0];
  }

  /** Opens one at a time; all who need one wait for the same. */
  #open(): Promise<DnsConnection> {
    if (this.#opening !== undefined) return this.#opening.connection;
    if (this.#closing.signal.aborted) return Promise.reject(this.#failure('closed'));
    const waitMs = this.#backoff.nextMs - this.#options.nowMs();
    if (waitMs > 0 && this.#lastError !== undefined) {
      const { reason, detail } = this.#lastError;
      const next = `next try in ${String(Math.ceil(waitMs / 1000))} s`;
      return Promise.reject(this.#failure(reason, detail === '' ? next : `${detail}; ${next}`));
    }
    const giveUp = new AbortController();
    const connection = this.#openNow(giveUp.signal).finally(() => {
      // After a reset there may be another one.
      if (this.#opening?.giveUp === giveUp) this.#opening = undefined;
    });
    this.#opening = { connection, giveUp };
    return connection;
  }

  async #openNow(signal: AbortSignal): Promise<DnsConnection> {
    const { resolver, limits } = this.#options;
    const opening = openServer(this.#options, resolver, limits['connect-time'], signal);
    // A lookup cannot be given up; nobody waits for its end.
    const opened = await untilAborted(opening, signal);
    if (opened === undefined || signal.aborted) {
      opening.then(({ socket }) => socket?.destroy()).catch(() => undefined);
      throw this.#failure(this.#closing.signal.aborted ? 'closed' : 'given-up');
    }
    if (opened.socket === undefined) {
      const error = this.#failure(opened.reason, opened.detail);
      this.#noteFailure(error);
      throw error;
    }
    return this.#keep(opened);
  }

  #keep(opened: Extract<OpenedServer, { readonly shown: object; readonly verdict: object }>): DnsConnection {
    const { policy, endpoint, resolver, limits, nowMs, log } = this.#options;
    const { socket, shown, verdict, asked } = opened;
    const connection = new DnsConnection({
      socket,
      who: this.#who,
      limits,
      onAnswered: () => {
        this.#backoff.noteSuccess();
      },
      onClosed: (why) => {
        stop();
        this.#connections.delete(connection);
        log?.debug('server connection closed', { server: this.#who, reason: why.reason, detail: why.detail });
        if (why.reason.startsWith('server-')) this.#noteFailure(why);
        else if (!connection.hasAnswered && faults.has(why.reason)) this.#noteFailure(why);
      },
    });
    const stop = keepServerProved({
      ...{ policy, port: endpoint.port, shown, endsMs: verdict.endsMs, resolver, limits, nowMs },
      onLost: ({ reason, detail }) => {
        connection.close(reason, detail);
      },
    });
    this.#connections.set(connection, verdict.proof);
    const asks = { asksForCertificate: asked.certificate, asksForName: asked.name };
    log?.info('server connected', { server: this.#who, proof: verdict.proof, ...asks });
    return connection;
  }

  #noteFailure(error: NoAnswerError): void {
    if (error.reason === 'given-up') return;
    const { log, nowMs } = this.#options;
    this.#lastError = error;
    this.#backoff.noteFailure(nowMs());
    const waitMs = Math.round(this.#backoff.nextMs - nowMs());
    const { reason, detail } = error;
    log?.warn('server not usable', { server: this.#who, reason, detail, nextTryMs: waitMs });
  }

  /** The promise, but not for longer than the signal says, nor with too many others. */
  async #wait<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const isCrowded = this.#waiting >= this.#options.limits['waiting-requests'];
    if (isCrowded || signal?.aborted === true) {
      promise.catch(() => undefined);
      throw this.#failure(isCrowded ? 'too-many-requests' : 'given-up');
    }
    this.#waiting += 1;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      reject(this.#failure('given-up'));
    };
    signal?.addEventListener('abort', onAbort);
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      this.#waiting -= 1;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #failure(reason: NoAnswerReason, detail = ''): NoAnswerError {
    return new NoAnswerError(this.#who, reason, detail);
  }
}

/** Undefined if the signal comes first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
    promise.then(resolve, reject);
  });
}

/** RFC 7766 section 6.2.2: a transfer keeps others waiting, and they it. */
function suits(connection: DnsConnection, isStream: boolean): boolean {
  return isStream ? connection.load === 0 : !connection.hasStream;
}

/** Messages that may be said twice: a dynamic update may not (RFC 2136). */
function isRepeatable(message: Buffer): boolean {
  const opcode = (message.readUInt8(2) >> 3) & 15;
  return opcode === Opcode.QUERY || opcode === Opcode.NOTIFY;
}
