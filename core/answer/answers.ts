/**
 * Answers to questions: from memory, or from where they come from, which is asked once for all who ask the same at the same
 * time; and from memory again, though too old, when nobody else answers (RFC 8767).
 *
 * Memory, questions under way and old answers are apart by the scope in the key (QueryReader.enter): no answer crosses it.
 */
import { EdeCode, Rcode } from '../dns/constants.ts';
import { encodeOptions, extendedError } from '../dns/edns.ts';
import { encodeMessage, parseMessage } from '../dns/message.ts';
import { DnsFormatError } from '../dns/errors.ts';
import type { Answer } from './answer.ts';
import { AnswerMemory } from './answer-memory.ts';
import { AnswerScanner, type KeepBounds } from './answer-scanner.ts';
import { KeyTable, type KeySought, type Keyed } from './key-table.ts';

/** What came of a question: a whole response, with more to be said of it (RFC 8914), or why there is none. */
export type SourceOutcome =
  | { readonly octets: Buffer; readonly infoCode?: number | undefined; readonly text?: string | undefined }
  | SourceFailure;

/** For the operator; the client gets the Extended DNS Error. */
export interface SourceFailure {
  readonly failure: string;
  readonly isTimeout: boolean;
}

/** Somebody who waits. One of `answered` and `failed` is called, once. */
export interface Waiting {
  /** Has the question asked, for all who wait: `end` is called once, now or later, unless it is given up before. */
  ask(end: (outcome: SourceOutcome) => void): () => void;
  /** The answer is lent for as long as the call lasts. */
  answered(answer: Answer, extras: AnswerExtras): void;
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

/** One question under way, for all who wait for it. */
class Flight implements Keyed {
  readonly hash: number;
  readonly key: Buffer;
  readonly waiting: Waiting[];
  giveUp: () => void = nothing;
  /** When the old answer is given. */
  timer: NodeJS.Timeout | undefined = undefined;
  /** The old answer has been given to those who waited, and is for all who come. */
  isLate = false;

  constructor({ hash, key }: Keyed, first: Waiting) {
    this.hash = hash;
    this.key = key;
    this.waiting = [first];
  }
}

export class Answers {
  #memory: AnswerMemory;
  readonly #scanner = new AnswerScanner();
  readonly #flights = new KeyTable<Flight>();
  readonly #open = new Set<Flight>();
  readonly #nowMs: () => number;
  #limits: AnswerLimits;

  constructor({ limits, nowMs }: AnswersOptions) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#memory = new AnswerMemory(limits, nowMs());
  }

  get entries(): number {
    return this.#memory.size;
  }

  get octets(): number {
    return this.#memory.used;
  }

  get underWay(): number {
    return this.#open.size;
  }

  /** Other sizes of the memory mean another memory, which is empty. */
  setLimits(limits: AnswerLimits): void {
    const { entries, octets } = this.#limits;
    this.#limits = limits;
    if (limits.entries === entries && limits.octets === octets) this.#memory.setStale(limits.staleMs);
    else this.#memory = new AnswerMemory(limits, this.#nowMs());
  }

  /**
   * What is in memory and may be given: fresh, or old while a fresher one cannot be had. It is lent until the next call of
   * anything here; `extrasOf` says what goes with it.
   */
  find(sought: KeySought, nowMs: number): AnswerMemory | undefined {
    const memory = this.#memory;
    return memory.find(sought, nowMs) && (memory.isFresh || memory.mayBeStale) ? memory : undefined;
  }

  /** Asks, or waits for the answer to somebody who has asked the same. `share` is the part of the places that it may take. */
  ask(sought: KeySought, waiting: Waiting, share = 1): void {
    const underWay = this.#flights.find(sought);
    if (underWay !== undefined) {
      const isAnswered = underWay.isLate && this.#giveOld(sought, [waiting]);
      if (!isAnswered) underWay.waiting.push(waiting);
      return;
    }
    if (this.#open.size >= this.#limits.questions * share) {
      this.#fail(sought, [waiting], tooMany);
      return;
    }
    this.#begin(sought, waiting);
  }

  /** Forgets everything; what is under way goes on. */
  clear(): void {
    this.#memory = new AnswerMemory(this.#limits, this.#nowMs());
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

  #begin(sought: KeySought, waiting: Waiting): void {
    const key = Buffer.from(sought.key.subarray(0, sought.keyLength));
    const kept: KeySought = { hash: sought.hash, key, keyLength: key.length };
    const flight = new Flight(kept, waiting);
    // One that it displaces goes on, and is found by nobody.
    this.#flights.add(flight);
    this.#open.add(flight);
    flight.giveUp = waiting.ask((outcome) => {
      this.#end(kept, flight, outcome);
    });
    if (!this.#open.has(flight)) return;
    if (this.#limits.staleMs > 0 && this.#memory.find(kept, this.#nowMs())) {
      flight.timer = setTimeout(() => {
        flight.isLate = true;
        const waited = flight.waiting.splice(0);
        if (!this.#giveOld(kept, waited)) flight.waiting.push(...waited);
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
    const wrong = this.#scan(outcome.octets);
    if (wrong !== undefined) {
      this.#fail(sought, flight.waiting, { failure: `the answer is malformed: ${wrong}`, isTimeout: false });
      return;
    }
    const { infoCode, text } = outcome;
    if (infoCode !== undefined) this.#scanner.addError(encodeOptions([extendedError(infoCode, text)]));
    const answer = this.#keep(sought);
    for (const waiting of flight.waiting) waiting.answered(answer, fresh);
  }

  /** What is wrong with it; else the scanner holds it. */
  #scan(octets: Buffer): string | undefined {
    const scanner = this.#scanner;
    const wrong = scanner.scan(octets);
    if (wrong !== undefined || !scanner.hasOptInside) return wrong;
    // The rare way: the OPT record is not the last, and later names may point behind it.
    try {
      return scanner.scan(encodeMessage(parseMessage(octets)));
    } catch (error) {
      if (error instanceof DnsFormatError) return error.message;
      throw error;
    }
  }

  /** Keeps what was scanned, if it may be kept. */
  #keep(sought: KeySought): Answer {
    const scanner = this.#scanner;
    const memory = this.#memory;
    const nowMs = this.#nowMs();
    const seconds = scanner.keepSeconds(this.#limits.keep);
    if (seconds <= 0) return scanner;
    // What was good once may be wanted again when nobody can be asked at all; a failure must not take its place.
    if (scanner.rcode === Rcode.SERVFAIL && memory.find(sought, nowMs)) return scanner;
    return memory.put(sought, scanner.octets, scanner, seconds, nowMs) ? memory : scanner;
  }

  #fail(sought: KeySought, waiting: readonly Waiting[], failure: SourceFailure): void {
    this.#memory.noteFailure(sought, this.#nowMs() + recheckAfterMs);
    if (waiting.length === 0 || this.#giveOld(sought, waiting)) return;
    for (const each of waiting) each.failed(failure);
  }

  #giveOld(sought: KeySought, waiting: readonly Waiting[]): boolean {
    const memory = this.#memory;
    const nowMs = this.#nowMs();
    if (!memory.find(sought, nowMs)) return false;
    const extras = extrasOf(memory);
    for (const each of waiting) each.answered(memory, extras);
    return true;
  }
}

/** What goes with an answer from memory. */
export function extrasOf({ rcode, isFresh, ageSeconds }: AnswerMemory): AnswerExtras {
  if (!isFresh) return rcode === Rcode.NXDOMAIN ? staleName : stale;
  return ageSeconds === 0 ? fresh : { ageSeconds };
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
