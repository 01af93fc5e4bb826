/**
 * Answers to questions: from memory, or from where they come from, which is asked once for all who ask the same at the same
 * time; and from memory again, though too old, when nobody else answers (RFC 8767).
 *
 * Memory, questions under way and old answers are apart by the scope in the key (QueryReader.enter): no answer crosses it.
 */
import { EdeCode, Rcode } from '../dns/constants.ts';
import { encodeOptions, extendedError } from '../dns/edns.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { AnswerCache, type CachedAnswer } from './answer-cache.ts';
import { KeyTable, type KeySought, type Keyed } from './key-table.ts';
import { storeAnswer, type KeepBounds, type StoredAnswer } from './stored-answer.ts';

/** What came of a question: a whole response, with more to be said of it (RFC 8914), or why there is none. */
export type SourceOutcome =
  | { readonly octets: Buffer; readonly infoCode?: number | undefined; readonly text?: string | undefined }
  | SourceFailure;

/** For the operator; the client gets the Extended DNS Error. */
export interface SourceFailure {
  readonly failure: string;
  readonly isTimeout: boolean;
}

/** Where answers come from. Calls `end` once, now or later, unless the question is given up before. */
export type Source = (end: (outcome: SourceOutcome) => void) => () => void;

/** Somebody who waits. One of the two is called, once. */
export interface Waiting {
  answered(answer: StoredAnswer, extras: AnswerExtras): void;
  failed(failure: SourceFailure): void;
}

/** What is to be said with an answer: see `ReplyExtras`. */
export interface AnswerExtras {
  readonly ageSeconds: number;
  readonly staleTtl?: number | undefined;
  readonly extendedErrors?: Buffer | undefined;
}

/** Times in milliseconds, sizes in octets. */
export interface AnswerLimits {
  readonly entries: number;
  readonly octets: number;
  /** How long an answer that has grown too old may be given; 0: never. */
  readonly staleMs: number;
  /** How long somebody waits for a fresh answer before he gets the old one. */
  readonly staleAfterMs: number;
  /** Questions under way. */
  readonly questions: number;
  readonly keep: KeepBounds;
}

export interface AnswersOptions {
  readonly limits: AnswerLimits;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** RFC 8767 section 4: the TTL of an old answer. */
const staleTtl = 30;
/** RFC 8767 section 5: after a failure nobody is asked for as long, while there is an old answer. */
const recheckAfterMs = 30_000;

interface Flight extends Keyed {
  readonly waiting: Waiting[];
  giveUp: () => void;
  /** When the old answer is given. */
  timer: NodeJS.Timeout | undefined;
}

export class Answers {
  readonly #cache: AnswerCache;
  readonly #flights = new KeyTable<Flight>();
  readonly #open = new Set<Flight>();
  readonly #nowMs: () => number;
  #limits: AnswerLimits;

  constructor({ limits, nowMs }: AnswersOptions) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#cache = new AnswerCache(limits);
  }

  get entries(): number {
    return this.#cache.size;
  }

  get octets(): number {
    return this.#cache.octets;
  }

  get underWay(): number {
    return this.#open.size;
  }

  setLimits(limits: AnswerLimits): void {
    this.#limits = limits;
    this.#cache.setBounds(limits);
  }

  /** What is in memory and may be given: fresh, or old while a fresher one cannot be had (see `isStale`). */
  find(sought: KeySought, nowMs: number): CachedAnswer | undefined {
    const cached = this.#cache.find(sought, nowMs);
    if (cached === undefined) return undefined;
    return nowMs < cached.freshUntilMs || nowMs < cached.recheckMs ? cached : undefined;
  }

  /** Asks, or waits for the answer to somebody who has asked the same. `share` is the part of the places that it may take. */
  ask(sought: KeySought, waiting: Waiting, source: Source, share = 1): void {
    const underWay = this.#flights.find(sought);
    if (underWay !== undefined) {
      underWay.waiting.push(waiting);
      return;
    }
    if (this.#open.size >= this.#limits.questions * share) {
      this.#fail(sought, [waiting], tooMany);
      return;
    }
    this.#begin(sought, waiting, source);
  }

  /** Forgets everything; what is under way goes on. */
  clear(): void {
    this.#cache.clear();
  }

  /** Gives up what is under way. */
  close(): void {
    for (const flight of this.#open) {
      clearTimeout(flight.timer);
      flight.giveUp();
      for (const waiting of flight.waiting) waiting.failed(closed);
    }
    this.#open.clear();
    this.#flights.clear();
  }

  #begin(sought: KeySought, waiting: Waiting, source: Source): void {
    const key = Buffer.from(sought.key.subarray(0, sought.keyLength));
    const kept: KeySought = { hash: sought.hash, key, keyLength: key.length };
    const flight: Flight = { hash: kept.hash, key, waiting: [waiting], giveUp: nothing, timer: undefined };
    // One that it displaces goes on, and is found by nobody.
    this.#flights.add(flight);
    this.#open.add(flight);
    let hasEnded = false;
    const giveUp = source((outcome) => {
      hasEnded = true;
      this.#end(kept, flight, outcome);
    });
    if (hasEnded) return;
    flight.giveUp = giveUp;
    if (this.#limits.staleMs > 0 && this.#cache.find(kept, this.#nowMs()) !== undefined) {
      flight.timer = setTimeout(() => {
        this.#giveOld(kept, flight.waiting.splice(0));
      }, this.#limits.staleAfterMs);
    }
  }

  #end(sought: KeySought, flight: Flight, outcome: SourceOutcome): void {
    clearTimeout(flight.timer);
    this.#flights.remove(flight);
    this.#open.delete(flight);
    if ('failure' in outcome) {
      this.#fail(sought, flight.waiting, outcome);
      return;
    }
    let answer: StoredAnswer;
    try {
      answer = storeAnswer(outcome.octets, this.#limits.keep);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.#fail(sought, flight.waiting, { failure: `the answer is malformed: ${error.message}`, isTimeout: false });
      return;
    }
    const { infoCode, text } = outcome;
    if (infoCode !== undefined) {
      const extendedErrors = Buffer.concat([answer.extendedErrors, encodeOptions([extendedError(infoCode, text)])]);
      answer = { ...answer, extendedErrors };
    }
    const nowMs = this.#nowMs();
    // What was good once may be wanted again when nobody can be asked at all; a failure must not take its place.
    const isFailure = answer.rcode === Rcode.SERVFAIL && this.#cache.find(sought, nowMs) !== undefined;
    if (!isFailure) this.#cache.put(sought, answer, nowMs);
    for (const waiting of flight.waiting) waiting.answered(answer, fresh);
  }

  #fail(sought: KeySought, waiting: readonly Waiting[], failure: SourceFailure): void {
    this.#cache.noteFailure(sought, this.#nowMs() + recheckAfterMs);
    if (waiting.length === 0 || this.#giveOld(sought, waiting)) return;
    for (const each of waiting) each.failed(failure);
  }

  #giveOld(sought: KeySought, waiting: readonly Waiting[]): boolean {
    const nowMs = this.#nowMs();
    const cached = this.#cache.find(sought, nowMs);
    if (cached === undefined) return false;
    const extras = extrasOf(cached, nowMs);
    for (const each of waiting) each.answered(cached.answer, extras);
    return true;
  }
}

/** Of an answer from memory. */
export function extrasOf({ answer, storedMs, freshUntilMs }: CachedAnswer, nowMs: number): AnswerExtras {
  if (nowMs >= freshUntilMs) return answer.rcode === Rcode.NXDOMAIN ? staleName : stale;
  const ageSeconds = Math.floor((nowMs - storedMs) / 1000);
  return ageSeconds <= 0 ? fresh : { ageSeconds };
}

/** RFC 8767 section 4 and RFC 8914 sections 4.4 and 4.20. */
const stale: AnswerExtras = oldExtras(EdeCode.STALE_ANSWER);
const staleName: AnswerExtras = oldExtras(EdeCode.STALE_NXDOMAIN_ANSWER);
const fresh: AnswerExtras = { ageSeconds: 0 };
const tooMany: SourceFailure = { failure: 'too many questions under way', isTimeout: false };
const closed: SourceFailure = { failure: 'shut down', isTimeout: false };

function oldExtras(code: number): AnswerExtras {
  return { ageSeconds: 0, staleTtl, extendedErrors: encodeOptions([extendedError(code)]) };
}

function nothing(): void {
  // There is nothing to give up yet.
}
