/**
 * Who reads when a processor is too slow for all: those of low rank wait for turns.
 *
 *     short of time? → whoever has no turn is held after one request, and waits in a queue → some are released in each round of
 *     the event loop → after its turn a connection is held again, and waits behind all others
 *
 * A round serves everybody who is not held, and those few. Their number follows from how long rounds take: one more while that
 * is less than it should be, a third less when it is more. So those of high rank wait for one short round, whatever
 * the others send, and the others have all the time that is left. What they send meanwhile is kept by TCP, at their end.
 *
 * Limitations: turns go to connections, not to those who open them; how many connections an address may have is
 * bounded elsewhere. Times and the measure of the load are passed in.
 */
import type { ReadTurnsLimits } from './read-turns-limits.ts';

/** A connection that can wait: see AnswerConnection. `release` must not take requests before it returns. */
export interface Turned {
  hold(): void;
  release(): void;
}

/** Milliseconds between two looks at the load. */
export const tickMs = 10;
/** A look that is later than this means that others wait as long. */
const lateMs = 15;
/** The time over which the load is averaged, in milliseconds: a single long task is no shortage. */
const averageMs = 100;
/** Load above which the time is short, as a part of 1: beyond it queues build up at the least chance. */
const shortAbove = 0.9;
/** Load below which it is short no more; lower, so that it does not change to and fro. */
const enoughBelow = 0.75;
/** Ticks after which a turn that was not used is over: nobody saves turns for later. */
const turnTicks = 2;
/** What is left of the number that is released in a round, after one that took too long. */
const lessAfterLong = 0.7;
/** Rounds after which what a connection sends is read, and answered, if it was released and has sent something already. */
const effectRounds = 3;

interface Turn {
  left: number;
  tick: number;
}

export class TurnQueue {
  readonly #limits: () => ReadTurnsLimits;
  readonly #turns = new Map<Turned, Turn>();
  /** In the order in which they will be released. */
  readonly #waiting = new Set<Turned>();
  #isShort = false;
  #load = 0;
  #tick = 0;
  #tickedMs: number;
  /** Connections that are released in one round. */
  #share = 1;
  /** Whether the last round released as many as it may. */
  #wasFull = false;
  /** When the last round was, if they follow each other now. */
  #roundMs: number | undefined;
  /** Rounds in which what was released last may still have an effect. */
  #roundsLeft = 0;

  constructor(limits: () => ReadTurnsLimits, nowMs: number) {
    this.#limits = limits;
    this.#tickedMs = nowMs;
  }

  /** Whether connections have to wait for turns. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Connections that are held. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Begins to look at the load, after a time in which nobody did. */
  start(nowMs: number): void {
    this.#tickedMs = nowMs;
    this.#load = 0;
  }

  /** A connection that may have to wait has sent a request, which is taken; the next may have to wait. */
  noteRequest(connection: Turned): void {
    if (!this.#isShort) return;
    const turn = this.#turns.get(connection);
    if (turn !== undefined && this.#tick - turn.tick <= turnTicks) {
      turn.left -= 1;
      if (turn.left > 0) return;
    }
    this.#turns.delete(connection);
    if (this.#waiting.has(connection)) return;
    this.#waiting.add(connection);
    connection.hold();
  }

  /** It has ended, or need not wait any more. */
  forget(connection: Turned): void {
    this.#turns.delete(connection);
    if (this.#waiting.delete(connection)) connection.release();
  }

  /** To be called in the middle of much work, too: whether the next tick has been due for too long. */
  look(nowMs: number): void {
    if (nowMs - this.#tickedMs > tickMs + lateMs) this.#begin();
  }

  /** To be called each `tickMs`. `busy` is the part of the time since the last call in which the process did not wait for work. */
  tick(nowMs: number, busy: number): void {
    const sinceMs = Math.max(0, nowMs - this.#tickedMs);
    const isLate = sinceMs > tickMs + lateMs;
    this.#tick += 1;
    this.#tickedMs = nowMs;
    const weight = 1 - Math.exp(-sinceMs / averageMs);
    this.#load += (busy - this.#load) * weight;
    if (isLate || this.#load >= shortAbove) this.#begin();
    else if (this.#load < enoughBelow && this.#waiting.size === 0) this.#end();
  }

  /** Whether `round` is to be called: somebody waits, or what the last of them sent is not done yet. */
  get isTurning(): boolean {
    return this.#waiting.size > 0 || this.#roundsLeft > 0;
  }

  /**
   * To be called in each round of the event loop while `isTurning`, and the process must not wait for work between two of
   * these rounds: releases the next, at least one.
   */
  round(nowMs: number): void {
    const tookMs = nowMs - (this.#roundMs ?? nowMs);
    if (tookMs > this.#limits()['turn-time'])
      this.#share = Math.max(1, Math.floor(this.#share * lessAfterLong));
    else if (this.#wasFull) this.#share += 1;
    this.#wasFull = this.#waiting.size >= this.#share;
    if (this.#waiting.size > 0) this.#roundsLeft = effectRounds;
    else this.#roundsLeft -= 1;
    this.#release(this.#share);
    this.#roundMs = this.isTurning ? nowMs : undefined;
  }

  /** Nobody waits any more. */
  close(): void {
    this.#release(this.#waiting.size);
    this.#roundsLeft = 0;
    this.#end();
  }

  #begin(): void {
    this.#isShort = true;
    // However it was seen: it is to end when there is time enough for a while.
    this.#load = Math.max(this.#load, shortAbove);
  }

  #release(count: number): void {
    let left = Math.min(count, this.#waiting.size);
    for (const connection of this.#waiting) {
      if (left === 0) return;
      left -= 1;
      this.#waiting.delete(connection);
      this.#turns.set(connection, { left: this.#limits()['turn-requests'], tick: this.#tick });
      connection.release();
    }
  }

  #end(): void {
    this.#isShort = false;
    this.#turns.clear();
    this.#share = 1;
    this.#wasFull = false;
  }
}
