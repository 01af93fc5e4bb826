/**
 * One member's connection: each question is read once, decided about, charged, and answered from memory in the same turn, or
 * when its answer has come.
 *
 * The decision of the access list counts for a moment (`freshMs`) for all questions of the connection, since a member asks
 * thousands in it; where rules speak of zones, each question is decided for itself. A name whose entry is gone is cut by the
 * gate itself.
 */
import {
  errorAnswer,
  extrasOf,
  Name,
  RrClass,
  RrType,
  rcodeName,
  rrTypeName,
  type Answer,
  type AnswerConnection,
  type AnswerExtras,
  type AnswerHandler,
  type ReplyTo,
  type SourceFailure,
} from '../../../core/index.ts';
import type { ForwardedClient } from '../../../core/index.ts';
import type { GateView } from './gate-view.ts';
import { Question } from './question.ts';
import type { SessionMeans } from './session-means.ts';
import type { ReplyKind } from './metrics.ts';
import {
  accessRefusal,
  noRecursion,
  noTransfers,
  oddities,
  otherClass,
  upstreamFailed,
  upstreamSilent,
  type Refusal,
} from './refusals.ts';
import type { Standing } from './standing.ts';

/** Milliseconds after which a decision is asked for again, while the old one still counts. */
const freshMs = 250;
/** Milliseconds after which it does not count any more, whoever is slow. */
const longestMs = 900;

export class Session implements AnswerHandler {
  readonly #means: SessionMeans;
  readonly #connection: AnswerConnection;
  /** Questions that wait for a decision. Bounded by `requests-at-once`. */
  #undecided: Buffer[] = [];
  #standing: Standing | undefined;
  #decidedMs = -Infinity;
  #isDeciding = false;
  #forwarded: ForwardedClient | undefined;

  constructor(connection: AnswerConnection, means: SessionMeans) {
    this.#connection = connection;
    this.#means = means;
  }

  request(octets: Buffer, start: number, end: number): void {
    const { reader } = this.#means;
    if (!reader.read(octets, start, end)) {
      this.#refuseOddity();
      return;
    }
    const refusal = refusalOf(reader);
    if (refusal !== undefined) {
      this.#refuse(reader, refusal);
      return;
    }
    const nowMs = this.#means.nowMs();
    const standing = this.#standing;
    const age = Math.abs(nowMs - this.#decidedMs);
    if (standing === undefined || age > longestMs) {
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
  }

  /** Decides about the connection, and then about what has waited for it. */
  #decide(): void {
    if (this.#isDeciding) return;
    this.#isDeciding = true;
    const means = this.#means;
    means
      .decide(this.#connection, Name.root)
      .then((standing) => {
        this.#standing = standing;
        this.#decidedMs = means.nowMs();
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
    let standing: Standing | undefined;
    try {
      reader.read(octets, 0, octets.length);
      const name = Name.fromWire(
        octets.subarray(reader.questionStart, reader.questionEnd - typeAndClassOctets),
      );
      standing = await means.decide(this.#connection, name);
    } catch (error) {
      means.onDefect(error);
    }
    reader.read(octets, 0, octets.length);
    if (standing === undefined) this.#refuse(reader, accessRefusal('access-unavailable'));
    else this.#answer(standing, nowMs());
  }

  /** Answers the question that the reader has read. */
  #answer(standing: Standing, nowMs: number): void {
    const { reader, answers } = this.#means;
    const { view } = standing;
    if (standing.refusal !== undefined || view === undefined) {
      this.#refuse(reader, standing.refusal ?? accessRefusal('no-rule'), standing);
      return;
    }
    const tooMuch = standing.charge();
    if (tooMuch !== undefined) {
      this.#refuse(reader, tooMuch, standing);
      return;
    }
    reader.enter(isForAll(view, reader) ? view.scope : this.#means.scopeOfOne());
    const cached = answers.find(reader, nowMs);
    if (cached === undefined) {
      this.#ask(standing, nowMs);
      return;
    }
    standing.done();
    this.#send(standing, cached.isFresh ? 'memory' : 'stale', reader, cached, extrasOf(cached));
  }

  /** Has the question answered by its view, and waits. */
  #ask(standing: Standing, nowMs: number): void {
    const { reader, answers } = this.#means;
    const { view } = standing;
    const refusal = standing.enter();
    if (refusal !== undefined || view === undefined) {
      standing.done();
      this.#refuse(reader, refusal ?? accessRefusal('no-rule'), standing);
      return;
    }
    const client = view.config['proxy-protocol'] ? this.#whoAsks() : undefined;
    const passSubnet = view.config['client-subnet'] === 'pass';
    answers.ask(
      reader,
      new Question(this, reader, standing, view, passSubnet, nowMs, client),
      standing.share,
    );
  }

  /** The answer to a question that has waited. */
  answered(question: Question, answer: Answer, extras: AnswerExtras): void {
    const { standing } = question;
    this.#leave(standing);
    if (!this.#connection.isOpen) return;
    const kind = extras.staleTtl === undefined ? 'asked' : 'stale';
    this.#send(standing, kind, question, answer, extras);
  }

  /** There is none. */
  failed(question: Question, failure: SourceFailure): void {
    const { standing } = question;
    this.#leave(standing);
    if (this.#connection.isOpen) this.#fail(standing, question, failure);
  }

  #leave(standing: Standing): void {
    standing.leave();
    standing.done();
  }

  #whoAsks(): ForwardedClient {
    const name = this.#connection.client()?.name.toString() ?? '';
    if (this.#forwarded?.name !== name) this.#forwarded = { name, ...this.#connection.ends() };
    return this.#forwarded;
  }

  #send(standing: Standing, kind: ReplyKind, to: ReplyTo, answer: Answer, extras: AnswerExtras): void {
    standing.view?.counts.add(kind, answer.rcode);
    this.#write(to, answer, extras);
    if (this.#means.logsQueries) this.#logQuery(standing, kind, to, answer.rcode);
  }

  #write(to: ReplyTo, answer: Answer, extras: AnswerExtras): void {
    const { plan, way } = this.#means;
    const connection = this.#connection;
    const at = connection.reply(plan.measure(answer, to, way, extras));
    plan.write(connection.room, at, answer, to, way, extras);
  }

  #fail(standing: Standing, to: ReplyTo, { failure, isTimeout }: SourceFailure): void {
    const refusal = isTimeout ? upstreamSilent : upstreamFailed;
    standing.view?.counts.add('failed', refusal.rcode);
    this.#means.noteFailure(standing.view?.name ?? '', failure);
    this.#write(to, errorAnswer(to, refusal.rcode, errorOf(refusal)), noExtras);
    if (this.#means.logsQueries) this.#logQuery(standing, 'failed', to, refusal.rcode);
  }

  #refuseOddity(): void {
    const { reader } = this.#means;
    const refusal = reader.oddity === undefined ? undefined : oddities[reader.oddity];
    if (refusal === undefined) this.#connection.noReply();
    else this.#refuse(reader, refusal);
  }

  #refuse(to: ReplyTo, refusal: Refusal, standing?: Standing): void {
    standing?.view?.counts.add('refused', refusal.rcode);
    this.#means.noteRefusal(this.#connection, refusal, standing?.decision);
    this.#write(to, errorAnswer(to, refusal.rcode, errorOf(refusal)), noExtras);
  }

  #logQuery(standing: Standing, kind: ReplyKind, to: ReplyTo, rcode: number): void {
    const { octets, questionStart, questionEnd } = to;
    const name = Name.fromWire(octets.subarray(questionStart, questionEnd - typeAndClassOctets));
    this.#means.logQuery(this.#connection, standing, {
      view: standing.view?.name,
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

/**
 * Whether the answer is for all members of the view: not where the upstream hears who asks, or who he says that he asks for
 * (RFC 7871 section 7.3), and may answer accordingly.
 */
function isForAll({ config }: GateView, { clientSubnetAt }: SessionMeans['reader']): boolean {
  return !config['proxy-protocol'] && (clientSubnetAt < 0 || config['client-subnet'] === 'strip');
}

/** What is never answered here, whoever asks. */
function refusalOf(reader: SessionMeans['reader']): Refusal | undefined {
  if (reader.class !== RrClass.IN) return otherClass;
  if (reader.type === RrType.AXFR || reader.type === RrType.IXFR) return noTransfers;
  return reader.recursionDesired ? undefined : noRecursion;
}

function errorOf({ infoCode, text }: Refusal) {
  return infoCode === undefined ? undefined : { infoCode, text };
}
