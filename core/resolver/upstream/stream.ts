/**
 * A connection to a resolver that is kept and used for many questions at once (RFC 7766 section 6.2.1.1, RFC 7858
 * section 3.3): plain TCP, or TLS (dot.ts). There is at most one to a server, and it is closed when it is idle.
 *
 * Answers may come in any order; each is matched by its ID and its question. Not one query leaves before the connection
 * is ready, which for TLS means: before the server has proved who it is.
 *
 * Limitations: a server's edns-tcp-keepalive (RFC 7828) is not asked for; no TLS session is resumed.
 */
import { randomInt } from 'node:crypto';
import net from 'node:net';
import { frame, FrameReader } from '../../dns/framing.ts';
import type { Message } from '../../dns/message.ts';
import type { ResolverLimits } from '../limits.ts';
import { readFrames } from './exchange.ts';
import { answers, readMessage, validatorsQuery, type Asked } from './query.ts';
import { describeServer, type ExchangeFailure, type UpstreamServer } from './server.ts';

/** How the connection is made. */
export interface StreamTransport {
  /** For the operator. */
  readonly word: 'TCP' | 'TLS';
  /** Begins to connect. */
  readonly open: () => net.Socket;
  /** The socket's event after which queries may be sent; `agreed` is one that the transport itself emits. */
  readonly ready: 'connect' | 'secureConnect' | 'agreed';
  /** What an error of the socket means. */
  readonly wordsFor: (error: Error) => string;
  /** Whether queries are padded (RFC 8467). */
  readonly pad: boolean;
  /** Whether each query is a write, and so a TLS record, of its own; otherwise those of a moment share one. */
  readonly oneByOne?: boolean;
}

/** Plain TCP to a server. */
export function dnsOverTcp({ address, port }: UpstreamServer): StreamTransport {
  const open = (): net.Socket => net.connect({ host: address, port, noDelay: true });
  return { word: 'TCP', ready: 'connect', pad: false, open, wordsFor: ({ message }) => message };
}

type StreamLimits = Pick<
  ResolverLimits,
  'handshake-time' | 'stream-idle-time' | 'stream-questions' | 'retry-after'
>;

interface Pending {
  readonly asked: Asked;
  readonly sinceMs: number;
  readonly end: (result: Message | ExchangeFailure | 'lost') => void;
}

/** All questions to one server over one kind of connection. */
export class StreamClient {
  readonly #server: UpstreamServer;
  readonly #transport: StreamTransport;
  readonly #limits: StreamLimits;
  #connection: StreamConnection | undefined;

  constructor(server: UpstreamServer, transport: StreamTransport, limits: StreamLimits) {
    this.#server = server;
    this.#transport = transport;
    this.#limits = limits;
  }

  /**
   * Asks; gives up when the signal says so. What is asked a second time while the first is under way goes over a new
   * connection, if the old one is silent: on a stream nothing is lost, so there is no sense in saying it twice.
   */
  async ask(asked: Asked, signal: AbortSignal, isRetry = false): Promise<Message | ExchangeFailure> {
    let connection = this.#current();
    if (isRetry && connection.isBusy) {
      if (!connection.isSilent) return { failure: `${describeServer(this.#server)} has not answered yet` };
      connection.distrust();
      connection = this.#current();
    }
    // RFC 7766 section 6.2.4: a server may close an idle connection just when we use it; then a new one is tried, once.
    const wasOpen = connection.isOpen;
    let answer = await connection.ask(asked, signal);
    if (answer === 'lost' && wasOpen && !signal.aborted) {
      connection = this.#current();
      answer = await connection.ask(asked, signal);
    }
    return answer === 'lost' ? { failure: connection.closedBecause } : answer;
  }

  close(): void {
    this.#connection?.close();
  }

  #current(): StreamConnection {
    if (this.#connection?.isUsable !== true) {
      this.#connection = new StreamConnection(this.#server, this.#transport, this.#limits);
    }
    return this.#connection;
  }
}

class StreamConnection {
  closedBecause: string;
  readonly #who: string;
  readonly #transport: StreamTransport;
  readonly #limits: StreamLimits;
  readonly #socket: net.Socket;
  readonly #reader = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  #state: 'opening' | 'open' | 'closed' = 'opening';
  /** It has been silent for too long. */
  #isSuspect = false;
  #heardAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: UpstreamServer, transport: StreamTransport, limits: StreamLimits) {
    this.#who = describeServer(server);
    this.#transport = transport;
    this.#limits = limits;
    this.closedBecause = `${this.#who} closed the ${transport.word} connection without an answer`;
    this.#socket = transport.open();
    this.#timer = setTimeout(() => {
      this.close(`${this.#who} did not complete the ${transport.word} connection in time`);
    }, limits['handshake-time']);
    this.#listen();
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isUsable(): boolean {
    return this.#state !== 'closed' && !this.#isSuspect;
  }

  /** Whether questions are under way. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether it is open, but nothing has come for a while. */
  get isSilent(): boolean {
    return this.isOpen && performance.now() - this.#heardAtMs >= this.#limits['retry-after'] / 2;
  }

  /** Takes no more questions; those under way may still be answered. */
  distrust(): void {
    this.#isSuspect = true;
  }

  ask(asked: Asked, signal: AbortSignal): Promise<Message | ExchangeFailure | 'lost'> {
    if (this.#pending.size >= this.#limits['stream-questions']) {
      return Promise.resolve({ failure: `too many questions under way to ${this.#who}` });
    }
    // RFC 7766 section 6.2.1: an ID that is under way is not used again. Random, so that it tells nothing.
    let id = randomInt(0x10000);
    while (this.#pending.has(id)) id = randomInt(0x10000);
    return new Promise((resolve) => {
      const end: Pending['end'] = (result) => {
        signal.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
        if (this.#pending.size === 0) this.#rest();
        resolve(result);
      };
      const onAbort = (): void => {
        const silentMs = performance.now() - Math.max(pending.sinceMs, this.#heardAtMs);
        if (silentMs >= 2 * this.#limits['retry-after']) this.distrust();
        end({ failure: `${this.#who} did not answer in time over ${this.#transport.word}` });
      };
      const pending = { asked, sinceMs: performance.now(), end };
      this.#pending.set(id, pending);
      signal.addEventListener('abort', onAbort);
      if (this.#state === 'open') this.#send(id, asked);
    });
  }

  /** Closes for good; what is under way is lost. */
  close(because?: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.closedBecause = because ?? this.closedBecause;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    for (const { end } of this.#pending.values()) end('lost');
  }

  #listen(): void {
    const { word, ready } = this.#transport;
    this.#socket.once(ready, () => {
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      this.#heardAtMs = performance.now();
      clearTimeout(this.#timer);
      for (const [id, { asked }] of this.#pending) this.#send(id, asked);
      if (this.#pending.size === 0) this.#rest();
    });
    this.#socket.on('error', (error) => {
      const what = this.#state === 'opening' ? 'cannot be reached by' : 'broke off';
      this.close(`${this.#who} ${what} ${word}: ${this.#transport.wordsFor(error)}`);
    });
    this.#socket.on('close', () => {
      this.close();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      if (this.#state === 'open') this.#take(chunk);
    });
  }

  #send(id: number, asked: Asked): void {
    clearTimeout(this.#timer);
    this.#socket.ref();
    // RFC 7766 section 8: length and message in one write.
    this.#socket.write(frame(validatorsQuery(id, asked, { pad: this.#transport.pad })));
  }

  #take(chunk: Buffer): void {
    this.#heardAtMs = performance.now();
    const messages = readFrames(this.#reader, chunk);
    if (!messages) this.close(`${this.#who} sent over ${this.#transport.word} what is not DNS`);
    for (const octets of messages ?? []) {
      const pending = this.#pending.get(octets.readUInt16BE(0));
      if (!pending) continue;
      const message = readMessage(octets);
      // RFC 7766 section 7: the ID alone does not make it our answer.
      if (!message || !answers(message, pending.asked)) continue;
      if (message.header.tc) pending.end({ failure: `${this.#who} cut its answer short over a stream` });
      else pending.end(message);
    }
  }

  /** Nothing is under way: the process need not wait for this connection, and after a while it is closed. */
  #rest(): void {
    if (this.#state !== 'open') return;
    if (this.#isSuspect) {
      this.close();
      return;
    }
    this.#socket.unref();
    this.#timer = setTimeout(() => {
      this.close();
    }, this.#limits['stream-idle-time']).unref();
  }
}
