/**
 * One TCP connection of a plain DNS client: requests in, replies out in any order (RFC 7766 sections 6.2.1.1 and 7).
 *
 * Replies that are ready in one turn of the event loop leave in one write. Bounds: size of a request, time for a whole
 * one, idle time (only a whole request resets it, RFC 7766 section 6.2.3), requests under way, streams of messages among
 * them; beyond those nothing is read, so TCP holds the client back.
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
import type { Do53Environment, Requests, WaitingRequest } from './requests.ts';
import { sendStream, type BegunStream } from './stream.ts';
import { PlainWriter } from './writer.ts';

/** Milliseconds that a client gets to answer our close before the connection is destroyed. */
const closeTimeMs = 2_000;

export class PlainConnection {
  /** Called once, when the socket is closed and the handler owes it nothing more. */
  readonly #onEnd: () => void;
  readonly #environment: Do53Environment;
  readonly #requests: Requests;
  readonly #socket: Socket;
  readonly #source: StreamSource;
  readonly #reader: FrameReader;
  readonly #writer: PlainWriter;
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

  constructor(socket: Socket, environment: Do53Environment, requests: Requests, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#environment = environment;
    this.#requests = requests;
    this.#socket = socket;
    const limits = environment.limits();
    this.#source = new StreamSource(socket, limits);
    this.#reader = new FrameReader(limits['plain-request-octets']);
    this.#writer = new PlainWriter({
      socket,
      writeTimeMs: () => environment.limits()['plain-write-time'],
      onStall: () => {
        environment.meters.refused('plain-write-time');
        this.destroy();
      },
    });
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
    this.#writer.write(octets, (isWritten) => {
      if (!isWritten) for (let lost = 0; lost < replies; lost++) this.#environment.meters.lost('tcp');
      this.#end(replies);
    });
  };

  /** The one reply to a request, of many messages. */
  stream(begun: BegunStream): void {
    const { log, meters } = this.#environment;
    sendStream(begun, (octets) => this.#writer.written(octets))
      .then((isWhole) => {
        if (!isWhole) meters.lost('tcp');
      })
      .catch((error: unknown) => {
        log.error('defect', { doing: 'plain DNS reply', remote: this.#source.remote, error });
        // A client must not take a part for the whole.
        this.destroy();
      })
      .finally(() => {
        this.#end(1);
      });
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
    this.#queue = [];
    const isDone = this.#underWay === 0;
    this.#writer.close();
    this.#source.abort();
    // Else it was told, or will be, by whoever is the last.
    if (isDone) this.#onEnd();
  }
}

class StreamRequest implements WaitingRequest {
  readonly from: PlainSource;
  readonly #connection: PlainConnection;

  constructor(connection: PlainConnection, from: PlainSource) {
    this.#connection = connection;
    this.from = from;
  }

  answer(message: Buffer | undefined): void {
    this.#connection.answer(message);
  }

  stream(begun: BegunStream): void {
    this.#connection.stream(begun);
  }
}

/** The same for all requests of a connection. */
class StreamSource implements PlainSource {
  readonly remote: string;
  readonly isStream = true;
  readonly udpOctets = maxMessageOctets;
  readonly idleTimeMs: number;
  #gone: AbortController | undefined;
  #isGone = false;

  constructor({ remoteAddress, remotePort }: Socket, limits: Do53Limits) {
    this.remote = formatEndpoint({ address: remoteAddress ?? 'unknown', port: remotePort ?? 0 });
    this.idleTimeMs = limits['plain-idle-time'];
  }

  /** Made for those who ask: most replies are there before anybody could go. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#isGone) this.#gone.abort(gone);
    return this.#gone.signal;
  }

  abort(): void {
    this.#isGone = true;
    this.#gone?.abort(gone);
  }
}

/** One for all: to make one with its stack for each connection costs time. */
const gone = new Error('the connection of the client is closed');
