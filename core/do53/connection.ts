/**
 * One TCP connection of a plain DNS client: requests in, replies out in any order (RFC 7766 sections 6.2.1.1 and 7).
 *
 * Replies that are ready in one turn of the event loop leave in one write. Bounds: size of a request, time for a whole
 * one, idle time (only a whole request resets it, RFC 7766 section 6.2.3), requests under way; beyond those nothing is
 * read, so TCP holds the client back.
 */
import type { Socket } from 'node:net';
import { formatEndpoint } from '../config/endpoint.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { FrameReader } from '../dns/framing.ts';
import { uint16 } from '../dns/unsigned.ts';
import { maxMessageOctets } from '../dns/walker.ts';
import { isRequest } from './datagram.ts';
import type { PlainSource } from './handler.ts';
import type { Do53Limits } from './limits.ts';
import type { Do53Environment, Requests } from './requests.ts';

/** Milliseconds that a client gets to answer our close before the connection is destroyed. */
const closeTimeMs = 2_000;

export class PlainConnection {
  /** Called once, when the socket is closed and the handler owes it nothing more. */
  readonly #onEnd: () => void;
  readonly #environment: Do53Environment;
  readonly #requests: Requests;
  readonly #socket: Socket;
  readonly #source: PlainSource;
  readonly #reader: FrameReader;
  /** Requests that came together and whose turn has not come. */
  #queue: Buffer[] = [];
  /** Lengths and messages that leave with the next write, and how many replies they are. */
  #batch: Buffer[] = [];
  #replies = 0;
  /** Requests whose reply is not made, or not written. */
  #underWay = 0;
  #isStarting = false;
  #isClosing = false;
  #isClosed = false;
  readonly #idle: NodeJS.Timeout;
  #slow: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;

  constructor(socket: Socket, environment: Do53Environment, requests: Requests, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#environment = environment;
    this.#requests = requests;
    this.#socket = socket;
    const limits = environment.limits();
    this.#source = describe(socket, limits);
    this.#reader = new FrameReader(limits['plain-request-octets']);
    this.#idle = setTimeout(() => {
      this.#onIdle();
    }, limits['plain-idle-time']);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    // A client that resets its connection has nobody left to tell it to.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#onClosed();
    });
  }

  /** Takes no new request, and closes when the replies under way are written. */
  drain(): void {
    this.#isClosing = true;
    this.#queue = [];
    clearTimeout(this.#slow);
    if (this.#underWay === 0) this.#close();
  }

  /** Ends at once; replies under way are cut. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#isClosing) return;
    let complete: Buffer[];
    try {
      complete = this.#reader.push(chunk);
    } catch (error) {
      // The stream is lost: nobody knows where the next message begins.
      if (!(error instanceof DnsFormatError)) throw error;
      this.#environment.log.debug('plain DNS broken', { remote: this.#source.remote, error });
      this.#environment.meters.ignored('tcp');
      this.destroy();
      return;
    }
    for (const octets of complete) {
      if (isRequest(octets)) this.#queue.push(octets);
      else this.#environment.meters.ignored('tcp');
    }
    this.#watchSlowness(complete.length > 0);
    this.#startQueued();
  }

  /** A partial message starts the clock; further octets of it do not restart it. */
  #watchSlowness(isNewMessage: boolean): void {
    if (this.#reader.pendingOctets === 0 || isNewMessage) {
      clearTimeout(this.#slow);
      this.#slow = undefined;
    }
    if (this.#reader.pendingOctets === 0) return;
    this.#slow ??= setTimeout(() => {
      this.#environment.meters.refused('plain-message-time');
      this.destroy();
    }, this.#environment.limits()['plain-message-time']);
  }

  #startQueued(): void {
    // A handler that is done at once ends up here again.
    if (this.#isStarting) return;
    this.#isStarting = true;
    const { limits, meters } = this.#environment;
    const atOnce = limits()['plain-requests-at-once'];
    while (this.#underWay < atOnce) {
      const octets = this.#queue.shift();
      if (octets === undefined) break;
      this.#underWay++;
      meters.request('tcp');
      this.#requests.start(octets, new StreamRequest(this, this.#source));
    }
    this.#isStarting = false;
    if (this.#queue.length > 0) {
      this.#socket.pause();
      // Now we are the slow ones.
      clearTimeout(this.#slow);
      this.#slow = undefined;
    } else if (this.#socket.isPaused()) {
      this.#socket.resume();
      this.#watchSlowness(false);
    }
  }

  /** The one reply to a request; undefined: silence. */
  answer(message: Buffer | undefined): void {
    if (message === undefined || !this.#socket.writable) {
      if (message !== undefined) this.#environment.meters.lost('tcp');
      this.#end(1);
      return;
    }
    if (this.#replies === 0) setImmediate(this.#flush);
    this.#batch.push(uint16(message.length), message);
    this.#replies++;
  }

  readonly #flush = (): void => {
    const replies = this.#replies;
    const octets = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#replies = 0;
    // RFC 7766 section 6.2.4: to a client that has closed nothing is sent any more.
    if (!this.#socket.writable) {
      for (let lost = 0; lost < replies; lost++) this.#environment.meters.lost('tcp');
      this.#end(replies);
      return;
    }
    this.#stalled ??= setTimeout(() => {
      this.#environment.meters.refused('plain-write-time');
      this.destroy();
    }, this.#environment.limits()['plain-write-time']);
    this.#socket.write(octets, (error) => {
      this.#onWritten(replies, error);
    });
  };

  #onWritten(replies: number, error: Error | null | undefined): void {
    if (error) for (let lost = 0; lost < replies; lost++) this.#environment.meters.lost('tcp');
    if (this.#socket.writableLength === 0) {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
    } else this.#stalled?.refresh();
    this.#end(replies);
  }

  #end(count: number): void {
    this.#underWay -= count;
    if (this.#isClosed) {
      if (this.#underWay === 0) this.#onEnd();
      return;
    }
    // RFC 7766 section 6.2.3: only a whole request counts as activity, from its coming until its reply has left.
    if (this.#underWay === 0) this.#idle.refresh();
    if (this.#isClosing) {
      if (this.#underWay === 0) this.#close();
    } else if (this.#queue.length > 0) this.#startQueued();
  }

  #onIdle(): void {
    if (this.#underWay > 0) {
      this.#idle.refresh();
      return;
    }
    this.#close();
  }

  /** Does not wait for ever for the client to agree. */
  #close(): void {
    this.#isClosing = true;
    clearTimeout(this.#slow);
    this.#socket.end();
    // Else the end that the client sends would not be seen.
    this.#socket.resume();
    const giveUp = setTimeout(() => {
      this.#socket.destroy();
    }, closeTimeMs);
    this.#socket.once('close', () => {
      clearTimeout(giveUp);
    });
  }

  #onClosed(): void {
    this.#isClosed = true;
    this.#isClosing = true;
    clearTimeout(this.#idle);
    clearTimeout(this.#slow);
    clearTimeout(this.#stalled);
    this.#queue = [];
    if (this.#underWay === 0) this.#onEnd();
  }
}

class StreamRequest {
  readonly from: PlainSource;
  readonly #connection: PlainConnection;

  constructor(connection: PlainConnection, from: PlainSource) {
    this.#connection = connection;
    this.from = from;
  }

  answer(message: Buffer | undefined): void {
    this.#connection.answer(message);
  }
}

/** The same for all requests of a connection. */
function describe({ remoteAddress, remotePort }: Socket, limits: Do53Limits): PlainSource {
  return {
    remote: formatEndpoint({ address: remoteAddress ?? 'unknown', port: remotePort ?? 0 }),
    isStream: true,
    udpOctets: maxMessageOctets,
    idleTimeMs: limits['plain-idle-time'],
  };
}
