/**
 * Turns for those who wait while this process is short of processor time (turn-queue.ts), by the clock and the event loop of
 * this process.
 *
 * A timer looks at the load as long as there is somebody who may have to wait, and stops after a second without. With time
 * enough, a request costs an addition here.
 */
import { performance } from 'node:perf_hooks';
import type { ReadTurnsLimits } from './read-turns-limits.ts';
import { tickMs, TurnQueue, type Turned } from './turn-queue.ts';

export type { Turned } from './turn-queue.ts';

export interface ReadTurnsOptions {
  /** By the clock of performance.now. */
  readonly nowMs: () => number;
  readonly limits: () => ReadTurnsLimits;
  /** The part of the time since the last call, from 0 to 1, in which the process did not wait for work; that of its event loop if absent. */
  readonly busy?: (() => number) | undefined;
}

/** Ticks without a request of those who may have to wait, after which nobody looks at the load any more. */
const quietTicks = 100;
/** Requests after each of which the clock is read: so long may somebody have the processor unseen. A power of two. */
const requestsUnseen = 16;

export class ReadTurns {
  readonly #nowMs: () => number;
  readonly #busy: () => number;
  readonly #queue: TurnQueue;
  #timer: NodeJS.Timeout | undefined;
  #requests = 0;
  #quietTicks = 0;
  #isTurning = false;
  #isClosed = false;

  constructor({ nowMs, limits, busy = loopBusy() }: ReadTurnsOptions) {
    this.#nowMs = nowMs;
    this.#busy = busy;
    this.#queue = new TurnQueue(limits, nowMs());
  }

  /**
   * Whether the process is short of time. Who asks will ask again: the load is looked at from now on, for a while.
   */
  get isShort(): boolean {
    this.#watch();
    return this.#queue.isShort;
  }

  /** Connections that are held now. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** A request of a connection that may have to wait. It may be held before this returns. */
  noteRequest(connection: Turned): void {
    this.#watch();
    this.#requests += 1;
    if (this.#requests % requestsUnseen === 0) this.#queue.look(this.#nowMs());
    if (!this.#queue.isShort) return;
    this.#queue.noteRequest(connection);
    this.#turn();
  }

  /** It has ended, or need not wait any more; then it is released. */
  forget(connection: Turned): void {
    this.#queue.forget(connection);
  }

  /** Releases all, and holds nobody from now on. */
  close(): void {
    this.#isClosed = true;
    this.#queue.close();
    this.#stop();
  }

  #watch(): void {
    this.#quietTicks = 0;
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#queue.start(this.#nowMs());
    this.#busy();
    this.#timer = setInterval(this.#tick, tickMs).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #tick = (): void => {
    this.#queue.tick(this.#nowMs(), this.#busy());
    this.#quietTicks += 1;
    if (this.#quietTicks > quietTicks && !this.#queue.isShort) this.#stop();
  };

  /** Not by the timer: what waits is released also when timers are late. */
  #turn(): void {
    if (this.#isTurning || !this.#queue.isTurning) return;
    this.#isTurning = true;
    setImmediate(this.#round);
  }

  readonly #round = (): void => {
    this.#isTurning = false;
    this.#queue.round(this.#nowMs());
    this.#turn();
  };
}

function loopBusy(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
