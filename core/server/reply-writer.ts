/**
 * Writes replies to one connection: length-prefixed, one message at a time, never more than the client takes.
 *
 * No TLS record holds parts of two messages. NSD as a secondary (seen with 4.6.1) reads one message each time its socket is
 * readable and leaves the rest of the record lying: at the end of a transfer nothing more comes to wake it, and it waits
 * until the connection is closed. So each message is a write of its own, and the next waits for its callback, because
 * node:tls joins writes that queue up.
 *
 * Whoever awaits `write` before making the next messages is held back to the speed of the client; that is the whole
 * backpressure of a transfer. A client that takes nothing for `write-time` is given up.
 */
import type { Writable } from 'node:stream';
import { frame } from '../dns/framing.ts';

/** The connection ended, or was given up, before the reply was written. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone';
  readonly code = 'SERVER_CONNECTION_GONE';
  readonly blame = 'peer';
}

export class ReplyWriter {
  /** Octets handed to the connection, length prefixes included. */
  octets = 0;
  readonly #socket: Writable;
  readonly #writeTimeMs: () => number;
  readonly #onStall: () => void;
  /** Settled when what was given before is written or lost; replies of one connection take turns. */
  #turn: Promise<void> | undefined;

  constructor(socket: Writable, writeTimeMs: () => number, onStall: () => void) {
    this.#socket = socket;
    this.#writeTimeMs = writeTimeMs;
    this.#onStall = onStall;
  }

  /** Resolves when there is room for more; rejects with ConnectionGone. */
  write(messages: readonly Buffer[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): Promise<void> => this.#writeEach(messages, resolve).then(resolve, reject);
      const turn = (this.#turn?.then(begin) ?? begin()).then(() => {
        if (this.#turn === turn) this.#turn = undefined;
      });
      this.#turn = turn;
    });
  }

  /** Resolves when everything that was given is written, or lost. */
  flushed(): Promise<void> {
    return this.#turn ?? Promise.resolve();
  }

  /** Resolves when all is written; calls `onRoom` sooner if the connection takes more than this. */
  async #writeEach(messages: readonly Buffer[], onRoom: () => void): Promise<void> {
    for (const [index, message] of messages.entries()) {
      if (this.#socket.destroyed || !this.#socket.writable)
        throw new ConnectionGone('the connection is closed');
      const isLast = index === messages.length - 1;
      await this.#writeOne(frame(message), isLast ? onRoom : undefined);
    }
  }

  #writeOne(octets: Buffer, onRoom: (() => void) | undefined): Promise<void> {
    this.octets += octets.length;
    return new Promise<void>((resolve, reject) => {
      const stalled = setTimeout(() => {
        this.#onStall();
      }, this.#writeTimeMs());
      // A write under way when the connection is destroyed may never be called back.
      const onClose = (): void => {
        clearTimeout(stalled);
        reject(new ConnectionGone('the connection closed in mid-reply'));
      };
      this.#socket.once('close', onClose);
      const hasRoom = this.#socket.write(octets, (error) => {
        clearTimeout(stalled);
        this.#socket.off('close', onClose);
        if (error) reject(new ConnectionGone('the connection closed in mid-reply', { cause: error }));
        else resolve();
      });
      if (hasRoom) onRoom?.();
    });
  }
}
