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
import type { FailureKind } from '../dns/failure.ts';
import type { Answer } from './answer.ts';
import { AnswerMemory } from './answer-memory.ts';
import { AnswerScanner, type KeepBounds } from './answer-scanner.ts';
import { KeyTable, type KeySought, type Keyed } from './key-table.ts';
import { maxKeyOctets } from './query-reader.ts';

/** What came of a question: a whole response, with more to be said of it (RFC 8914), or why there is none. */
export type SourceOutcome = Buffer | SourceAnswer | SourceFailure;

/** A response with an Extended DNS Error (RFC 8914) of our own. */
export interface SourceAnswer {
  readonly octets: Buffer;
  readonly infoCode?: number | undefined;
  readonly text?: string | undefined;
}

/** For the operator; the client gets the Extended DNS Error. */
export interface SourceFailure {
  readonly failure: string;
  readonly isTimeout: boolean;
  /** What the client is told of it. */
  readonly kind: FailureKind;
  /** It is about who asked first: others who wait for the same answer are asked for by themselves. */
  readonly isOfAsker?: true;
}

/** Somebody who waits. One of `answered` and `failed` is called, once. */
export interface Waiting {
  /** The question as it was asked stands in them, and stays: name, type and class. */
  readonly octets: Buffer;
  readonly questionStart: number;
  readonly questionEnd: number;
  /** Who asks, as far as a failure may be his alone. */
  readonly member?: string | undefined;
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
class Flight implements Keyed<Flight> {
  readonly hash: number;
  next: Flight | undefined = undefined;
  /** The first; his are the octets of the question. */
  readonly first: Waiting;
  others: Waiting[] | undefined = undefined;
  giveUp: () => void = nothing;
  /** When the old answer is given. */
  timer: NodeJS.Timeout | undefined = undefined;
  /** The old answer has been given to those who waited, and is for all who come. */
  isLate = false;
  readonly #scope: number;
  readonly #flags: number;

  constructor({ hash, key }: KeySought, first: Waiting) {
    this.hash = hash;
    this.first = first;
    this.#scope = scopeOf(key);
    this.#flags = key[flagsInKey]!;
  }

  isKeyOf({ key, keyLength }: KeySought): boolean {
    const { octets, questionStart, questionEnd } = this.first;
    if (keyLength - questionInKey !== questionEnd - questionStart) return false;
    if (scopeOf(key) !== this.#scope || key[flagsInKey] !== this.#flags) return false;
    for (let at = questionStart, out = questionInKey; at < questionEnd; at += 1, out += 1)
      if (keyOctet(octets, at, questionEnd) !== key[out]) return false;
    return true;
  }

  /** Makes the key anew. */
  writeKey(to: { hash: number; readonly key: Buffer; keyLength: number }): void {
    const { octets, questionStart, questionEnd } = this.first;
    to.hash = this.hash;
    to.key.writeUInt32BE(this.#scope, 0);
    to.key[flagsInKey] = this.#flags;
    let out = questionInKey;
    for (let at = questionStart; at < questionEnd; at += 1, out += 1)
      to.key[out] = keyOctet(octets, at, questionEnd);
    to.keyLength = out;
  }

  join(waiting: Waiting): void {
    (this.others ??= []).push(waiting);
  }

  /** Those who wait; from now on nobody does, unless he comes later. */
  *leave(): Generator<Waiting, void, undefined> {
    const { others } = this;
    this.others = undefined;
    if (!this.isLate) yield this.first;
    if (others !== undefined) yield* others;
  }
}

/** Scopes from here on are of one question each: what that is told is kept for nobody, since nobody will ask by it again. */
export const firstScopeOfOne = 2 ** 31;
const scopes = 2 ** 32;

/** The scope of one question that follows another: they begin again after two thousand million, and never become that of a view. */
export function nextScopeOfOne(scope: number): number {
  return scope + 1 < scopes ? Math.max(scope + 1, firstScopeOfOne) : firstScopeOfOne;
}

/** As QueryReader has it: scope, flags, name in lower case, type and class. */
const flagsInKey = 4;
const questionInKey = 5;
const typeAndClassOctets = 4;

function scopeOf(key: Buffer): number {
  return ((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0;
}

/** RFC 4343: a name without its case; type and class are no letters. */
function keyOctet(octets: Buffer, at: number, questionEnd: number): number {
  const octet = octets[at]!;
  return octet >= 0x41 && octet <= 0x5a && at < questionEnd - typeAndClassOctets ? octet + 0x20 : octet;
}

export class Answers {
  #memory: AnswerMemory;
  readonly #scanner = new AnswerScanner();
  readonly #flights = new KeyTable<Flight>();
  /** Of the flight that has ended. */
  readonly #sought = { hash: 0, key: Buffer.alloc(maxKeyOctets), keyLength: 0 };
  #underWay = 0;
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
    return this.#underWay;
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

  /**
   * Asks, or waits for the answer to somebody who has asked the same.
   *
   * @param share the part of the places that it may take
   */
  ask(sought: KeySought, waiting: Waiting, share = 1): void {
    const underWay = this.#flights.find(sought);
    if (underWay !== undefined) {
      const isAnswered = underWay.isLate && this.#giveOld(sought, [waiting]);
      if (!isAnswered) underWay.join(waiting);
      return;
    }
    if (this.#underWay >= this.#limits.questions * share) {
      this.#fail(sought, [waiting], tooManyUnderWay);
      return;
    }
    this.#begin(sought, waiting);
  }

  /** Whoever could not be asked a moment ago may be asked again: something has changed. */
  forgetFailures(): void {
    this.#memory.forgetFailures(this.#nowMs() + recheckAfterMs);
  }

  /** Forgets everything; what is under way goes on. */
  clear(): void {
    this.#memory = new AnswerMemory(this.#limits, this.#nowMs());
  }

  /** Gives up what is under way. */
  close(): void {
    for (const flight of [...this.#flights.all()]) {
      this.#remove(flight);
      flight.giveUp();
      for (const waiting of flight.leave()) waiting.failed(closed);
    }
  }

  #begin(sought: KeySought, waiting: Waiting): void {
    const flight = new Flight(sought, waiting);
    // One that has no place there is found by nobody, and goes on all the same.
    this.#flights.add(flight);
    this.#underWay += 1;
    if (this.#limits.staleMs > 0 && this.#memory.find(sought, this.#nowMs())) this.#watch(flight);
    try {
      flight.giveUp = waiting.ask((outcome) => {
        this.#end(flight, outcome);
      });
    } catch (error) {
      // A defect of whoever asks: nobody must wait for ever, and no place be lost.
      this.#end(flight, { failure: 'internal error', isTimeout: false, kind: 'other' });
      throw error;
    }
  }

  /** There is an old answer: who has waited for long enough gets that. */
  #watch(flight: Flight): void {
    flight.timer = setTimeout(() => {
      flight.writeKey(this.#sought);
      if (!this.#memory.find(this.#sought, this.#nowMs())) return;
      this.#giveOld(this.#sought, flight.leave());
      flight.isLate = true;
    }, this.#limits.staleAfterMs);
  }

  #remove(flight: Flight): void {
    if (flight.timer !== undefined) clearTimeout(flight.timer);
    this.#flights.remove(flight);
    this.#underWay -= 1;
  }

  #end(flight: Flight, outcome: SourceOutcome): void {
    this.#remove(flight);
    const sought = this.#sought;
    flight.writeKey(sought);
    if ('failure' in outcome) {
      if (outcome.isOfAsker === true) this.#failAsker(flight, outcome);
      else this.#fail(sought, flight.leave(), outcome);
      return;
    }
    const isBare = Buffer.isBuffer(outcome);
    const wrong = this.#scan(isBare ? outcome : outcome.octets);
    if (wrong !== undefined) {
      const failure = `the answer is malformed: ${wrong}`;
      this.#fail(sought, flight.leave(), { failure, isTimeout: false, kind: 'unusable' });
      return;
    }
    if (!isBare) this.#explain(outcome);
    const answer = this.#keep(sought);
    const { first, others } = flight;
    if (!flight.isLate) first.answered(answer, fresh);
    if (others !== undefined) for (const waiting of others) waiting.answered(answer, fresh);
  }

  #explain({ infoCode, text }: Pick<SourceAnswer, 'infoCode' | 'text'>): void {
    if (infoCode !== undefined) this.#scanner.addError(encodeOptions([extendedError(infoCode, text)]));
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
    if (seconds <= 0 || scopeOf(sought.key) >= firstScopeOfOne) return scanner;
    // What was good once may be wanted again when nobody can be asked at all; a failure must not take its place.
    if (scanner.rcode === Rcode.SERVFAIL && memory.find(sought, nowMs)) return scanner;
    return memory.put(sought, scanner.octets, scanner, seconds, nowMs) ? memory : scanner;
  }

  #failAsker(flight: Flight, failure: SourceFailure): void {
    const { member } = flight.first;
    const waiting = [...flight.leave()];
    const others = waiting.filter((each) => each.member !== member);
    this.#fail(
      this.#sought,
      waiting.filter((each) => each.member === member),
      failure,
    );
    if (others.length === 0) return;
    // Not at once: whoever has no time for one may be about to say so to others.
    setImmediate(() => {
      for (const each of others) {
        flight.writeKey(this.#sought);
        this.ask(this.#sought, each);
      }
    });
  }

  #fail(sought: KeySought, waiting: Iterable<Waiting>, failure: SourceFailure): void {
    this.#memory.noteFailure(sought, this.#nowMs() + recheckAfterMs);
    if (this.#giveOld(sought, waiting)) return;
    for (const each of waiting) each.failed(failure);
  }

  #giveOld(sought: KeySought, waiting: Iterable<Waiting>): boolean {
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
/** Nobody was asked, since more was under way than `questions` allows. */
export const tooManyUnderWay: SourceFailure = {
  failure: 'too many questions under way',
  isTimeout: false,
  kind: 'other',
};
const closed: SourceFailure = { failure: 'shut down', isTimeout: false, kind: 'other' };

function oldExtras(code: number): AnswerExtras {
  return { ageSeconds: 0, staleTtl, extendedErrors: encodeOptions([extendedError(code)]) };
}

function nothing(): void {
  // There is nothing to give up yet.
}
