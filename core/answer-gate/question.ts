/**
 * A question that waits for its answer: what is asked, and what is needed to reply. One object with one buffer, since
 * there are many.
 */
import type { Answer } from '../answer/answer.ts';
import type { AnswerExtras, SourceFailure, SourceOutcome, Waiting } from '../answer/answers.ts';
import type { QueryReader } from '../answer/query-reader.ts';
import type { ReplyTo } from '../answer/reply.ts';
import { Name } from '../dns/name.ts';
import type { ForwardedClient } from '../forward/server.ts';
import type { AnswerStanding } from './means.ts';

/** Who is told. */
export interface Asker {
  answered(question: Question, answer: Answer, extras: AnswerExtras): void;
  failed(question: Question, failure: SourceFailure): void;
}

/** Who asks, and as what. */
export interface AskedWith {
  readonly standing: AnswerStanding;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  /** The name that was proved then; undefined for an anonymous client. */
  readonly askedBy: Name | undefined;
  /** For the PROXY protocol. */
  readonly client: ForwardedClient | undefined;
}

const headerOctets = 12;
const typeAndClassOctets = 4;

export class Question implements Waiting, ReplyTo {
  readonly id: number;
  readonly flags: number;
  /** The query that is forwarded; the question stands in it as it was asked. */
  readonly octets: Buffer;
  readonly questionStart = headerOctets;
  readonly questionEnd: number;
  readonly hasEdns: boolean;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  readonly wantsKeepalive: boolean;
  readonly wantsPadding: boolean;
  readonly type: number;
  readonly class: number;
  readonly client: ForwardedClient | undefined;
  readonly standing: AnswerStanding;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly askedBy: Name | undefined;
  readonly #asker: Asker;

  /** Of the question that the reader has read. */
  constructor(asker: Asker, reader: QueryReader, asked: AskedWith) {
    const { standing, startedMs, askedBy, client } = asked;
    this.#asker = asker;
    this.standing = standing;
    this.startedMs = startedMs;
    this.askedBy = askedBy;
    this.client = client;
    this.id = reader.id;
    this.flags = reader.flags;
    this.octets = standing.forwarded(reader);
    this.questionEnd = headerOctets + reader.questionEnd - reader.questionStart;
    this.hasEdns = reader.hasEdns;
    this.dnssecOk = reader.dnssecOk;
    this.checkingDisabled = reader.checkingDisabled;
    this.wantsKeepalive = reader.wantsKeepalive;
    this.wantsPadding = reader.wantsPadding;
    this.type = reader.type;
    this.class = reader.class;
  }

  get member(): string | undefined {
    return this.standing.member;
  }

  name(): Name {
    return Name.fromWire(this.octets.subarray(headerOctets, this.questionEnd - typeAndClassOctets));
  }

  ask(end: (outcome: SourceOutcome) => void): () => void {
    return this.standing.ask(this, end);
  }

  answered(answer: Answer, extras: AnswerExtras): void {
    this.#asker.answered(this, answer, extras);
  }

  failed(failure: SourceFailure): void {
    this.#asker.failed(this, failure);
  }
}
