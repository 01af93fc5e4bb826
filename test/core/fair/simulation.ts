/**
 * A world of its own time: clients that send questions, the fair queue, and a server with a wire before it. Nothing here waits
 * or looks at a clock; the same seed gives the same run.
 */
import { FairEntry, type FairClass, type ShedReason } from '../../../core/fair/fair-entry.ts';
import { FairQueue } from '../../../core/fair/fair-queue.ts';
import { defaultFairLimits, type FairLimits } from '../../../core/fair/limits.ts';
import { Window } from '../../../core/fair/window.ts';

/** Numbers from 0 up to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Act = (nowMs: number) => void;

/** What is to happen, by time: a heap in two arrays. */
class Agenda {
  readonly #times: number[] = [];
  readonly #acts: Act[] = [];

  get nextMs(): number {
    return this.#times[0] ?? Infinity;
  }

  put(timeMs: number, act: Act): void {
    const times = this.#times;
    const acts = this.#acts;
    let at = times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= timeMs) break;
      times[at] = times[parent]!;
      acts[at] = acts[parent]!;
      at = parent;
    }
    times[at] = timeMs;
    acts[at] = act;
  }

  take(): Act {
    const times = this.#times;
    const acts = this.#acts;
    const taken = acts[0]!;
    const timeMs = times.pop()!;
    const act = acts.pop()!;
    const { length } = times;
    if (length === 0) return taken;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && times[child + 1]! < times[child]!) child += 1;
      if (times[child]! >= timeMs) break;
      times[at] = times[child]!;
      acts[at] = acts[child]!;
      at = child;
    }
    times[at] = timeMs;
    acts[at] = act;
    return taken;
  }
}

/** Takes a question at a time; gives when it is answered, undefined for never. */
export type ServerModel = (nowMs: number, random: () => number) => number | undefined;

/** One thread, first come first served; half of the wire lies before it. */
export function oneThread(options: { rate: number; wireMs: number; spread?: boolean }): ServerModel {
  return threads({ ...options, count: 1 });
}

/** Some threads that share one queue, all together `rate` a second; `spread`: service times are exponential. */
export function threads(options: {
  count: number;
  rate: number;
  wireMs: number;
  spread?: boolean;
}): ServerModel {
  const freeMs = new Array<number>(options.count).fill(0);
  const serviceMs = (1000 * options.count) / options.rate;
  return (nowMs, random) => {
    let first = 0;
    for (let index = 1; index < freeMs.length; index += 1) if (freeMs[index]! < freeMs[first]!) first = index;
    const takesMs = options.spread === true ? -Math.log(1 - random()) * serviceMs : serviceMs;
    const doneMs = Math.max(freeMs[first]!, nowMs + options.wireMs / 2) + takesMs;
    freeMs[first] = doneMs;
    return doneMs + options.wireMs / 2;
  };
}

/** One thread, and a buffer before it: what finds it full has no answer. */
export function bounded(options: { rate: number; wireMs: number; room: number }): ServerModel {
  const serviceMs = 1000 / options.rate;
  let freeMs = 0;
  return (nowMs) => {
    const arrivesMs = nowMs + options.wireMs / 2;
    if (freeMs - arrivesMs > options.room * serviceMs) return undefined;
    freeMs = Math.max(freeMs, arrivesMs) + serviceMs;
    return freeMs + options.wireMs / 2;
  };
}

/** Answers after the same time, and says nothing to what is above its rate (with room for so many at once). */
export function dropping(options: { rate: number; wireMs: number; burst: number }): ServerModel {
  let tokens = options.burst;
  let countedMs = 0;
  return (nowMs) => {
    tokens = Math.min(options.burst, tokens + ((nowMs - countedMs) * options.rate) / 1000);
    countedMs = nowMs;
    if (tokens < 1) return undefined;
    tokens -= 1;
    return nowMs + options.wireMs;
  };
}

/** Who sends: clients of a class, with arrivals at random, from a time to a time. */
export interface Sender {
  readonly of: FairClass;
  readonly clients: number;
  readonly name: string;
  /** Of all its clients together. */
  readonly perSecond: number;
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** What became of a sender's questions. */
export class Tally {
  sent = 0;
  begun = 0;
  answered = 0;
  shed = 0;
  silent = 0;
  readonly tookMs: number[] = [];

  /** Of the answered; 0.99 for the slowest of the quickest 99 in a hundred. */
  percentile(part: number): number {
    const sorted = Float64Array.from(this.tookMs).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }
}

export interface WorldOptions {
  readonly server: ServerModel;
  readonly senders: readonly Sender[];
  readonly forMs: number;
  /** Before this time nothing is counted. */
  readonly countFromMs?: number;
  readonly seed?: number;
  readonly limits?: Partial<FairLimits>;
  readonly rate?: number | undefined;
  /** After so long the owner gives up on a silent question. */
  readonly giveUpMs?: number;
  readonly at?: readonly { readonly timeMs: number; readonly act: (world: World) => void }[];
}

class Question extends FairEntry {
  readonly #world: World;
  readonly #tally: Tally;
  readonly #arrivedMs: number;

  constructor(world: World, tally: Tally, sender: Sender, client: string, nowMs: number) {
    super(sender.of, client);
    this.#world = world;
    this.#tally = tally;
    this.#arrivedMs = nowMs;
  }

  begin(nowMs: number): void {
    const counts = this.#world.counts(this.#arrivedMs);
    if (counts) {
      this.#tally.begun += 1;
      this.#world.begunBy.set(this.client, (this.#world.begunBy.get(this.client) ?? 0) + 1);
    }
    this.#world.serve(nowMs, (endMs, answered) => {
      this.#world.queue.ended(this, endMs, answered);
      if (!counts) return;
      if (!answered) this.#tally.silent += 1;
      else {
        this.#tally.answered += 1;
        this.#tally.tookMs.push(endMs - this.#arrivedMs);
      }
    });
  }

  shed(_why: ShedReason): void {
    if (this.#world.counts(this.#arrivedMs)) this.#tally.shed += 1;
  }
}

export class World {
  readonly window: Window;
  readonly queue: FairQueue;
  readonly tallies: readonly Tally[];
  /** Answers of the server since counting began. */
  served = 0;
  server: ServerModel;
  nowMs = 0;
  mostWaiting = 0;
  mostUnderWay = 0;
  /** Questions that have begun, by client. */
  readonly begunBy = new Map<string, number>();
  readonly #options: WorldOptions;
  readonly #agenda = new Agenda();
  readonly #random: () => number;
  #wakeMs = Infinity;

  constructor(options: WorldOptions) {
    this.#options = options;
    const limits = { ...defaultFairLimits, ...options.limits };
    this.window = new Window({ limits: () => limits, rate: () => options.rate });
    this.queue = new FairQueue({ limits: () => limits, window: this.window });
    this.server = options.server;
    this.#random = randomFrom((options.seed ?? 1) + 7919);
    this.tallies = options.senders.map((sender, index) =>
      this.#send(sender, randomFrom((options.seed ?? 1) * 1009 + index)),
    );
    for (const { timeMs, act } of options.at ?? [])
      this.#agenda.put(timeMs, () => {
        act(this);
      });
  }

  counts(timeMs: number): boolean {
    return timeMs >= (this.#options.countFromMs ?? 0);
  }

  serve(nowMs: number, over: (endMs: number, answered: boolean) => void): void {
    const atMs = this.server(nowMs, this.#random);
    this.#agenda.put(atMs ?? nowMs + (this.#options.giveUpMs ?? 5_000), (endMs) => {
      if (atMs !== undefined && this.counts(endMs) && endMs <= this.#options.forMs) this.served += 1;
      over(endMs, atMs !== undefined);
    });
  }

  /** Runs to the end of time, and what is then under way to its own end. */
  run(untilMs = Infinity): this {
    const agenda = this.#agenda;
    for (;;) {
      const nextMs = Math.min(agenda.nextMs, this.#wakeMs);
      if (nextMs === Infinity || nextMs > untilMs) return this;
      this.nowMs = nextMs;
      if (this.#wakeMs <= agenda.nextMs)
        this.#wakeMs = Math.max(nextMs + 1e-3, this.queue.advance(nextMs) ?? Infinity);
      else {
        agenda.take()(nextMs);
        if (this.queue.waiting > this.mostWaiting) this.mostWaiting = this.queue.waiting;
        if (this.queue.underWay > this.mostUnderWay) this.mostUnderWay = this.queue.underWay;
        this.#wakeMs = this.queue.dueMs(nextMs) ?? Infinity;
      }
    }
  }

  #send(sender: Sender, random: () => number): Tally {
    const tally = new Tally();
    const names = Array.from({ length: sender.clients }, (_, index) => `${sender.name}${String(index)}`);
    const toMs = Math.min(sender.toMs ?? Infinity, this.#options.forMs);
    const after = (nowMs: number): number => nowMs - (Math.log(1 - random()) * 1000) / sender.perSecond;
    const arrive = (nowMs: number): void => {
      if (nowMs >= toMs) return;
      if (this.counts(nowMs)) tally.sent += 1;
      const client = names[Math.floor(random() * names.length)]!;
      this.queue.add(new Question(this, tally, sender, client, nowMs), nowMs);
      this.#agenda.put(after(nowMs), arrive);
    };
    this.#agenda.put(after(sender.fromMs ?? 0), arrive);
    return tally;
  }
}
