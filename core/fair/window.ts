/**
 * How many questions may be under way upstream. What is sent too early waits in the server's own queue, where a known resolver's
 * question stands behind those of strangers; what is sent too late leaves the server idle.
 *
 * The window is found much as TCP Vegas does (Brakmo, Peterson, 1995). With the latency L of a full window, the latency B that an
 * answer takes where nothing queues, and X answers in a unit of time, X * L questions are at the server (Little's law), and
 * X * (L - B) of them are not worked on but wait. If these are next to none the window grows, by more and more while it stays so;
 * if they are more than a few, a smaller one is tried. It grows only if it was really full: if questions waited for it.
 *
 * B is the smallest L of a round (round.ts) until a trial says otherwise. Every shrinking is a trial: if as many answers come from
 * the smaller window, what was above it only queued, and the window stays there; if fewer come in proportion, nobody profits,
 * the window is put back, and B is what was just measured. So a route that became longer, or names that became slower, cost
 * one trial and not the window. At the least window there is nothing to shrink, so there a larger one is tried in the same way.
 * While the window is full a trial is also made now and then without need, at most every second and at least every half minute, so
 * that a B that was learned while the server was busy is found out. In any case B is at least L / W, because a server that is
 * never idle answers at least one question in the time B.
 *
 * Silence: a question without an answer gives up its place after some time (patience.ts), and does not count unless many are
 * silent. Then an answer is taken to cost all that had to be sent for it, by the same rules. Where hardly anything is answered
 * nothing is learned, the window goes back to where it began, and patience slows down what is sent.
 *
 * Limitations: all servers together are one window, so of two the slower one has the longer queue. A round is of 64 questions or
 * more, or half a second, so a queue at a server of 500 questions a second is found and gone after about a second. Where service
 * times are very irregular (exponential), B is known to some ten percent only, and the window is now and then too large or too
 * small by as much as half for some rounds. A server that says nothing to what is above its rate, at any queue, looks almost as one
 * with many names that nobody answers, and the window is then too large: `rate` is there for those. What stands above its
 * receive buffer is found, by the latency before. Latencies are taken by our own clock: if this process is slow, its own delay
 * is a part of them.
 */
import type { FairLimits } from './limits.ts';
import { Pace } from './pace.ts';
import { Patience } from './patience.ts';
import { Round } from './round.ts';

/** It grows while at most so many queue at the server, and this part of it… */
const queuedCount = 0.5;
const queuedPart = 0.05;
/**
 * …and this part of what the spread of latencies is worth: where service takes now longer and now shorter, the server is idle
 * between unless a few queue there, and nobody can tell their wait from the rest.
 */
const queuedSpread = 0.7;
/** While it doubles, a windowful is sent nearly at once and queues for a moment wherever it is sent. */
const queuedAtStart = 0.15;
/** Above so many times that, a smaller one is tried. */
const tooMany = 1.8;
/**
 * A queue that takes no longer than this at the server is none that anybody feels, and it lets both sides do several questions at
 * a time: where they share a processor that is worth more than half of what they can do.
 */
const tolerableMs = 1;
/** What the server could do is forgotten by half in this time: it may not be able to do it any more. */
const halfLifeMs = 4_000;
/** Where it starts, and what is left when it is not needed, unless the limits say otherwise: as in TCP (RFC 6928). */
const restingSize = 10;
/** The part of it by which the window grows in a round, at first after it was too large; doubles with each round up to all. */
const leastGrowth = 0.05;
/** The same after a trial has shown that a larger one is needed. */
const renewedGrowth = 0.2;
/** Where much queues, a trial takes at most this part. */
const mostExcessPart = 0.5;
/** What comes of more than this part is seen at once, of less only in a long round. */
const grossPart = 0.3;
/**
 * If the number of answers changes by more than this power of the window, the window is needed: 1 if all of it is, 0 if nothing.
 * Where a queue is believed in, more is asked for.
 */
const enoughProfit = 0.3;
const believedProfit = 0.8;
/** Part of a round in which something must have waited, for the window to be called full. */
const fullEnough = 0.25;
/** A window that is not needed goes, by this part in a round, down to twice what was. */
const disuse = 1 / 8;
/** A trial without need has found something if an answer takes less than this part of what it was thought to take. */
const surprise = 0.9;
/** Time between trials without need: the first after one that found something, then twice as much each time. */
const leastTrialGapMs = 1_000;
const mostTrialGapMs = 30_000;
/**
 * A round has at least as many questions, because the middle of fewer says little; where much queues, quicker is better. While
 * the window doubles a round is a windowful, of whatever began when.
 */
const roundLengths = { long: 128, short: 64, start: 16 } as const;
type RoundKind = keyof typeof roundLengths;

interface Trial {
  /** Made because too much seemed to queue, and not only to look. */
  readonly isNeeded: boolean;
  readonly from: number;
  readonly cost: number;
  readonly perMs: number;
  /** The first of several in a row. */
  readonly first: { readonly size: number; readonly base: number };
}

export class Window {
  readonly #limits: () => FairLimits;
  readonly #pace: Pace;
  readonly #patience = new Patience();
  readonly #round = new Round();
  #size = 1;
  /** Under way and in their place. */
  #placed = 0;
  /** Under way without a place any more. */
  #late = 0;
  /** B of above, with the surcharge for silence; undefined until there was a round. */
  #base: number | undefined = undefined;
  /** Answers in a millisecond of the last round; of what came in clumps no more than fits into the window. */
  #perMs = 0;
  /** The most answers in a millisecond, slowly forgotten. */
  #mostPerMs = 0;
  #lookedMs = 0;
  #growth = 1;
  #trial: Trial | undefined = undefined;
  #trialGapMs = leastTrialGapMs;
  #nextTrialMs = leastTrialGapMs;

  /** `rate` is how many a second are sent at most, above 0; undefined for as many as there are. */
  constructor(options: { limits: () => FairLimits; rate?: (() => number | undefined) | undefined }) {
    this.#limits = options.limits;
    this.#pace = new Pace(options.rate ?? (() => undefined));
    this.#size = this.#resting;
    this.#round.begin(-Infinity, Math.max(roundLengths.start, this.size));
  }

  /** How many may be under way, a whole number. */
  get size(): number {
    return Math.floor(Math.max(this.#least, Math.min(this.#most, this.#size)));
  }

  get underWay(): number {
    return this.#placed + this.#late;
  }

  /** What an answer takes where nothing queues, milliseconds; undefined as long as that is not known. */
  get baseMs(): number | undefined {
    return this.#base;
  }

  /** How long a question keeps its place without an answer; Infinity while too many have lost theirs. */
  get patienceMs(): number {
    return this.#late < this.#limits()['upstream-late'] ? this.#patience.ms : Infinity;
  }

  hasRoom(nowMs: number): boolean {
    return this.hasPlace && this.#pace.hasRoom(nowMs);
  }

  /** There is a place, though perhaps it is too early for the rate. */
  get hasPlace(): boolean {
    return this.#placed < this.size;
  }

  /** When the rate allows one more. */
  roomMs(nowMs: number): number {
    return this.#pace.roomMs(nowMs);
  }

  begun(): void {
    this.#placed += 1;
    this.#pace.take();
  }

  /** A question that had its place is over. */
  ended(beganMs: number, nowMs: number, answered: boolean): void {
    if (answered) {
      this.#patience.answered(nowMs - beganMs);
      this.#round.answered(beganMs, nowMs, this.#placed);
    } else this.#round.silent();
    this.#placed -= 1;
    if (this.#round.isOver(nowMs)) this.#look(nowMs);
  }

  /** A question has been patient enough: its place is free. */
  giveAway(): void {
    this.#placed -= 1;
    this.#late += 1;
    this.#patience.silent(this.size);
    this.#round.silent();
  }

  /** A question whose place was given away is over. */
  endedLate(beganMs: number, nowMs: number, answered: boolean): void {
    this.#late -= 1;
    if (answered) this.#patience.late(nowMs - beganMs, this.size);
  }

  /** Said once for each question that is over: whether something waits only because no place is free. */
  noteEnded(isFull: boolean): void {
    this.#round.noteEnded(isFull);
  }

  /** What the server was seen to answer in a tolerable time is not too much, whatever latencies say. */
  get #least(): number {
    const limits = this.#limits();
    const least = Math.max(limits['upstream-at-once-min'], Math.floor(this.#mostPerMs * tolerableMs));
    return Math.min(least, limits['upstream-at-once']);
  }

  get #most(): number {
    return this.#limits()['upstream-at-once'];
  }

  get #resting(): number {
    return Math.max(this.#least, Math.min(this.#most, restingSize));
  }

  /** A round is over. */
  #look(nowMs: number): void {
    const round = this.#round;
    const latencyMs = round.latencyMs();
    this.#perMs = Math.min(round.perMs, this.size / (latencyMs ?? Infinity));
    const remains = 2 ** -((nowMs - this.#lookedMs) / halfLifeMs);
    this.#mostPerMs = Math.max(this.#perMs, this.#mostPerMs * remains);
    this.#lookedMs = nowMs;
    let next: RoundKind = 'long';
    if (latencyMs === undefined) this.#lookAtSilence();
    else {
      this.#patience.learn(latencyMs);
      const cost = latencyMs * round.surcharge;
      if (round.fullness < fullEnough) this.#lookAtRest(cost, nowMs);
      else if (this.#trial !== undefined) this.#judge(this.#trial, cost, nowMs);
      else next = this.#lookAtFull(cost, nowMs);
    }
    round.begin(nowMs, Math.max(this.size, roundLengths[next]), next === 'start' ? -Infinity : nowMs);
  }

  /** Hardly anything is answered: nothing is learned, but as much as in the beginning is enough. */
  #lookAtSilence(): void {
    this.#trial = undefined;
    this.#growth = leastGrowth;
    this.#size = Math.min(this.#size, Math.max(this.#resting, this.#size / 2));
  }

  /** The window was not the bottleneck: all there is to learn is that answers can be quicker. */
  #lookAtRest(cost: number, nowMs: number): void {
    this.#nextTrialMs = nowMs + this.#trialGapMs;
    if (this.#trial !== undefined) this.#size = this.#trial.from;
    this.#trial = undefined;
    this.#base = Math.min(cost, this.#base ?? cost);
    const needed = Math.max(this.#resting, this.#round.peak * 2);
    if (needed >= this.#size) return;
    this.#size = Math.max(needed, this.#size * (1 - disuse));
    this.#growth = 1;
  }

  /** Says which round is next. */
  #lookAtFull(cost: number, nowMs: number): RoundKind {
    const { size } = this;
    const base = Math.max(
      Math.min(cost, this.#base ?? this.#round.quickestMs * this.#round.surcharge),
      cost / size,
    );
    this.#base = base;
    // Little's law; not the window, because some of it may be names that are slow or silent.
    const worked = this.#perMs * cost;
    const queued = worked * (1 - base / cost);
    const isStart = this.#growth === 1;
    const spread = isStart ? queuedAtStart : Math.min(0.5, (queuedSpread * this.#round.spreadMs) / cost);
    const good = queuedCount + (queuedPart + spread) * worked;
    if (queued > good && cost - base <= tolerableMs && size < this.#most) {
      this.#size = size + Math.max(1, size / 8);
      return 'long';
    }
    if (queued <= good && size < this.#most) {
      this.#size = size + Math.max(1, size * this.#growth);
      this.#growth = Math.min(1, this.#growth * 2);
      return isStart ? 'start' : 'long';
    }
    this.#growth = leastGrowth;
    if (isStart) return 'short';
    if (queued > good * tooMany && size > this.#least) {
      const excess = Math.min(queued - good, size * mostExcessPart);
      this.#try(size - Math.max(stepOf(size), excess), cost, true);
      return excess > size * grossPart ? 'short' : 'long';
    }
    if (nowMs >= this.#nextTrialMs)
      this.#try(size + (size > this.#least ? -stepOf(size) : stepOf(size)), cost, false);
    return 'long';
  }

  /** False if the limits leave no room for it. */
  #try(size: number, cost: number, isNeeded: boolean, first?: Trial['first']): boolean {
    const from = this.size;
    this.#size = Math.round(Math.max(this.#least, Math.min(this.#most, size)));
    if (this.size === from) return false;
    const perMs = this.#perMs;
    this.#trial = { isNeeded, from, cost, perMs, first: first ?? { size: from, base: this.#base ?? cost } };
    return true;
  }

  /** As many answers from another window: it only queues. As many fewer or more: it is needed. */
  #judge(trial: Trial, cost: number, nowMs: number): void {
    const { size } = this;
    const perMs = this.#perMs;
    const isDown = size < trial.from;
    const profit = Math.log(perMs / trial.perMs) / Math.log(size / trial.from);
    const isQueue = profit < (trial.isNeeded ? believedProfit : enoughProfit);
    this.#trial = undefined;
    if (isQueue !== isDown) this.#size = trial.from;
    if (!isQueue && (trial.isNeeded || !isDown)) {
      this.#base = cost;
      this.#growth = renewedGrowth;
    } else this.#base = Math.max(Math.min(cost, trial.cost, this.#base ?? cost), cost / size);
    if (isDown && isQueue && size === this.#least) this.#base = cost / size;
    const isFound = isDown && this.#base < trial.first.base * surprise;
    // Where there was one, there may be more; one that was needed is repeated if need be.
    if (isDown && isQueue && !trial.isNeeded && this.#try(size - stepOf(size), cost, false, trial.first))
      return;
    if (!trial.isNeeded && !isFound && isDown) this.#size = trial.first.size;
    const isNews = isFound || (trial.isNeeded && !isQueue);
    this.#trialGapMs = isNews ? leastTrialGapMs : Math.min(mostTrialGapMs, this.#trialGapMs * 2);
    this.#nextTrialMs = nowMs + this.#trialGapMs;
  }
}

/** By how much a window is changed to see what comes of it: enough to be seen, not so much that it hurts. */
function stepOf(size: number): number {
  return Math.max(1, size / 8, Math.min(size / 4, 4));
}
