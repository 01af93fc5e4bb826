/**
 * One question, to one server after the other: the next is asked when the one before has failed, or has been silent for a
 * while; the first useful answer wins, from whomever it comes. Silence of one server so costs a moment, not the answer.
 */
import { Rcode, rcodeName } from '../dns/constants.ts';
import { failureOfAll, type FailureKind } from '../dns/failure.ts';
import { isTruncated, rcodeOf } from './question.ts';
import type { ForwardedClient, ForwardEnd, ForwardFailure } from './server.ts';
import { Trip } from './trip.ts';
import type { Upstream } from './upstream.ts';
import { WheelEntry, type Wheel } from './wheel.ts';

/** What the flights of a forwarder have in common. */
export interface FlightHost {
  readonly wheel: Wheel;
  readonly timeMs: number;
  readonly retryMs: number;
  readonly rounds: number;
  /** Servers in the order in which they are asked now. */
  plan: readonly Upstream[];
  /** One is over. */
  readonly landed: () => void;
}

export interface FlightQuestion {
  readonly query: Buffer;
  /** Where the question in it ends. */
  readonly end: number;
  readonly client: ForwardedClient | undefined;
}

export class Flight extends WheelEntry {
  readonly #host: FlightHost;
  readonly #question: FlightQuestion;
  readonly #end: ForwardEnd;
  readonly #plan: readonly Upstream[];
  #deadlineMs = 0;
  /** Tries that were begun or passed over. */
  #begun = 0;
  /** The last try that is under way; the others hang on it. */
  #last: Attempt | undefined;
  /** Servers that have said no or cannot be reached: asking again would give the same. */
  #done: Set<Upstream> | undefined;
  /** The words for them, and of what kind they are. */
  #failures: Map<string, FailureKind> | undefined;
  /** An answer that is better than none. */
  #poorAnswer: Buffer | undefined;
  #isOver = false;

  constructor(host: FlightHost, question: FlightQuestion, end: ForwardEnd) {
    super();
    this.#host = host;
    this.#question = question;
    this.#end = end;
    this.#plan = host.plan;
  }

  /** Begins it. `end` is called later, if at all. */
  begin(): void {
    const nowMs = performance.now();
    this.#deadlineMs = nowMs + this.#host.timeMs;
    this.#advance(nowMs);
  }

  /** Ends it without a word. */
  giveUp(): void {
    if (!this.#isOver) this.#land('unanswered');
  }

  /** Ends it with these words. */
  fail(failure: string): void {
    if (this.#isOver) return;
    this.#land('unanswered');
    this.#end({ failure, isTimeout: false, kind: 'other' });
  }

  override onDue(nowMs: number): void {
    const last = this.#last;
    if (last && last.upstream.heard === last.upstreamHeard) last.upstream.noteSilence();
    if (nowMs >= this.#deadlineMs) this.#finish(true);
    else this.#advance(nowMs);
  }

  take(attempt: Attempt, answer: Buffer): void {
    const { upstream, way } = attempt;
    this.#remove(attempt);
    const code = rcodeOf(answer);
    if (code === Rcode.NOERROR || code === Rcode.NXDOMAIN || code === Rcode.YXDOMAIN) {
      upstream.meters.question(way, 'answered');
      this.#land('unanswered');
      this.#give(answer);
      return;
    }
    // SERVFAIL speaks of the name that was asked for, the others (REFUSED, NOTIMP, FORMERR ...) of the server.
    const isServfail = code === Rcode.SERVFAIL;
    upstream.meters.question(way, isServfail ? 'servfail' : 'refused');
    if (isServfail || !this.#poorAnswer) this.#poorAnswer = answer;
    this.#passOn(upstream, `${upstream.who} answered ${rcodeName(code)}`, 'unreachable');
  }

  failed(attempt: Attempt, why: string, kind: FailureKind): void {
    const { upstream, way } = attempt;
    this.#remove(attempt);
    upstream.meters.question(way, 'failed');
    this.#passOn(upstream, why, kind);
  }

  /** The server has nothing for us; on to the next. */
  #passOn(upstream: Upstream, why: string, kind: FailureKind): void {
    (this.#failures ??= new Map()).set(why, kind);
    (this.#done ??= new Set()).add(upstream);
    this.#host.wheel.remove(this);
    this.#advance(performance.now());
  }

  /** Begins the next try, or ends it all when none is left. */
  #advance(nowMs: number): void {
    const { wheel, retryMs, rounds } = this.#host;
    const plan = this.#plan;
    for (; this.#begun < rounds * plan.length; this.#begun++) {
      const round = Math.floor(this.#begun / plan.length);
      const upstream = plan[this.#begun % plan.length];
      if (upstream === undefined || !this.#begin(upstream, round)) continue;
      this.#begun += 1;
      wheel.add(this, Math.min(this.#deadlineMs, nowMs + retryMs * 2 ** round));
      return;
    }
    if (this.#last) wheel.add(this, this.#deadlineMs);
    else this.#finish(false);
  }

  /** Asks a server in its round, if there is sense in it. */
  #begin(upstream: Upstream, round: number): boolean {
    const way = this.#done?.has(upstream) === true ? undefined : upstream.wayIn(round);
    if (way === undefined) return false;
    for (let each = round === 0 ? undefined : this.#last; each; each = each.older) {
      if (each.upstream !== upstream) continue;
      // On a stream nothing is lost, so there is no sense in saying it twice, unless the stream is dead.
      if (each.way === 'stream' && !upstream.isConnectionSilent(each)) return false;
      // By UDP the answer to what is said again comes with the one to the first.
      if (each.way === 'udp' && way === 'udp') this.#giveUpAttempt(each);
    }
    const { query, end, client } = this.#question;
    const attempt = new Attempt(this, upstream, { query, end, client });
    attempt.older = this.#last;
    this.#last = attempt;
    upstream.send(attempt, way);
    return true;
  }

  #giveUpAttempt(attempt: Attempt): void {
    this.#remove(attempt);
    attempt.upstream.meters.question(attempt.way, 'timeout');
    attempt.drop();
  }

  #remove(attempt: Attempt): void {
    if (this.#last === attempt) {
      this.#last = attempt.older;
      return;
    }
    for (let each = this.#last; each; each = each.older) {
      if (each.older === attempt) each.older = attempt.older;
    }
  }

  /** There is no useful answer, and will be none. */
  #finish(isTimeout: boolean): void {
    const failures = this.#failures ?? new Map<string, FailureKind>();
    for (let each = this.#last; each; each = each.older) {
      const kind = failureOfAll([each.silence, failures.get(each.silent) ?? 'unreachable']);
      failures.set(each.silent, kind);
    }
    this.#land('timeout');
    if (this.#poorAnswer) {
      this.#give(this.#poorAnswer);
      return;
    }
    const kind = failureOfAll(failures.values());
    const failure: ForwardFailure = { failure: [...failures.keys()].join('; '), isTimeout, kind };
    this.#end(failure);
  }

  #land(outcome: 'unanswered' | 'timeout'): void {
    this.#isOver = true;
    this.#host.wheel.remove(this);
    for (let each = this.#last; each; each = each.older) {
      each.upstream.meters.question(each.way, outcome);
      each.drop();
    }
    this.#last = undefined;
    this.#host.landed();
  }

  /** With the ID of the one who asks. */
  #give(answer: Buffer): void {
    const { query } = this.#question;
    answer[0] = query[0] ?? 0;
    answer[1] = query[1] ?? 0;
    this.#end(answer);
  }
}

/** One try with one server. */
class Attempt extends Trip {
  readonly upstream: Upstream;
  /** Answers that the server had given to anything when it began. */
  readonly upstreamHeard: number;
  /** Another one of the same flight. */
  older: Attempt | undefined = undefined;
  readonly #flight: Flight;

  constructor(flight: Flight, upstream: Upstream, { query, end, client }: FlightQuestion) {
    super(query, end, client);
    this.#flight = flight;
    this.upstream = upstream;
    this.upstreamHeard = upstream.heard;
  }

  get silent(): string {
    return `${this.upstream.who} did not answer in time`;
  }

  /** By UDP nobody knows whether the server is there; over a stream a query is sent, and lost, only if it is. */
  get silence(): FailureKind {
    return this.way === 'stream' && (this.isSent || this.losses > 0) ? 'broken' : 'unreachable';
  }

  override arrive(answer: Buffer): void {
    if (!isTruncated(answer)) {
      this.#flight.take(this, answer);
    } else if (this.way === 'udp') {
      // RFC 7766 section 5: what is truncated is asked for again over TCP.
      this.upstream.meters.question('udp', 'truncated');
      this.upstream.send(this, 'stream');
    } else {
      this.#flight.failed(this, `${this.upstream.who} cut its answer short over a stream`, 'unusable');
    }
  }

  override fail(why: string, kind: FailureKind): void {
    this.#flight.failed(this, why, kind);
  }
}
