/**
 * The replies of one turn of the event loop, which leave together: one write, and so one TLS record and one system call, for
 * all that a connection is answered in it.
 *
 * The room is one buffer, as long as what was needed lately. Who replies writes into it; nothing is put together afterwards.
 */
import type { Writable } from 'node:stream';

const prefixOctets = 2;
const smallestOctets = 512;
/** Beyond it a batch is not made in advance, but grows. */
const largestGuessOctets = 65_536;

export class ReplyBatch {
  /** Where replies are written; another one after each `add`. */
  room: Buffer = empty;
  /** Octets handed to the connection, length prefixes included. */
  octets = 0;
  /** Writes that the connection has taken. */
  taken = 0;
  readonly #socket: Writable;
  readonly #onWritten: (error?: Error | null) => void;
  #used = 0;
  #guess = smallestOctets;
  #isQueued = false;
  #writes = 0;

  /** `onWritten` is called when the connection has taken everything that was handed to it, or has lost it. */
  constructor(socket: Writable, onAllWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = () => {
      this.#writes -= 1;
      this.taken += 1;
      if (this.isIdle) onAllWritten();
    };
  }

  /** Whether nothing waits, and nothing is on its way. */
  get isIdle(): boolean {
    return this.#writes === 0 && this.#used === 0;
  }

  /** Octets that leave at the end of this turn. */
  get pendingOctets(): number {
    return this.#used;
  }

  /** Makes room for a message of so many octets, its length before it; gives where in `room` it begins. */
  add(length: number): number {
    const start = this.#used + prefixOctets;
    const end = start + length;
    if (end > this.room.length) this.#grow(end);
    const { room } = this;
    room[start - 2] = length >>> 8;
    room[start - 1] = length;
    this.#used = end;
    if (!this.#isQueued) {
      this.#isQueued = true;
      queue(this);
    }
    return start;
  }

  /** Writes what is there. */
  flush(): void {
    this.#isQueued = false;
    const used = this.#used;
    if (used === 0) return;
    const { room } = this;
    this.room = empty;
    this.#used = 0;
    this.#guess = Math.min(largestGuessOctets, Math.max(smallestOctets, used + (used >>> 2)));
    if (this.#socket.destroyed || !this.#socket.writable) {
      this.#writes += 1;
      this.#onWritten();
      return;
    }
    this.octets += used;
    this.#writes += 1;
    this.#socket.write(room.subarray(0, used), this.#onWritten);
  }

  #grow(needed: number): void {
    const room = Buffer.allocUnsafe(Math.max(this.#guess, needed, this.room.length * 2));
    this.room.copy(room, 0, 0, this.#used);
    this.room = room;
  }
}

const empty: Buffer = Buffer.alloc(0);

let queued: ReplyBatch[] = [];

/** All batches of a turn are written by one callback: it comes after everything that could be read was read. */
function queue(batch: ReplyBatch): void {
  queued.push(batch);
  if (queued.length === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const batches = queued;
  queued = [];
  for (const batch of batches) batch.flush();
}
