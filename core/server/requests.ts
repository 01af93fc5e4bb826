/**
 * The life of a connection that has arrived: requests in, replies out, in any order (RFC 7766 sections 6.2.1 and 7).
 *
 * Bounds: size of a request, time for a whole one, idle time (only a whole message resets it, RFC 7766 section
 * 6.2.3), requests under way; beyond those nothing is read, so TCP holds the client back.
 */
import type { Duplex } from 'node:stream';
import { DnsFormatError } from '../dns/errors.ts';
import { FrameReader } from '../dns/framing.ts';
import type { GateReply } from '../plugin/contract.ts';
import type { ConnectionLimits } from './limits.ts';
import { ConnectionGone, ReplyWriter } from './reply-writer.ts';
import type { ConnectionEnd, ServedConnection } from './service.ts';

export interface RequestLoopOptions {
  /** The decrypted side of the connection. */
  readonly socket: Duplex;
  readonly limits: () => ConnectionLimits;
  /** Handles one request; what it throws is a defect of ours and closes the connection. */
  readonly handle: (octets: Buffer, signal: AbortSignal) => Promise<GateReply>;
  readonly onDefect: (error: unknown) => void;
}

/** Milliseconds that a client gets to answer our close before the connection is destroyed. */
const closeTimeMs = 2_000;
/** Milliseconds that a handler gets to stop when its connection is gone; one that does not is not waited for. */
const quietTimeMs = 1_000;
/** Why the handlers' signal is aborted. One for all: to make one with its stack for each connection costs time. */
const gone = new ConnectionGone('the connection is closed');

/** One connection's requests. `ended` resolves when the socket is closed. */
export class RequestLoop implements ServedConnection {
  requests = 0;
  octetsIn = 0;
  /** More about the end, for the log. */
  detail = '';
  readonly ended: Promise<ConnectionEnd>;
  readonly #options: RequestLoopOptions;
  readonly #reader: FrameReader;
  readonly #writer: ReplyWriter;
  readonly #abort = new AbortController();
  readonly #waiting: Buffer[] = [];
  #underWay = 0;
  #onQuiet: (() => void) | undefined;
  #end: ConnectionEnd | undefined;
  #closing = false;
  #idle: NodeJS.Timeout | undefined;
  #slow: NodeJS.Timeout | undefined;

  constructor(options: RequestLoopOptions) {
    this.#options = options;
    const { socket, limits } = options;
    this.#reader = new FrameReader(limits()['request-octets']);
    this.#writer = new ReplyWriter(
      socket,
      () => limits()['write-time'],
      () => {
        this.stop('client-does-not-read');
      },
    );
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#clearTimers();
        this.#abort.abort(gone);
        resolve(this.#end ?? 'client-closed');
      });
    });
    socket.on('error', () => {
      this.#end ??= 'tls-error';
    });
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    this.#startIdle();
  }

  get octetsOut(): number {
    return this.#writer.octets;
  }

  /** Ends the connection at once; replies under way are cut. */
  stop(why: ConnectionEnd, detail?: string): void {
    if (detail !== undefined) this.detail = detail;
    this.#end ??= why;
    this.#options.socket.destroy();
  }

  /** What is under way was allowed to somebody: a transfer cannot be taken back without closing. */
  canGoOn(): boolean {
    return this.#underWay === 0;
  }

  /** Takes no new request and closes when the replies under way are written. */
  drain(): void {
    this.#closing = true;
    this.#waiting.length = 0;
    this.#end ??= 'gate-closing';
    // A request that is not whole will not be read on, so its clock must not cut the replies under way.
    this.#clearTimers();
    if (this.#underWay === 0) this.#close();
  }

  /** After the end: resolves when the replies that it cut have heard of it and said their last words in the log. */
  async quiet(): Promise<void> {
    if (this.#underWay === 0) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const settle = (): void => {
      resolve(undefined);
    };
    this.#onQuiet = settle;
    const timer = setTimeout(settle, quietTimeMs);
    await promise;
    clearTimeout(timer);
  }

  #read(chunk: Buffer): void {
    this.octetsIn += chunk.length;
    if (this.#closing || this.#end !== undefined) return;
    let complete: Buffer[];
    try {
      complete = this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.stop('bad-framing', error.message);
      return;
    }
    this.#waiting.push(...complete);
    this.#watchSlowness(complete.length > 0);
    this.#startWaiting();
  }

  /** A partial message starts the clock; further octets of it do not restart it. */
  #watchSlowness(newMessages = false): void {
    if (this.#reader.pendingOctets === 0 || newMessages) {
      clearTimeout(this.#slow);
      this.#slow = undefined;
    }
    if (this.#reader.pendingOctets > 0) {
      this.#slow ??= setTimeout(() => {
        this.stop('request-too-slow');
      }, this.#options.limits()['message-time']);
    }
  }

  #startWaiting(): void {
    const { socket, limits } = this.#options;
    const atOnce = limits()['requests-at-once'];
    while (this.#underWay < atOnce) {
      const octets = this.#waiting.shift();
      if (!octets) break;
      void this.#serve(octets);
    }
    if (this.#waiting.length > 0) {
      socket.pause();
      // Now we are the slow ones.
      clearTimeout(this.#slow);
      this.#slow = undefined;
    } else if (socket.isPaused()) {
      socket.resume();
      this.#watchSlowness();
    }
  }

  async #serve(octets: Buffer): Promise<void> {
    this.requests++;
    this.#underWay++;
    clearTimeout(this.#idle);
    try {
      const reply = await this.#options.handle(octets, this.#abort.signal);
      if (Buffer.isBuffer(reply)) await this.#writer.write([reply]);
      else if (reply) for await (const messages of reply) await this.#writer.write(messages);
    } catch (error) {
      if (!(error instanceof ConnectionGone)) {
        this.#options.onDefect(error);
        this.stop('reply-broken');
      }
    }
    // Handed over is not written: until the client has it the reply is under way, and the connection must not be closed.
    await this.#writer.flushed();
    this.#underWay--;
    if (this.#underWay === 0) this.#onQuiet?.();
    if (this.#options.socket.destroyed) return;
    if (this.#underWay === 0 && this.#closing) this.#close();
    if (this.#underWay === 0 && this.#waiting.length === 0) this.#startIdle();
    this.#startWaiting();
  }

  #startIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#end ??= 'idle';
      this.#close();
    }, this.#options.limits()['idle-time']);
  }

  /** Says close_notify (RFC 7858 section 3.4), and does not wait for ever for the client to agree. */
  #close(): void {
    const { socket } = this.#options;
    this.#closing = true;
    this.#clearTimers();
    socket.end();
    const giveUp = setTimeout(() => socket.destroy(), closeTimeMs);
    socket.once('close', () => {
      clearTimeout(giveUp);
    });
  }

  #clearTimers(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#slow);
  }
}
