/**
 * Writes replies to one connection: length-prefixed, one batch at a time, never more than the client takes.
 *
 * NSD as a secondary (seen with 4.6.1) reads one message each time its socket is readable and leaves the rest of the TLS record
 * lying: at the end of a transfer nothing more comes to wake it, and it waits until the connection is closed. So each write
 * waits for the callback of the one before, because node:tls joins writes that queue up, and each message is a write of its
 * own, unless who makes a transfer sees to it himself that its last message stands apart (ADR 16).
 *
 * Whoever awaits `write` before making the next messages is held back to the speed of the client; that is the whole
 * backpressure of a transfer. A client that takes nothing for `write-time` is given up.
 */
import type { Writable } from 'node:stream';
import { frame } from '../dns/framing.ts';
import type { ReplyBatch } from '../plugin/contract.ts';

/** The connection ended, or was given up, before the reply was written. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone';
  readonly code = 'SERVER_CONNECTION_GONE';
  readonly blame = 'peer';
}

/** Octets that wait for their turn, or for the client. */
interface Reply {
  /** Each is one write: a message with its length before it, or many. */
  readonly writes: readonly Buffer[];
  /** So many of them are handed over. */
  handed: number;
  /** Whether the octets are the caller's again only when they are written. */
  readonly isLent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: ConnectionGone) => void;
}

export class ReplyWriter {
  /** Octets handed to the connection, length prefixes included. */
  octets = 0;
  readonly #socket: Writable;
  readonly #writeTimeMs: () => number;
  readonly #onStall: () => void;
  /** Replies of one connection take turns: the first is the one under way. */
  readonly #replies: Reply[] = [];
  /** The message handed over last is not written yet. */
  #isWriting = false;
  #stalled: NodeJS.Timeout | undefined;
  /** Replies that were given, and those that are written or lost. */
  #given = 0;
  #done = 0;
  /** Each waits until so many are done. */
  #flushes: { readonly given: number; readonly resolve: () => void }[] = [];

  constructor(socket: Writable, writeTimeMs: () => number, onStall: () => void) {
    this.#socket = socket;
    this.#writeTimeMs = writeTimeMs;
    this.#onStall = onStall;
    // A write under way when the connection is destroyed may never be called back.
    socket.once('close', () => {
      if (this.#isWriting) this.#onLost();
    });
  }

  /**
   * Writes a batch. Resolves when there is room for more, and one buffer of many messages is written; rejects with
   * ConnectionGone.
   */
  write(batch: ReplyBatch): Promise<void> {
    const isLent = Buffer.isBuffer(batch);
    const writes = isLent ? [batch] : batch.map(frame);
    return new Promise((resolve, reject) => {
      this.#given++;
      this.#replies.push({ writes, handed: 0, isLent, resolve, reject });
      if (!this.#isWriting) this.#writeNext();
    });
  }

  /** Resolves when everything that was given is written, or lost. */
  flushed(): Promise<void> {
    if (this.#done === this.#given) return Promise.resolve();
    return new Promise((resolve) => {
      this.#flushes.push({ given: this.#given, resolve });
    });
  }

  /** Hands over the next message, if there is one, and takes replies off that are done. */
  #writeNext(): void {
    for (let reply = this.#replies[0]; reply !== undefined; reply = this.#replies[0]) {
      const octets = reply.writes[reply.handed];
      if (octets === undefined) reply.resolve();
      else if (this.#socket.destroyed || !this.#socket.writable)
        reply.reject(new ConnectionGone('the connection is closed'));
      else {
        reply.handed++;
        const hasRoom = this.#writeOne(octets);
        // There is room for the next reply, though this one is not done.
        if (hasRoom && !reply.isLent && reply.handed === reply.writes.length) reply.resolve();
        return;
      }
      this.#replies.shift();
      this.#countDone();
    }
  }

  /** Says whether the connection takes more. */
  #writeOne(octets: Buffer): boolean {
    this.octets += octets.length;
    this.#isWriting = true;
    this.#stalled = setTimeout(this.#onStall, this.#writeTimeMs());
    return this.#socket.write(octets, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (!this.#isWriting) return;
    if (error) {
      this.#onLost(error);
      return;
    }
    this.#isWriting = false;
    clearTimeout(this.#stalled);
    this.#writeNext();
  };

  #onLost(cause?: Error): void {
    this.#isWriting = false;
    clearTimeout(this.#stalled);
    this.#replies.shift()?.reject(new ConnectionGone('the connection closed in mid-reply', { cause }));
    this.#countDone();
    this.#writeNext();
  }

  #countDone(): void {
    this.#done++;
    while (this.#flushes[0] !== undefined && this.#flushes[0].given <= this.#done)
      this.#flushes.shift()?.resolve();
  }
}
