/**
 * The life of a connection whose requests are answered by one message each, in any order (RFC 7766 sections 6.2.1 and 7): the
 * quick way, for many small questions. Transfers, whose answers are streams, go the other way (requests.ts).
 *
 * Nothing is allocated for a request that is answered at once. Bounds: size of a request, time for a whole one, idle time
 * (only a whole message resets it, RFC 7766 section 6.2.3), requests under way, and what the client has not taken yet; beyond
 * those nothing is read, so TCP holds the client back.
 */
import type { Duplex } from 'node:stream';
import { DnsFormatError } from '../dns/errors.ts';
import { FrameReader } from '../dns/framing.ts';
import type { AnswerConnection, AnswerHandler } from '../plugin/contract.ts';
import type { ConnectionLimits } from './limits.ts';
import { ReplyBatch } from './reply-batch.ts';
import type { ConnectionEnd, ServedConnection } from './service.ts';
import { WaitingRequests } from './waiting-requests.ts';

export interface AnswerLoopOptions extends Pick<AnswerConnection, 'id' | 'remote' | 'client' | 'ends'> {
  /** The decrypted side of the connection. */
  readonly socket: Duplex;
  readonly limits: () => ConnectionLimits;
  readonly begin: (connection: AnswerConnection) => AnswerHandler;
  readonly onDefect: (error: unknown) => void;
}

/** Milliseconds that a client gets to answer our close before the connection is destroyed. */
const closeTimeMs = 2_000;
/** Octets that wait for a client who does not read, before nothing more is read from it, or begun of what was read. */
const mostUnreadOctets = 262_144;

/** One connection's requests. `ended` resolves when the socket is closed. */
export class AnswerLoop implements ServedConnection, AnswerConnection {
  requests = 0;
  octetsIn = 0;
  /** More about the end, for the log. */
  detail = '';
  readonly id: number;
  readonly remote: string;
  readonly client: AnswerConnection['client'];
  readonly ends: AnswerConnection['ends'];
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: Duplex;
  readonly #limits: () => ConnectionLimits;
  readonly #onDefect: (error: unknown) => void;
  readonly #reader: FrameReader;
  readonly #batch: ReplyBatch;
  readonly #handler: AnswerHandler;
  #underWay = 0;
  #isResuming = false;
  /** By who serves the connection, until he releases it. */
  #isHeld = false;
  #isEnding = false;
  #end: ConnectionEnd | undefined;
  #isClosing = false;
  /** What was read and not begun. */
  readonly #waiting = new WaitingRequests();
  /** What is read now. */
  #chunk: Buffer | undefined;
  /** By the clock of performance.now: when the connection was last busy. */
  #busyMs = performance.now();
  /** Writes that the client had taken when the last of them was seen to wait, and when that was; below 0: none waits. */
  #takenBefore = 0;
  #waitsSinceMs = -1;
  #idle: NodeJS.Timeout | undefined;
  #slow: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;

  constructor(options: AnswerLoopOptions) {
    const { socket, limits } = options;
    this.id = options.id;
    this.remote = options.remote;
    this.client = options.client;
    this.ends = options.ends;
    this.#socket = socket;
    this.#limits = limits;
    this.#onDefect = options.onDefect;
    this.#reader = new FrameReader(limits()['request-octets']);
    this.#batch = new ReplyBatch(socket, () => {
      this.#onWritten();
    });
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#clearTimers();
        this.#handler.end();
        resolve(this.#end ?? 'client-closed');
      });
    });
    socket.on('error', () => {
      this.#end ??= 'tls-error';
    });
    this.#handler = options.begin(this);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    this.#watchIdle(limits()['idle-time'] / idleLooks);
  }

  get idleTimeMs(): number {
    return this.#limits()['idle-time'];
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  get octetsOut(): number {
    return this.#batch.octets;
  }

  /** See AnswerConnection. */
  reply(octets: number): number {
    const at = this.#batch.add(octets);
    this.#done();
    return at;
  }

  get room(): Buffer {
    return this.#batch.room;
  }

  /** See AnswerConnection. */
  noReply(): void {
    this.#done();
  }

  /** See AnswerConnection. */
  hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    if (!this.#isClosing) this.#pause();
  }

  /** See AnswerConnection. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    // The time before was ours, not the client's.
    this.#busyMs = performance.now();
    if (!this.#isClosing && !this.#isFull()) this.#resumeLater();
  }

  /** Ends the connection at once; replies under way are cut. */
  stop(why: ConnectionEnd, detail?: string): void {
    if (detail !== undefined) this.detail = detail;
    this.#end ??= why;
    this.#socket.destroy();
  }

  /** Answers that are still to come are the handler's to look at: it knows for whom they were (AnswerConnection.client). */
  canGoOn(): boolean {
    return true;
  }

  /** Takes no new request and closes when the replies under way are written. */
  drain(): void {
    this.#isClosing = true;
    this.#waiting.clear();
    this.#end ??= 'gate-closing';
    // A request that is not whole will not be read on, so its clock must not cut the replies under way.
    this.#clearTimers();
    if (this.#underWay === 0 && this.#batch.isIdle) this.#close();
  }

  /** The handler has heard of the end by then. */
  quiet(): Promise<void> {
    return Promise.resolve();
  }

  #read(chunk: Buffer): void {
    this.octetsIn += chunk.length;
    if (this.#isClosing || this.#end !== undefined) return;
    const { requests } = this;
    this.#chunk = chunk;
    try {
      this.#reader.each(chunk, this.#take);
    } catch (error) {
      if (error instanceof DnsFormatError) this.stop('bad-framing', error.message);
      else this.#onBroken(error);
      return;
    } finally {
      this.#chunk = undefined;
    }
    this.#watchSlowness(this.requests !== requests);
    if (this.#isFull()) this.#pause();
  }

  /** Nobody writes to a chunk again; what the reader has put together is lent. */
  readonly #take = (octets: Buffer, start: number, end: number): void => {
    if (this.#waiting.count === 0 && !this.#isFull()) this.#begin(octets, start, end);
    else if (octets === this.#chunk) this.#waiting.add(octets, start, end);
    else this.#waiting.add(Buffer.from(octets.subarray(start, end)), 0, end - start);
  };

  readonly #begin = (octets: Buffer, start: number, end: number): void => {
    this.requests += 1;
    this.#underWay += 1;
    this.#handler.request(octets, start, end);
  };

  /** Whether nothing more is read, nor begun of what was read. */
  #isFull(): boolean {
    return this.#isHeld || this.#underWay >= this.#limits()['requests-at-once'] || this.#hasUnread();
  }

  /** Replies of this turn count as well: a chunk of small requests may be answered by hundreds of long ones at once. */
  #hasUnread(): boolean {
    return this.#socket.writableLength + this.#batch.pendingOctets > mostUnreadOctets;
  }

  #done(): void {
    this.#underWay -= 1;
    const isBehind = this.#waiting.count > 0 || this.#socket.isPaused();
    if (isBehind && !this.#isClosing && !this.#isFull()) this.#resumeLater();
    else if (this.#isClosing && this.#underWay === 0 && this.#batch.isIdle) this.#close();
  }

  /** Not at once: who answers is in the middle of something. */
  #resumeLater(): void {
    if (this.#isResuming) return;
    this.#isResuming = true;
    setImmediate(() => {
      this.#isResuming = false;
      this.#resume();
    });
  }

  #resume(): void {
    if (this.#socket.destroyed || this.#isClosing) return;
    try {
      while (this.#waiting.count > 0 && !this.#isFull()) this.#waiting.take(this.#begin);
    } catch (error) {
      this.#onBroken(error);
      return;
    }
    if (this.#isFull()) {
      this.#pause();
    } else if (this.#waiting.count === 0 && this.#socket.isPaused()) {
      this.#socket.resume();
      this.#watchSlowness(false);
    }
  }

  /** We are the slow ones, or the client does not read. */
  #pause(): void {
    this.#socket.pause();
    clearTimeout(this.#slow);
    this.#slow = undefined;
    if (!this.#hasUnread()) return;
    this.#stalled ??= setTimeout(() => {
      this.stop('client-does-not-read');
    }, this.#limits()['write-time']);
  }

  #onWritten(): void {
    clearTimeout(this.#stalled);
    this.#stalled = undefined;
    if (this.#isClosing) {
      if (this.#underWay === 0) this.#close();
    } else if (this.#socket.isPaused()) {
      this.#resume();
    }
  }

  #onBroken(error: unknown): void {
    this.#onDefect(error);
    this.stop('reply-broken');
  }

  /** A partial message starts the clock; further octets of it do not restart it. */
  #watchSlowness(hasNewMessages: boolean): void {
    const isPartial = this.#reader.pendingOctets > 0;
    if (this.#slow !== undefined && (!isPartial || hasNewMessages)) {
      clearTimeout(this.#slow);
      this.#slow = undefined;
    }
    if (isPartial) {
      this.#slow ??= setTimeout(() => {
        this.stop('request-too-slow');
      }, this.#limits()['message-time']);
    }
  }

  /** One timer that looks now and then, instead of one that is set anew with each request. */
  #watchIdle(afterMs: number): void {
    const requests = this.requests;
    const lookMs = Math.min(afterMs, this.#limits()['write-time']);
    this.#idle = setTimeout(() => {
      const nowMs = performance.now();
      if (this.#isUnreadTooLong(nowMs)) {
        this.stop('client-does-not-read');
        return;
      }
      if (this.requests !== requests || this.#underWay > 0 || !this.#batch.isIdle || this.#isHeld)
        this.#busyMs = nowMs;
      const leftMs = this.#busyMs + this.#limits()['idle-time'] - nowMs;
      if (leftMs > 0) {
        this.#watchIdle(Math.min(leftMs, this.#limits()['idle-time'] / idleLooks));
        return;
      }
      this.#end ??= 'idle';
      this.#close();
    }, lookMs);
  }

  /** Replies may also be too few to hold anything up, or come late: nobody who takes nothing keeps them, and his place. */
  #isUnreadTooLong(nowMs: number): boolean {
    const { taken } = this.#batch;
    if (this.#batch.isIdle) {
      this.#waitsSinceMs = -1;
    } else if (this.#waitsSinceMs < 0 || taken !== this.#takenBefore) {
      this.#waitsSinceMs = nowMs;
      this.#takenBefore = taken;
    }
    return this.#waitsSinceMs >= 0 && nowMs - this.#waitsSinceMs >= this.#limits()['write-time'];
  }

  /** Says close_notify (RFC 7858 section 3.4), and does not wait for ever for the client to agree. */
  #close(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#isClosing = true;
    this.#clearTimers();
    this.#socket.end();
    // The client's end is not heard by who does not read.
    this.#socket.resume();
    const giveUp = setTimeout(() => this.#socket.destroy(), closeTimeMs);
    this.#socket.once('close', () => {
      clearTimeout(giveUp);
    });
  }

  #clearTimers(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#slow);
    clearTimeout(this.#stalled);
  }
}

/** So often the idle timer looks in the time that it watches: an idle connection may live longer by that part of it. */
const idleLooks = 4;
