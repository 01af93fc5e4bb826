/**
 * Octets on their way to one client by TCP: one write at a time, in the order in which they were given, so that replies mix by
 * whole messages only (RFC 7766 section 7), and who waits for the end of a write is held back to the speed of the client.
 *
 * A client that takes nothing for `plain-write-time` is given up; what it takes, however little, starts the time anew.
 */
import type { Socket } from 'node:net';

/**
 * Octets of one write: what a client must take in `plain-write-time`. The longest message with its length before it is one
 * write.
 */
const writeOctets = 65_537;

export interface PlainWriterOptions {
  readonly socket: Pick<Socket, 'writable' | 'write'>;
  readonly writeTimeMs: () => number;
  /** The client has taken nothing for that time. */
  readonly onStall: () => void;
}

interface Job {
  readonly octets: Buffer;
  /** So many of them are handed over. */
  at: number;
  readonly onDone: (isWritten: boolean) => void;
}

export class PlainWriter {
  readonly #options: PlainWriterOptions;
  readonly #jobs: Job[] = [];
  /** A write is under way, or somebody is told of its end: what is given now waits for its turn. */
  #isBusy = false;
  #isClosed = false;
  #stalled: NodeJS.Timeout | undefined;

  constructor(options: PlainWriterOptions) {
    this.#options = options;
  }

  /** Writes whole messages with their lengths. `onDone` is told once, when the octets are written, or lost. */
  write(octets: Buffer, onDone: (isWritten: boolean) => void): void {
    if (this.#isClosed) {
      onDone(false);
      return;
    }
    this.#jobs.push({ octets, at: 0, onDone });
    if (!this.#isBusy) this.#writeNext();
  }

  /** The same as a promise of whether they are written. Until then the octets must not be changed. */
  written(octets: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      this.write(octets, resolve);
    });
  }

  /** The socket is closed: what is not written is lost. */
  close(): void {
    this.#isClosed = true;
    this.#rest();
    while (this.#jobs.length > 0) this.#end(false);
  }

  #writeNext(): void {
    const { socket, writeTimeMs, onStall } = this.#options;
    this.#isBusy = true;
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      // RFC 7766 section 6.2.4: to a client that has closed nothing is sent any more.
      if (!socket.writable) this.#end(false);
      else if (job.at >= job.octets.length) this.#end(true);
      else {
        const part = job.octets.subarray(job.at, job.at + writeOctets);
        job.at += part.length;
        this.#stalled ??= setTimeout(onStall, writeTimeMs());
        socket.write(part, this.#onWritten);
        return;
      }
    }
    this.#isBusy = false;
    this.#rest();
  }

  /** One for all: a callback for each write would be one more thing to make. */
  readonly #onWritten = (error?: Error | null): void => {
    // Those that were lost with the connection have been told already.
    if (this.#isClosed) return;
    if (error) this.#end(false);
    else this.#stalled?.refresh();
    this.#writeNext();
  };

  #end(isWritten: boolean): void {
    this.#jobs.shift()?.onDone(isWritten);
  }

  #rest(): void {
    clearTimeout(this.#stalled);
    this.#stalled = undefined;
  }
}
