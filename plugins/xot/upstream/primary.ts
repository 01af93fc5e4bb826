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
  EdeCode,
  formatEndpoint,
  frame,
  FrameReader,
  type Endpoint,
} from '../../../core/index.ts';

/** What went wrong at the primary, with the Extended DNS Error that tells the secondary (RFC 8914). */
export class PrimaryError extends Error {
  override readonly name = 'PrimaryError';
  readonly code = 'XOT_PRIMARY';
  readonly blame = 'upstream';
  readonly infoCode: number;
  /** Whether the connection had been used before, and the primary closed it before it answered. */
  readonly stale: boolean;

  constructor(infoCode: number, message: string, stale = false) {
    super(message);
    this.infoCode = infoCode;
    this.stale = stale;
  }
}

/** Opens a TCP connection. Rejects with PrimaryError, also when the signal is aborted. */
export function openSocket(primary: Endpoint, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: primary.address, port: primary.port, noDelay: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (why: string): void => {
      settle();
      socket.destroy();
      const where = formatEndpoint(primary);
      reject(
        new PrimaryError(EdeCode.NO_REACHABLE_AUTHORITY, `the primary ${where} cannot be reached: ${why}`),
      );
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
  readonly #socket: Socket;
  readonly #where: string;
  readonly #reader = new FrameReader();
  #ready: Buffer[] = [];
  #failure: PrimaryError | undefined;
  #wake: (() => void) | undefined;
  #used = false;
  #heard = false;

  private constructor(socket: Socket, where: string) {
    this.#socket = socket;
    this.#where = where;
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('error', (error) => {
      this.#fail(
        EdeCode.NETWORK_ERROR,
        `the connection to the primary ${where} broke: ${error.message}`,
        true,
      );
    });
    socket.on('close', () => {
      this.#fail(EdeCode.NETWORK_ERROR, `the primary ${where} closed the connection`, true);
      this.onClosed?.();
    });
  }

  /** Opens a connection. Rejects with PrimaryError, also when the signal is aborted. */
  static async open(primary: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<PrimaryConnection> {
    return new PrimaryConnection(await openSocket(primary, timeoutMs, signal), formatEndpoint(primary));
  }

  /** Whether it can take another request. */
  get usable(): boolean {
    return this.#failure === undefined && this.#ready.length === 0 && this.#reader.pendingOctets === 0;
  }

  send(query: Buffer): void {
    this.#heard = false;
    this.#socket.write(frame(query));
  }

  /**
   * The next messages, at least one. Rejects with PrimaryError when the connection ends, nothing comes for
   * `timeoutMs`, or what comes is not DNS; with the signal's reason when it is aborted.
   */
  async read(timeoutMs: number, signal: AbortSignal): Promise<Buffer[]> {
    if (this.#ready.length === 0 && !this.#failure) await this.#wait(timeoutMs, signal);
    signal.throwIfAborted();
    // Whole messages that came before the end still count.
    if (this.#ready.length === 0 && this.#failure) throw this.#failure;
    const messages = this.#ready;
    this.#ready = [];
    this.#socket.resume();
    this.#used = true;
    return messages;
  }

  destroy(): void {
    this.#socket.destroy();
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
        this.#fail(
          EdeCode.NETWORK_ERROR,
          `the primary ${this.#where} sent nothing for ${String(timeoutMs)} ms`,
        );
      }, timeoutMs);
      this.#wake = wake;
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }

  #take(chunk: Buffer): void {
    this.#heard = true;
    try {
      this.#ready.push(...this.#reader.push(chunk));
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.#fail(EdeCode.INVALID_DATA, `the primary ${this.#where} sent what is not DNS: ${error.message}`);
      return;
    }
    if (this.#ready.length === 0) return;
    this.#socket.pause();
    this.#wake?.();
  }

  #fail(infoCode: number, message: string, byPrimary = false): void {
    this.#failure ??= new PrimaryError(infoCode, message, byPrimary && this.#used && !this.#heard);
    this.#socket.destroy();
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

  /** A connection that nobody else uses. `fresh` asks for one that was never used. Rejects with PrimaryError. */
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
