/**
 * One connection to a proved server, for many requests at once (RFC 7766 section 6.2.1.1, RFC 7858 section 3.3). Messages
 * are octets, forwarded as they are but for their IDs, which are the connection's own on the way.
 *
 * Answers may come in any order; each is matched by its ID and its question. Requests of one turn of the event loop leave
 * in one TLS record.
 *
 * Limitations: edns-tcp-keepalive (RFC 7828) is heeded where the server says it, and not asked for; it concerns this
 * connection only, so who forwards an answer must take it out. Requests are not padded.
 */
import type { Duplex } from 'node:stream';
import { EdnsOptionCode, RrType } from '../dns/constants.ts';
import { findOption, parseKeepalive, parseOpt } from '../dns/edns.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { frame, FrameReader } from '../dns/framing.ts';
import { MessageWalker } from '../dns/walker.ts';
import { alertOf, tlsErrorWords } from '../tls/dial.ts';
import type { ClientLimits } from './limits.ts';
import { PendingRequests } from './pending.ts';
import { NoAnswerError, type NoAnswerReason } from './reasons.ts';
import { ReplyStream } from './reply-stream.ts';
import { Request, type RequestHandlers, type RequestHost } from './request.ts';

export type ConnectionLimits = Pick<
  ClientLimits,
  'requests-at-once' | 'answer-time' | 'idle-time' | 'close-time' | 'stream-octets' | 'stray-messages'
>;

export interface DnsConnectionOptions {
  /** Connected and proved. */
  readonly socket: Duplex;
  /** The server, as errors call it. */
  readonly who: string;
  readonly limits: ConnectionLimits;
  /** Called when the server has answered for the first time: it lets us in. */
  readonly onAnswered?: () => void;
  /** Called once, when it is closed. */
  readonly onClosed?: (why: NoAnswerError) => void;
}

export class DnsConnection {
  readonly #options: DnsConnectionOptions;
  readonly #socket: Duplex;
  readonly #limits: ConnectionLimits;
  readonly #reader = new FrameReader();
  readonly #pending = new PendingRequests();
  readonly #host: RequestHost;
  #idleTimer: NodeJS.Timeout | undefined;
  #idleMs: number;
  /** Streams that have as much as they may keep. */
  #full = 0;
  #isRetired = false;
  /** Requests of this turn of the event loop. */
  #outgoing: Buffer[] = [];
  #error: NoAnswerError | undefined;
  #heard = 0;
  #strays = 0;

  constructor(options: DnsConnectionOptions) {
    const { socket, limits } = options;
    this.#options = options;
    this.#limits = limits;
    this.#idleMs = limits['idle-time'];
    this.#socket = socket;
    this.#host = {
      answerTimeMs: limits['answer-time'],
      failure: (reason) => this.#failure(reason),
      heard: () => this.#heard,
      isHeld: () => this.#full > 0,
      free: (request) => {
        this.#pending.remove(request);
        this.#rest();
      },
      orphaned: (request, isSilent) => {
        this.#pending.orphan(request);
        const isSpent = this.#pending.orphans >= limits['requests-at-once'] * mostOrphaned;
        // The rest of a transfer would come for nobody; and where nothing at all comes, the next one would wait in vain.
        if (request.isStream || isSilent || isSpent) this.#retire();
        else this.#rest();
      },
    };
    socket.on('error', (error) => {
      // An alert does not end the stream by itself.
      this.#onClose(error);
      socket.destroy();
    });
    for (const event of ['end', 'close']) {
      socket.once(event, () => {
        this.#onClose();
        socket.end();
      });
    }
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    if (socket.destroyed) process.nextTick(() => this.#onClose());
    this.#rest();
  }

  /** Whether it takes requests. */
  get isOpen(): boolean {
    return !this.#isRetired && this.#error === undefined;
  }

  /** Whether it takes another request now. */
  get hasRoom(): boolean {
    return this.isOpen && this.#pending.size < this.#limits['requests-at-once'];
  }

  /** Requests under way, those given up but not yet answered included. */
  get load(): number {
    return this.#pending.size;
  }

  get hasStream(): boolean {
    return this.#pending.streams > 0;
  }

  /** Whether the server has answered anything: only then is it known that it took us as a client. */
  get hasAnswered(): boolean {
    return this.#heard > 0;
  }

  /**
   * Sends a message and gives the one that answers it. Rejects with NoAnswerError.
   *
   * @param message without its length; its ID may be any, and the answer has the same
   */
  ask(message: Buffer, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const onMessage = (reply: Buffer): void => {
        this.#heedKeepalive(reply);
        resolve(reply);
      };
      this.#begin(message, false, { onMessage, onFailure: reject }, signal);
    });
  }

  /** Sends a message and gives those that answer it, until the caller says that it has them all. Throws NoAnswerError. */
  askStream(message: Buffer, signal?: AbortSignal): ReplyStream {
    let failure: Error | undefined;
    const stream = new ReplyStream(this.#limits['stream-octets'], {
      finish: () => request?.finish(),
      abandon: () => request?.abandon(),
      hold: (isFull) => {
        this.#hold(isFull);
      },
    });
    const handlers = {
      onMessage: (reply: Buffer): void => {
        stream.take(reply);
      },
      onFailure: (error: Error): void => {
        failure = error;
        stream.fail(error);
      },
    };
    const request = this.#begin(message, true, handlers, signal);
    if (failure !== undefined) throw failure;
    return stream;
  }

  /** Closes now; what is under way fails. */
  close(reason: NoAnswerReason = 'closed', detail = ''): void {
    if (this.#error !== undefined) return;
    this.#end(reason, detail);
    this.#socket.end();
    // What still comes is thrown away; unread octets would turn the close into a reset.
    this.#socket.resume();
    // The server may be slow to close its end; we do not wait for ever.
    const drop = setTimeout(() => this.#socket.destroy(), this.#limits['close-time']);
    this.#socket.once('close', () => {
      clearTimeout(drop);
    });
  }

  #begin(
    message: Buffer,
    isStream: boolean,
    handlers: RequestHandlers,
    signal: AbortSignal | undefined,
  ): Request | undefined {
    const refusal = this.#refusal(signal);
    if (refusal !== undefined) {
      handlers.onFailure(refusal);
      return undefined;
    }
    clearTimeout(this.#idleTimer);
    const request = new Request(message, isStream, handlers, this.#host, signal);
    this.#pending.add(request);
    this.#send(message, request.id);
    return request;
  }

  #refusal(signal: AbortSignal | undefined): Error | undefined {
    if (this.#error !== undefined) return this.#error;
    if (signal?.aborted === true) return this.#failure('given-up');
    if (this.#isRetired) return this.#failure('closed');
    return this.hasRoom ? undefined : this.#failure('too-many-requests');
  }

  #send(message: Buffer, id: number): void {
    // RFC 7766 section 8: length and message in one write.
    const framed = frame(message);
    framed.writeUInt16BE(id, 2);
    this.#outgoing.push(framed);
    if (this.#outgoing.length > 1) return;
    process.nextTick(() => {
      const together = Buffer.concat(this.#outgoing);
      this.#outgoing = [];
      if (this.#error === undefined) this.#socket.write(together);
    });
  }

  #read(chunk: Buffer): void {
    if (this.#error !== undefined) return;
    let messages: readonly Buffer[];
    try {
      messages = this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.close('not-dns', error.message);
      return;
    }
    for (const message of messages) {
      const request = this.#pending.answeredBy(message);
      if (request === undefined) this.#strays += 1;
      else {
        this.#heard += 1;
        if (this.#heard === 1) this.#options.onAnswered?.();
        request.take(message);
      }
    }
    if (this.#strays > this.#limits['stray-messages']) this.close('not-dns', 'messages that answer nothing');
  }

  /** RFC 7828 section 3.2.2: the server's idle time, which we keep below; 0: it wants no more requests. */
  #heedKeepalive(reply: Buffer): void {
    const timeoutMs = keepaliveIn(reply);
    if (timeoutMs === undefined) return;
    this.#idleMs = Math.min(this.#limits['idle-time'], timeoutMs * beforeTimeout);
    if (timeoutMs === 0) this.#retire();
    else this.#rest();
  }

  #hold(isFull: boolean): void {
    this.#full += isFull ? 1 : -1;
    if (this.#error !== undefined) return;
    if (this.#full > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Takes no more requests, and closes when nobody waits for an answer. */
  #retire(): void {
    this.#isRetired = true;
    this.#rest();
  }

  /** Closes if there will be no more requests, and after a while without one that somebody waits for. */
  #rest(): void {
    clearTimeout(this.#idleTimer);
    if (this.#error !== undefined || this.#pending.size > this.#pending.orphans) return;
    if (this.#isRetired) {
      this.close();
    } else {
      this.#idleTimer = setTimeout(() => {
        this.close('closed', 'it was idle');
      }, this.#idleMs);
    }
  }

  #onClose(error?: Error): void {
    const alert = error && alertOf(error);
    if (alert !== undefined) this.#end('refused-by-server', alert);
    else this.#end('connection-lost', error ? tlsErrorWords(error) : '');
  }

  #end(reason: NoAnswerReason, detail: string): void {
    if (this.#error !== undefined) return;
    this.#error = this.#failure(reason, detail);
    clearTimeout(this.#idleTimer);
    for (const request of this.#pending.all()) request.fail(this.#error);
    this.#options.onClosed?.(this.#error);
  }

  #failure(reason: NoAnswerReason, detail = ''): NoAnswerError {
    return new NoAnswerError(this.#options.who, reason, detail);
  }
}

/**
 * Part of its places that requests may take which were given up and never answered: a server that drops requests must not
 * leave us with a connection that is open and takes none. The next connection has all of them again.
 */
const mostOrphaned = 0.5;

/** We close well before the server does, so that no request of ours meets its close (RFC 7828 section 3.2.2). */
const beforeTimeout = 0.8;

function keepaliveIn(reply: Buffer): number | undefined {
  try {
    const walker = new MessageWalker(reply);
    if (walker.additionalCount === 0) return undefined;
    while (walker.next()) {
      if (walker.type !== RrType.OPT) continue;
      const edns = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
      const option = findOption(edns, EdnsOptionCode.TCP_KEEPALIVE);
      return option && parseKeepalive(option).timeoutMs;
    }
    return undefined;
  } catch (error) {
    // A malformed answer is for the one who asked.
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
