/**
 * A TCP connection as records of TLS, read with a time limit and written in pieces of any size.
 *
 * Limitations: one reader at a time.
 */
import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { maxRecordOctets } from './numbers.ts';
import { ScriptedTlsError } from './octets.ts';
import type { WireRecord } from './record-protection.ts';

/** The server ended the connection. */
export interface Closed {
  readonly kind: 'closed';
  /** As 'ECONNRESET'; '' where the server ended it in an orderly way. */
  readonly code: string;
}

/** Nothing came within the time limit; the connection is as it was. */
export interface Silence {
  readonly kind: 'silence';
}

/** Where to connect to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** The address to connect from, as '127.0.0.9'. */
  readonly localAddress?: string;
}

const headerOctets = 5;
/** What is kept unread before the server must wait: some records, so that a script may be slow to read. */
const maxBufferedOctets = 16 * maxRecordOctets;

/** TCP on loopback; not the script's limit, so that a script with little patience still meets a server. */
const connectTimeoutMs = 5_000;

/** A moment on the monotonic clock. */
export type Deadline = number;

export function deadlineIn(timeoutMs: number): Deadline {
  return performance.now() + timeoutMs;
}

export class RecordStream {
  readonly #socket: net.Socket;
  #isConnected = false;
  #unread: Buffer = Buffer.alloc(0);
  #closed: Closed | undefined;
  #code = '';
  #wake: (() => void) | undefined;

  private constructor({ host, port, localAddress }: Target) {
    this.#socket = net.connect({
      host,
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    this.#socket.on('connect', () => {
      this.#isConnected = true;
      this.#wake?.();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      if (this.#unread.length > maxBufferedOctets) this.#socket.pause();
      this.#wake?.();
    });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => (this.#code = error.code ?? error.message));
    const onEnd = (): void => {
      this.#closed ??= { kind: 'closed', code: this.#code };
      this.#wake?.();
    };
    this.#socket.on('end', onEnd).on('close', onEnd);
  }

  /** Throws ScriptedTlsError if there is no connection: no server must not pass for one that says no. */
  static async connect(target: Target): Promise<RecordStream> {
    const stream = new RecordStream(target);
    const deadline = deadlineIn(connectTimeoutMs);
    while (!stream.#isConnected && stream.#closed === undefined) {
      if (!(await stream.#change(deadline))) break;
    }
    if (stream.#isConnected) return stream;
    const why = stream.#closed?.code ?? 'no answer in time';
    await stream.close();
    throw new ScriptedTlsError(`no connection to ${target.host} port ${target.port}: ${why}`);
  }

  /** The next record; what came before the connection ended comes first. */
  async next(deadline: Deadline): Promise<({ readonly kind: 'record' } & WireRecord) | Closed | Silence> {
    for (;;) {
      const record = this.#takeRecord();
      if (record !== undefined) return { kind: 'record', ...record };
      if (this.#closed !== undefined) return this.#closed;
      if (!(await this.#change(deadline))) return { kind: 'silence' };
    }
  }

  /**
   * Writes the octets, in pieces of so many octets if given, each in a segment of its own as far as TCP allows.
   * A connection that has ended swallows the rest: what the server said of it is for `next` to tell.
   */
  async write(octets: Buffer, pieceOctets = octets.length): Promise<void> {
    for (let at = 0; at < octets.length && this.#socket.writable; at += pieceOctets) {
      if (at > 0) await nextTurn();
      this.#socket.write(octets.subarray(at, at + pieceOctets));
    }
  }

  /** Ends the connection at once; resolves when the socket is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) {
        resolve();
        return;
      }
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #takeRecord(): WireRecord | undefined {
    const unread = this.#unread;
    if (unread.length < headerOctets) return undefined;
    const length = unread.readUInt16BE(3);
    if (length > maxRecordOctets) throw new ScriptedTlsError(`the server sent a record of ${length} octets`);
    const end = headerOctets + length;
    if (unread.length < end) return undefined;
    this.#unread = unread.subarray(end);
    if (this.#unread.length <= maxBufferedOctets && this.#socket.isPaused()) this.#socket.resume();
    return {
      type: unread.readUInt8(0),
      header: unread.subarray(0, headerOctets),
      fragment: unread.subarray(headerOctets, end),
    };
  }

  /** Waits for anything to happen; false if the time is over. */
  #change(deadline: Deadline): Promise<boolean> {
    if (this.#wake !== undefined) throw new ScriptedTlsError('two reads of one connection at the same time');
    return new Promise((resolve) => {
      const done = (happened: boolean): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(happened);
      };
      const timer = setTimeout(() => done(false), Math.max(0, deadline - performance.now()));
      this.#wake = () => done(true);
    });
  }
}
