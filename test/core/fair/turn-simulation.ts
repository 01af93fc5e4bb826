/**
 * An event loop with one processor, in a time that is not real: each request costs some of it, and all that is there is done
 * before the loop looks again, as libuv does it.
 */
import { TurnQueue, tickMs, type Turned } from '../../../core/fair/turn-queue.ts';
import { readTurnsLimits, type ReadTurnsLimits } from '../../../core/fair/read-turns-limits.ts';
import { limitsOf } from '../../support/limits.ts';

/** Requests that one read gives, at most. */
const readRequests = 1_000;
/** What a round of the loop costs by itself, in milliseconds. */
const roundMs = 0.02;

export class Stranger implements Turned {
  /** Requests that are there, unread. */
  backlog = 0;
  done = 0;
  isHeld = false;
  isGone = false;
  /** Rounds of the loop until it is read again: that takes two. */
  sleeps = 0;
  /** Times that it was held. */
  holds = 0;

  hold(): void {
    if (this.isHeld) throw new Error('held twice');
    this.isHeld = true;
    this.holds += 1;
  }

  release(): void {
    if (!this.isHeld) throw new Error('released, but not held');
    this.isHeld = false;
    this.sleeps = 2;
  }
}

export interface SimulationOptions {
  readonly strangers: number;
  /** Milliseconds of the processor for a request. */
  readonly strangerMs?: number;
  readonly knownMs?: number;
  /** Requests of known clients, a second; 0 for none. */
  readonly knownRate?: number;
  readonly limits?: Partial<ReadTurnsLimits>;
  /** Whether anybody has to wait at all. */
  readonly hasTurns?: boolean;
}

export class Simulation {
  readonly queue: TurnQueue;
  readonly strangers: Stranger[];
  /** What known clients waited, in milliseconds. */
  readonly delays: number[] = [];
  nowMs = 0;
  strangerMs: number;
  readonly #knownMs: number;
  readonly #gapMs: number;
  readonly #hasTurns: boolean;
  #nextKnownMs: number;
  #nextTickMs = tickMs;
  #idleMs = 0;
  #requests = 0;

  constructor(options: SimulationOptions) {
    const { strangers, strangerMs = 0.02, knownMs = 0.02, knownRate = 0, limits, hasTurns = true } = options;
    this.queue = new TurnQueue(() => limitsOf(readTurnsLimits, limits), 0);
    this.strangers = Array.from({ length: strangers }, () => new Stranger());
    this.strangerMs = strangerMs;
    this.#knownMs = knownMs;
    this.#gapMs = knownRate === 0 ? Infinity : 1_000 / knownRate;
    this.#nextKnownMs = this.#gapMs;
    this.#hasTurns = hasTurns;
  }

  /** All strangers send as much as they can, or no more. */
  flood(isOn = true): void {
    for (const stranger of this.strangers) stranger.backlog = isOn ? Infinity : 0;
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) this.#round(endMs);
  }

  /** Of what known clients waited, from the so-manyth on: the delay that this part of them did not exceed. */
  delay(part: number, from = 0): number {
    const sorted = this.delays.slice(from).sort((one, other) => one - other);
    return sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
  }

  get done(): number {
    return this.strangers.reduce((sum, { done }) => sum + done, 0);
  }

  get held(): number {
    return this.strangers.filter(({ isHeld, isGone }) => isHeld && !isGone).length;
  }

  #round(endMs: number): void {
    if (!this.queue.isTurning) this.#sleep(endMs);
    this.nowMs += roundMs;
    const readMs = this.nowMs;
    if (readMs >= this.#nextTickMs) this.#tick();
    for (; this.#nextKnownMs <= readMs; this.#nextKnownMs += this.#gapMs) {
      this.nowMs += this.#knownMs;
      this.delays.push(this.nowMs - this.#nextKnownMs);
    }
    for (const stranger of this.strangers) this.#read(stranger);
    if (this.queue.isTurning) this.queue.round(this.nowMs);
  }

  #read(stranger: Stranger): void {
    if (stranger.isHeld || stranger.isGone) return;
    if (stranger.sleeps > 0) {
      stranger.sleeps -= 1;
      return;
    }
    const { holds } = stranger;
    for (let left = readRequests; left > 0 && stranger.backlog > 0 && stranger.holds === holds; left -= 1) {
      stranger.backlog -= 1;
      stranger.done += 1;
      this.nowMs += this.strangerMs;
      if (!this.#hasTurns) continue;
      this.#requests += 1;
      if (this.#requests % 16 === 0) this.queue.look(this.nowMs);
      this.queue.noteRequest(stranger);
    }
  }

  /** Until something is to be done. */
  #sleep(endMs: number): void {
    const isReady = this.strangers.some(({ backlog, isHeld, isGone }) => backlog > 0 && !isHeld && !isGone);
    const nextMs = isReady ? this.nowMs : Math.min(this.#nextKnownMs, this.#nextTickMs, endMs);
    if (nextMs <= this.nowMs) return;
    this.#idleMs += nextMs - this.nowMs;
    this.nowMs = nextMs;
  }

  #tick(): void {
    const sinceMs = this.nowMs - (this.#nextTickMs - tickMs);
    const busy = Math.max(0, 1 - this.#idleMs / sinceMs);
    this.#idleMs = 0;
    this.#nextTickMs = this.nowMs + tickMs;
    this.queue.tick(this.nowMs, busy);
  }
}
