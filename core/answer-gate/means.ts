/** What the connections of one gate share, and what its plugin says of them: who may ask what, and where answers come from. */
import type { Decision } from '../acl/model.ts';
import type { Answers, SourceFailure, SourceOutcome } from '../answer/answers.ts';
import type { QueryReader } from '../answer/query-reader.ts';
import type { ReplyPlan, ReplyWay } from '../answer/reply.ts';
import type { Name } from '../dns/name.ts';
import type { AnswerConnection } from '../plugin/contract.ts';
import type { Question } from './question.ts';
import type { Refusal } from './refusals.ts';

/** Where a reply came from. */
export type ReplyKind = 'memory' | 'asked' | 'stale' | 'failed' | 'refused';

/** What a connection may do, decided once for the questions of a moment. */
export interface AnswerStanding {
  readonly decision: Decision;
  /** For the log: the view, or the class. */
  readonly label: string;
  /** Why nothing is answered, whatever is asked. */
  readonly refusal: Refusal | undefined;
  readonly answers: Answers;
  /** Who asks, where the failure of one is not that of others who ask the same. */
  readonly member?: string;
  /** Part of the places for questions under way that it may have. */
  readonly share: number;
  /** Whether whoever is asked hears who asks. */
  readonly tellsClient: boolean;
  /** Charges one question to every rate; why it is too much, if it is. */
  charge(): Refusal | undefined;
  /** The question that was charged is done. */
  done(): void;
  /** Whose memory the answer is in; undefined: the asker's alone, so nobody's. */
  scopeFor(reader: QueryReader): number | undefined;
  /** Takes places for a question that memory does not answer, if it may be asked; end it with `leave`. */
  enter(reader: QueryReader): Refusal | undefined;
  leave(): void;
  /** The query that is sent on. */
  forwarded(reader: QueryReader): Buffer;
  /** Has it answered: `end` is called once, now or later, unless what is given back is called before. */
  ask(question: Question, end: (outcome: SourceOutcome) => void): () => void;
  /** Counts a reply. */
  count(kind: ReplyKind, rcode: number): void;
}

/** What the connections share. */
export interface AnswerMeans {
  /** Used by one after the other, never across a wait. */
  readonly reader: QueryReader;
  readonly plan: ReplyPlan;
  readonly rules: AnswerRules;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** A scope that nothing else has. */
  scopeOfOne(): number;
  onDefect(error: unknown): void;
}

/** What the plugin says. */
export interface AnswerRules {
  readonly way: ReplyWay;
  readonly logsQueries: boolean;
  /** What is never answered here, whoever asks. */
  refusalOf(reader: QueryReader): Refusal | undefined;
  /** What the connection may do now, about a name. */
  decide(connection: AnswerConnection, name: Name): Promise<AnswerStanding>;
  /** What a client is told when there is no answer. */
  failed(failure: SourceFailure, standing: AnswerStanding): Refusal;
  /** A connection or a request has come whose sender had this standing when that was decided last; undefined if it never was. */
  noteRequest?(connection: AnswerConnection, standing: AnswerStanding | undefined): void;
  /** A request has come that is answered alike whoever sends it, or not at all: nobody decides about it, or is charged for it. */
  noteOddity?(connection: AnswerConnection): void;
  noteEnd?(connection: AnswerConnection): void;
  noteRefusal(connection: AnswerConnection, refusal: Refusal, decision: Decision | undefined): void;
  noteFailure(standing: AnswerStanding, failure: SourceFailure): void;
  logQuery(
    connection: AnswerConnection,
    standing: AnswerStanding,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}
