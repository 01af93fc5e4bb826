/**
 * One member's connection: each question is read once, decided about, charged, and answered from memory in the same turn, or
 * when its answer has come.
 *
 * The decision of the access list counts for a moment (`freshMs`) for all questions of the connection, since a member asks
 * thousands in it; where rules speak of zones, each question is decided for itself. A name whose entry is gone is cut by the
 * gate itself.
 */
import type { Answer } from '../answer/answer.ts';
import { extrasOf, type AnswerExtras, type SourceFailure } from '../answer/answers.ts';
import { errorAnswer } from '../answer/messages.ts';
import type { ReplyTo } from '../answer/reply.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { rcodeName, rrTypeName } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import type { ForwardedClient } from '../forward/server.ts';
import type { AnswerConnection, AnswerHandler } from '../plugin/contract.ts';
import type { AnswerMeans, AnswerRules, AnswerStanding, ReplyKind } from './means.ts';
import { Question } from './question.ts';
import { accessRefusal, oddities, type Refusal } from './refusals.ts';

/** Milliseconds after which a decision is asked for again, while the old one still counts. */
const freshMs = 250;
/** Milliseconds after which it does not count any more, whoever is slow. */
const longestMs = 900;

export class AnswerSession implements AnswerHandler {
  readonly #means: AnswerMeans;
  readonly #rules: AnswerRules;
  readonly #connection: AnswerConnection;
  /** Questions that wait for a decision. Bounded by `requests-at-once`. */
  #undecided: Buffer[] = [];
  #standing: AnswerStanding | undefined;
  #decidedMs = -Infinity;
  /** For whom it was decided: another proof, or none any more, means another decision. */
  #decidedFor: ClientIdentity | undefined;
  #isDeciding = false;
  #forwarded: ForwardedClient | undefined;

  constructor(connection: AnswerConnection, means: AnswerMeans) {
    this.#connection = connection;
    this.#means = means;
    this.#rules = means.rules;
  }

  request(octets: Buffer, start: number, end: number): void {
    const { reader } = this.#means;
    if (!reader.read(octets, start, end)) {
      this.#rules.noteOddity?.(this.#connection);
      this.#refuseOddity();
      return;
    }
    const refusal = this.#rules.refusalOf(reader);
    if (refusal !== undefined) {
      this.#rules.noteOddity?.(this.#connection);
      this.#refuse(reader, refusal);
      return;
    }
    const nowMs = this.#means.nowMs();
    const standing = this.#standing;
    // Before it is decided: what waits for a decision is held back as well.
    this.#rules.noteRequest?.(this.#connection, standing);
    const age = Math.abs(nowMs - this.#decidedMs);
    if (standing === undefined || age > longestMs || this.#connection.client() !== this.#decidedFor) {
      this.#undecided.push(Buffer.from(octets.subarray(start, end)));
      this.#decide();
    } else if (standing.decision.dependsOnZone === true) {
      void this.#decideOne(Buffer.from(octets.subarray(start, end)));
    } else {
      if (age > freshMs) this.#decide();
      this.#answer(standing, nowMs);
    }
  }

  end(): void {
    this.#undecided = [];
    this.#rules.noteEnd?.(this.#connection);
  }

  /** Decides about the connection, and then about what has waited for it. */
  #decide(): void {
    if (this.#isDeciding) return;
    this.#isDeciding = true;
    const means = this.#means;
    const client = this.#connection.client();
    this.#rules
      .decide(this.#connection, Name.root)
      .then((standing) => {
        this.#standing = standing;
        this.#decidedMs = means.nowMs();
        this.#decidedFor = client;
      })
      .catch((error: unknown) => {
        means.onDefect(error);
        this.#standing = undefined;
      })
      .finally(() => {
        this.#isDeciding = false;
        this.#answerUndecided();
      });
  }

  #answerUndecided(): void {
    const waiting = this.#undecided;
    this.#undecided = [];
    const standing = this.#standing;
    if (standing !== undefined && this.#connection.client() !== this.#decidedFor) {
      // The client is another one than when this was decided.
      this.#undecided = waiting;
      this.#decide();
      return;
    }
    const { reader, nowMs } = this.#means;
    for (const octets of waiting) {
      if (standing?.decision.dependsOnZone === true) {
        void this.#decideOne(octets);
      } else if (reader.read(octets, 0, octets.length)) {
        if (standing === undefined) this.#refuse(reader, accessRefusal('access-unavailable'));
        else this.#answer(standing, nowMs());
      }
    }
  }

  /** Decides about one question by its name. */
  async #decideOne(octets: Buffer): Promise<void> {
    const means = this.#means;
    const { reader, nowMs } = means;
    const client = this.#connection.client();
    let standing: AnswerStanding | undefined;
    try {
      reader.read(octets, 0, octets.length);
      const name = Name.fromWire(
        octets.subarray(reader.questionStart, reader.questionEnd - typeAndClassOctets),
      );
      standing = await this.#rules.decide(this.#connection, name);
    } catch (error) {
      means.onDefect(error);
    }
    reader.read(octets, 0, octets.length);
    const isOfNow = this.#connection.client()?.name.key === client?.name.key;
    if (standing === undefined || !isOfNow) this.#refuse(reader, accessRefusal('access-unavailable'));
    else this.#answer(standing, nowMs());
  }

  /** Answers the question that the reader has read. */
  #answer(standing: AnswerStanding, nowMs: number): void {
    const means = this.#means;
    const { reader } = means;
    const tooMuch = standing.refusal ?? standing.charge();
    if (tooMuch !== undefined) {
      this.#refuse(reader, tooMuch, standing);
      return;
    }
    reader.enter(standing.scopeFor(reader) ?? means.scopeOfOne());
    const cached = standing.answers.find(reader, nowMs);
    if (cached === undefined) {
      this.#ask(standing, nowMs);
      return;
    }
    standing.done();
    this.#send(standing, cached.isFresh ? 'memory' : 'stale', reader, cached, extrasOf(cached));
  }

  /** Has the question answered, and waits. */
  #ask(standing: AnswerStanding, nowMs: number): void {
    const { reader } = this.#means;
    const refusal = standing.enter(reader);
    if (refusal !== undefined) {
      standing.done();
      this.#refuse(reader, refusal, standing);
      return;
    }
    const asked = {
      standing,
      startedMs: nowMs,
      askedBy: this.#connection.client()?.name,
      client: standing.tellsClient ? this.#whoAsks() : undefined,
    };
    standing.answers.ask(reader, new Question(this, reader, asked), standing.share);
  }

  /** The answer to a question that has waited. */
  answered(question: Question, answer: Answer, extras: AnswerExtras): void {
    const { standing } = question;
    this.#leave(standing);
    if (!this.#connection.isOpen) return;
    if (!this.#isStill(question.askedBy)) {
      this.#refuse(question, accessRefusal('access-unavailable'), standing);
      return;
    }
    const kind = extras.staleTtl === undefined ? 'asked' : 'stale';
    this.#send(standing, kind, question, answer, extras);
  }

  /** There is none. */
  failed(question: Question, failure: SourceFailure): void {
    const { standing } = question;
    this.#leave(standing);
    if (this.#connection.isOpen) this.#fail(standing, question, failure);
  }

  /** Whether the client is who asked: what somebody may hear by a name is nothing for whom that is not proved any more. */
  #isStill(askedBy: Name | undefined): boolean {
    return askedBy === undefined || this.#connection.client()?.name.key === askedBy.key;
  }

  #leave(standing: AnswerStanding): void {
    standing.leave();
    standing.done();
  }

  #whoAsks(): ForwardedClient {
    const name = this.#connection.client()?.name.toString() ?? '';
    if (this.#forwarded?.name !== name) this.#forwarded = { name, ...this.#connection.ends() };
    return this.#forwarded;
  }

  #send(standing: AnswerStanding, kind: ReplyKind, to: ReplyTo, answer: Answer, extras: AnswerExtras): void {
    standing.count(kind, answer.rcode);
    this.#write(to, answer, extras);
    if (this.#rules.logsQueries) this.#logQuery(standing, kind, to, answer.rcode);
  }

  #write(to: ReplyTo, answer: Answer, extras: AnswerExtras): void {
    const { plan } = this.#means;
    const { way } = this.#rules;
    const connection = this.#connection;
    const at = connection.reply(plan.measure(answer, to, way, extras));
    plan.write(connection.room, at, answer, to, way, extras);
  }

  #fail(standing: AnswerStanding, to: ReplyTo, failure: SourceFailure): void {
    const refusal = this.#rules.failed(failure, standing);
    standing.count('failed', refusal.rcode);
    this.#rules.noteFailure(standing, failure);
    this.#say(to, refusal);
    if (this.#rules.logsQueries) this.#logQuery(standing, 'failed', to, refusal.rcode);
  }

  #refuseOddity(): void {
    const { reader } = this.#means;
    const refusal = reader.oddity === undefined ? undefined : oddities[reader.oddity];
    if (refusal === undefined) this.#connection.noReply();
    else this.#refuse(reader, refusal);
  }

  #refuse(to: ReplyTo, refusal: Refusal, standing?: AnswerStanding): void {
    standing?.count('refused', refusal.rcode);
    this.#rules.noteRefusal(this.#connection, refusal, standing?.decision);
    this.#say(to, refusal);
  }

  #say(to: ReplyTo, refusal: Refusal): void {
    if (refusal.isSilent === true) this.#connection.noReply();
    else this.#write(to, errorAnswer(to, refusal.rcode, errorOf(refusal)), noExtras);
  }

  #logQuery(standing: AnswerStanding, kind: ReplyKind, to: ReplyTo, rcode: number): void {
    const { octets, questionStart, questionEnd } = to;
    const name = Name.fromWire(octets.subarray(questionStart, questionEnd - typeAndClassOctets));
    this.#rules.logQuery(this.#connection, standing, {
      name: name.toString(),
      type: rrTypeName(octets.readUInt16BE(questionEnd - typeAndClassOctets)),
      rcode: rcodeName(rcode),
      from: kind,
      waitedMs: to instanceof Question ? this.#means.nowMs() - to.startedMs : 0,
    });
  }
}

const typeAndClassOctets = 4;
const noExtras: AnswerExtras = { ageSeconds: 0 };

function errorOf({ infoCode, text }: Refusal) {
  return infoCode === undefined ? undefined : { infoCode, text };
}
