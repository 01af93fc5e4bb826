/**
 * Lines to a file descriptor, without ever stopping the process for its reader and without ever failing it.
 *
 * A log is written while things go wrong: the reader of the pipe stands still, the disk is full, the pipe is closed. Lines
 * wait in a bounded buffer; what cannot be kept or written is counted, and the count is said as soon as a line gets through.
 *
 * A write costs far more than a line: the first line after a pause goes out at once, and those of the next moments together.
 *
 * Where several processes write to one pipe, each write has whole lines of at most `atomicOctets`, which the system keeps in one piece.
 *
 * Limitations: a process that is killed before it can call `flush` (SIGKILL, a crash of Node itself) loses the lines of
 * the last `gatherMs`, but for those before a call of `hurry`.
 */
import { write, writeSync } from 'node:fs';

/** Octets (as characters) of lines that wait for the descriptor; beyond it new lines are lost. */
const bufferedCharacters = 8 * 1024 * 1024;
/** Milliseconds after a write in which further lines are gathered. */
const gatherMs = 10;
/** Octets (as characters) of gathered lines that are not kept waiting any longer. */
const gatheredCharacters = 64 * 1024;
/** Milliseconds until a descriptor that is not ready (EAGAIN) is tried again. */
const retryMs = 100;
/** Tries of `flush` at such a descriptor: it is called when the process ends, and must end itself. */
const flushTries = 10;

/** PIPE_BUF of Linux: a write of no more is never mixed with those of others (pipe(7)). A longer line can be. */
const atomicOctets = 4096;

const nothing: Buffer = Buffer.alloc(0);

export class LineSink {
  readonly #fd: number;
  readonly #say: (lost: number) => string;
  readonly #isShared: boolean;
  #waiting = '';
  /** What comes after the piece that is being written. */
  #behind = nothing;
  /** What the descriptor was not ready for; it is tried again soon. */
  #refused = nothing;
  /** A write is under way, or waits for a descriptor that was not ready. */
  #busy = false;
  /** Whether what waits is written without gathering once that is over. */
  #isHurried = false;
  /** Set after a write, until lines need not be gathered any longer. */
  #gathering: NodeJS.Timeout | undefined;
  #lost = 0;

  /**
   * @param say the line that tells how many lines were lost
   * @param isShared whether other processes write there too
   */
  constructor(fd: number, say: (lost: number) => string, isShared = false) {
    this.#fd = fd;
    this.#say = say;
    this.#isShared = isShared;
  }

  /** Takes one line, with its line break. */
  write(line: string): void {
    if (this.#waiting.length + line.length > bufferedCharacters) {
      this.#lost++;
      return;
    }
    this.#waiting += line;
    if (this.#busy) return;
    if (this.#gathering === undefined || this.#isMuch()) this.#writeNext(this.#take());
  }

  /** What waits is written as soon as the descriptor takes it, and not kept for more to come. */
  hurry(): void {
    if (this.#busy) this.#isHurried = true;
    else this.#writeNext(this.#take());
  }

  /**
   * Writes what waits, now; gives up on a descriptor that does not take it. A write that is under way in another thread
   * is left to it.
   */
  flush(): void {
    let octets = Buffer.concat([this.#refused, this.#behind, this.#take()]);
    this.#refused = nothing;
    this.#behind = Buffer.alloc(0);
    for (let tries = 0; octets.length > 0 && tries < flushTries;) {
      try {
        octets = octets.subarray(writeSync(this.#fd, this.#piece(octets)));
      } catch (error) {
        if (!isNotReady(error)) return;
        tries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs / flushTries);
      }
    }
  }

  #take(): Buffer {
    const lost = this.#lost > 0 && this.#waiting !== '' ? this.#say(this.#lost) : '';
    if (lost !== '') this.#lost = 0;
    // What was lost came after what waits.
    const octets = Buffer.from(this.#waiting + lost);
    this.#waiting = '';
    return octets;
  }

  #writeNext(octets: Buffer): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#busy = octets.length > 0;
    if (!this.#busy) return;
    const piece = this.#piece(octets);
    const behind = octets.subarray(piece.length);
    this.#behind = behind;
    write(this.#fd, piece, (error, written) => {
      // `flush` may have taken what came after the piece.
      const left = this.#behind === behind ? octets : piece;
      this.#behind = nothing;
      if (!error) {
        if (written < left.length) this.#writeNext(left.subarray(written));
        else this.#gather();
      } else if (isNotReady(error)) {
        this.#refused = left;
        setTimeout(() => {
          // `flush` may have taken it meanwhile.
          const again = this.#refused;
          this.#refused = nothing;
          this.#writeNext(again.length > 0 ? again : this.#take());
        }, retryMs).unref();
      } else {
        // A full disk or a closed pipe: the next line tries again.
        this.#lost += countLines(left);
        this.#busy = false;
      }
    });
  }

  /** As much as one write may have: whole lines, if it is to be kept apart from those of other processes. */
  #piece(octets: Buffer): Buffer {
    if (!this.#isShared || octets.length <= atomicOctets) return octets;
    const end = octets.lastIndexOf(0x0a, atomicOctets - 1);
    return octets.subarray(0, (end < 0 ? octets.indexOf(0x0a) : end) + 1);
  }

  /** After a write: what waits is written together with what comes soon, or now if that is too long. */
  #gather(): void {
    this.#busy = false;
    if (this.#isHurried || this.#isMuch()) {
      this.#isHurried = false;
      this.#writeNext(this.#take());
      return;
    }
    this.#gathering = setTimeout(() => {
      this.#writeNext(this.#take());
    }, gatherMs);
    // At the end of the process `flush` takes what waits.
    this.#gathering.unref();
  }

  #isMuch(): boolean {
    return this.#waiting.length >= gatheredCharacters;
  }
}

function isNotReady(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}

function countLines(octets: Buffer): number {
  let lines = 0;
  for (const octet of octets) if (octet === 0x0a) lines++;
  return lines;
}
