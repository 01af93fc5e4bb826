/** What the connections of one gate share. */
import type {
  AnswerConnection,
  Answers,
  Decision,
  Name,
  QueryReader,
  ReplyPlan,
  ReplyWay,
} from '../../../core/index.ts';
import type { Refusal } from './refusals.ts';
import type { Standing } from './standing.ts';

export interface SessionMeans {
  /** Used by one after the other, never across a wait. */
  readonly reader: QueryReader;
  readonly plan: ReplyPlan;
  readonly answers: Answers;
  readonly way: ReplyWay;
  readonly logsQueries: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** What the connection may do now, about a name. */
  decide(connection: AnswerConnection, name: Name): Promise<Standing>;
  /** A scope that nothing else has. */
  scopeOfOne(): number;
  noteRefusal(connection: AnswerConnection, refusal: Refusal, decision: Decision | undefined): void;
  noteFailure(view: string, failure: string): void;
  logQuery(connection: AnswerConnection, standing: Standing, fields: Readonly<Record<string, unknown>>): void;
  onDefect(error: unknown): void;
}
