/**
 * Plain TCP to the primary for transfers: connections that are used by one request at a time and kept for the next for a
 * while (RFC 7766 section 6.2.1). SOA queries share one (primary-queries.ts).
 *
 * A reader pulls: nothing more is taken from the socket than it asked for, so a slow secondary holds back the primary
 * and not our memory.
 */
import net from 'node:net';
import type { Socket } from 'node:net';
import {
  DnsFormatError,
  formatEndpoint,
  frame,
  type Endpoint,
  type FailureKind,
} from '../../../core/index.ts';
import { FrameBlocks, type Frames } from './frame-blocks.ts';
import { UpstreamError } from './upstream.ts';

/** Who takes what comes on a socket: without it there are the events of a stream. */
type Onread = net.OnReadOpts;

/** Opens a TCP connection. Rejects with UpstreamError, also when the signal is aborted. */
export function openSocket(
  primary: Endpoint,
  timeoutMs: number,
  signal?: AbortSignal,
  onread?: Onread,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const to = { host: primary.address, port: primary.port, noDelay: true };
    const socket = net.connect(onread === undefined ? to : { ...to, onread });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (why: string): void => {
      settle();
      socket.destroy();
      const where = formatEndpoint(primary);
      reject(new UpstreamError('unreachable', `the primary ${where} cannot be reached: ${why}`));
    };
    const onError = (error: Error): void => {
      fail(error.message);
    };
    const onAbort = (): void => {
      fail('the client went away before it was');
    };
    const timer = setTimeout(() => {
      fail(`no connection within ${String(timeoutMs)} ms`);
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort);
    socket.once('error', onError);
    socket.once('connect', () => {
      settle();
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

/** One TCP connection to the primary, for one request at a time. */
export class PrimaryConnection {
  /** Called when the connection is closed, by whomever. */
  onClosed: (() => void) | undefined;
  readonly #where: string;
  readonly #blocks = new FrameBlocks();
  #socket: Socket | undefined;
  #ready: Frames | undefined;
  #failure: UpstreamError | undefined;
  #wake: (() => void) | undefined;
  #used = false;
  #heard = false;

  private constructor(where: string) {
    this.#where = where;
  }

  /** Opens a connection. Rejects with UpstreamError, also when the signal is aborted. */
  static async open(primary: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<PrimaryConnection> {
    const connection = new PrimaryConnection(formatEndpoint(primary));
    const socket = await openSocket(primary, timeoutMs, signal, {
      buffer: () => connection.#blocks.room(),
      callback: (octets) => connection.#take(octets),
    });
    connection.#begin(socket);
    return connection;
  }

  /** Whether it can take another request. */
  get usable(): boolean {
    return this.#failure === undefined && this.#ready === undefined && this.#blocks.pendingOctets === 0;
  }

  send(query: Buffer): void {
    this.#heard = false;
    this.#socket?.write(frame(query));
  }

  /**
   * The next messages, at least one. Rejects with UpstreamError when the connection ends, nothing comes for
   * `timeoutMs`, or what comes is not DNS; with the signal's reason when it is aborted.
   */
  async read(timeoutMs: number, signal: AbortSignal): Promise<Frames> {
    if (this.#ready === undefined && !this.#failure) {
      this.#socket?.resume();
      await this.#wait(timeoutMs, signal);
    }
    signal.throwIfAborted();
    // Whole messages that came before the end still count.
    const frames = this.#ready;
    if (frames === undefined) throw this.#failure ?? new Error('woken without a reason');
    this.#ready = undefined;
    this.#used = true;
    // Not before it is done with these: what has come is bounded by what it takes at once.
    return frames;
  }

  /** Listens while nothing is asked, so that it is known when the primary closes it or says what nobody asked for. */
  rest(): void {
    this.#socket?.resume();
  }

  destroy(): void {
    this.#socket?.destroy();
  }

  #begin(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#fail('broken', `the connection to the primary ${this.#where} broke: ${error.message}`, true);
    });
    socket.on('close', () => {
      this.#fail('broken', `the primary ${this.#where} closed the connection`, true);
      this.onClosed?.();
    });
    // What came before.
    if (this.#failure !== undefined) socket.destroy();
  }

  #wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        this.#fail('broken', `the primary ${this.#where} sent nothing for ${String(timeoutMs)} ms`);
      }, timeoutMs);
      this.#wake = wake;
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }

  /** So many octets have come; says whether it listens on. */
  #take(octets: number): boolean {
    this.#heard = true;
    if (this.#failure !== undefined) return false;
    try {
      this.#ready = this.#blocks.filled(octets);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.#fail('unusable', `the primary ${this.#where} sent what is not DNS: ${error.message}`);
      return false;
    }
    if (this.#ready === undefined) return true;
    this.#wake?.();
    return false;
  }

  #fail(kind: FailureKind, message: string, byPrimary = false): void {
    this.#failure ??= new UpstreamError(kind, message, byPrimary && this.#used && !this.#heard);
    this.#socket?.destroy();
    this.#wake?.();
  }
}

/** Connections that wait for another request. */
const restingConnections = 8;
/** Milliseconds for which they wait: shorter than the idle time of BIND, NSD and Knot DNS. */
export const restTimeMs = 5_000;

/** Gives out connections to one primary. */
export class PrimaryPool {
  readonly #resting: { connection: PrimaryConnection; timer: NodeJS.Timeout }[] = [];
  readonly #primary: Endpoint;
  #closed = false;

  constructor(primary: Endpoint) {
    this.#primary = primary;
  }

  /** A connection that nobody else uses. `fresh` asks for one that was never used. Rejects with UpstreamError. */
  take(connectTimeMs: number, fresh: boolean, signal: AbortSignal): Promise<PrimaryConnection> {
    const connection = fresh ? undefined : this.#resting.at(-1)?.connection;
    if (!connection) return PrimaryConnection.open(this.#primary, connectTimeMs, signal);
    this.#forget(connection);
    if (connection.usable) return Promise.resolve(connection);
    // The primary said something that nobody asked for.
    connection.destroy();
    return PrimaryConnection.open(this.#primary, connectTimeMs, signal);
  }

  /** Takes back a connection whose answer is complete. */
  give(connection: PrimaryConnection): void {
    if (this.#closed || !connection.usable || this.#resting.length >= restingConnections) {
      connection.destroy();
      return;
    }
    const timer = setTimeout(() => {
      this.#forget(connection);
      connection.destroy();
    }, restTimeMs);
    this.#resting.push({ connection, timer });
    connection.rest();
    connection.onClosed = () => {
      this.#forget(connection);
    };
  }

  close(): void {
    this.#closed = true;
    for (const { connection, timer } of this.#resting.splice(0)) {
      clearTimeout(timer);
      connection.destroy();
    }
  }

  #forget(connection: PrimaryConnection): void {
    const index = this.#resting.findIndex((rested) => rested.connection === connection);
    if (index < 0) return;
    connection.onClosed = undefined;
    clearTimeout(this.#resting[index]?.timer);
    this.#resting.splice(index, 1);
  }
}
