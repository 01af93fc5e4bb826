/**
 * A question that waits for its answer: what is asked of the view, and what is needed to reply. One object with one buffer, since
 * there are many.
 */
import {
  forwardedQuery,
  Name,
  type Answer,
  type AnswerExtras,
  type ForwardedClient,
  type QueryReader,
  type ReplyTo,
  type SourceFailure,
  type SourceOutcome,
  type Waiting,
} from '../../../core/index.ts';
import type { ViewQuery } from '../view/query.ts';
import type { GateView } from './gate-view.ts';
import type { Standing } from './standing.ts';

/** Who is told. */
export interface Asker {
  answered(question: Question, answer: Answer, extras: AnswerExtras): void;
  failed(question: Question, failure: SourceFailure): void;
}

const headerOctets = 12;
const typeAndClassOctets = 4;

export class Question implements Waiting, ReplyTo, ViewQuery {
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
  readonly standing: Standing;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly #asker: Asker;
  readonly #view: GateView;

  /** Of the question that the reader has read. */
  constructor(
    asker: Asker,
    reader: QueryReader,
    standing: Standing,
    view: GateView,
    passesSubnet: boolean,
    startedMs: number,
    client: ForwardedClient | undefined,
  ) {
    this.#asker = asker;
    this.#view = view;
    this.standing = standing;
    this.startedMs = startedMs;
    this.client = client;
    this.id = reader.id;
    this.flags = reader.flags;
    this.octets = forwardedQuery(reader, passesSubnet);
    this.questionEnd = headerOctets + reader.questionEnd - reader.questionStart;
    this.hasEdns = reader.hasEdns;
    this.dnssecOk = reader.dnssecOk;
    this.checkingDisabled = reader.checkingDisabled;
    this.wantsKeepalive = reader.wantsKeepalive;
    this.wantsPadding = reader.wantsPadding;
    this.type = reader.type;
    this.class = reader.class;
  }

  name(): Name {
    return Name.fromWire(this.octets.subarray(headerOctets, this.questionEnd - typeAndClassOctets));
  }

  ask(end: (outcome: SourceOutcome) => void): () => void {
    return this.#view.view.resolve(this, end);
  }

  answered(answer: Answer, extras: AnswerExtras): void {
    this.#asker.answered(this, answer, extras);
  }

  failed(failure: SourceFailure): void {
    this.#asker.failed(this, failure);
  }
}
