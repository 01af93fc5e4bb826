/** What a connection may do, decided once for the questions of a moment: its class, and the limits of its rule and its class. */
import {
  accessRefusal,
  forwardedQuery,
  type AllowanceBucket,
  type Answers,
  type AnswerStanding,
  type Charger,
  type Decision,
  type QueryReader,
  type Question,
  type Refusal,
  type ReplyKind,
  type SourceOutcome,
} from '../../../core/index.ts';
import type { MemberClass } from './member-class.ts';
import type { Servers } from './servers.ts';
import { shownAnswer } from './shown-answer.ts';

/** All memory of a class is one, but that servers may say less to those who set RD (BIND: `minimal-responses`). */
const scopes = { plain: 0, recursionDesired: 1 } as const;

export interface StandingParts {
  readonly decision: Decision;
  readonly class: MemberClass;
  /** The member (member.ts). */
  readonly member: string;
  readonly charger: Charger | undefined;
  readonly servers: Servers;
  readonly tellsClient: boolean;
  /** Whether its connections wait while this machine is busy. */
  readonly isLast: boolean;
}

export class Standing implements AnswerStanding {
  readonly decision: Decision;
  readonly class: MemberClass;
  readonly refusal: Refusal | undefined;
  readonly share = 1;
  readonly tellsClient: boolean;
  readonly isLast: boolean;
  readonly member: string;
  readonly #bucket: AllowanceBucket;
  readonly #charger: Charger | undefined;
  readonly #servers: Servers;

  constructor(parts: StandingParts) {
    this.decision = parts.decision;
    this.class = parts.class;
    this.refusal = parts.decision.allowed ? undefined : accessRefusal(parts.decision.reason);
    this.tellsClient = parts.tellsClient;
    this.isLast = parts.isLast;
    this.member = parts.member;
    this.#bucket = parts.class.bucketOf(parts.member);
    this.#charger = parts.charger;
    this.#servers = parts.servers;
  }

  get label(): string {
    return this.class.name;
  }

  get answers(): Answers {
    return this.class.answers;
  }

  charge(): Refusal | undefined {
    const { refusals } = this.class;
    const reason = this.#charger?.take();
    if (reason !== undefined) return reason === 'too-fast' ? refusals.tooFast : refusals.tooManyAtOnce;
    if (!this.class.isTooFast(this.#bucket)) return undefined;
    this.#charger?.free();
    return refusals.tooFast;
  }

  done(): void {
    this.#charger?.free();
  }

  /** Who is told who asks may answer each otherwise. A client subnet is not passed on, and so changes nothing. */
  scopeFor({ recursionDesired }: QueryReader): number | undefined {
    if (this.tellsClient) return undefined;
    return recursionDesired ? scopes.recursionDesired : scopes.plain;
  }

  enter({ key, keyLength }: QueryReader): Refusal | undefined {
    const { names, refusals } = this.class;
    if (!names.hasQuestion(key, keyLength)) return refusals.zone;
    return this.class.enter(this.member) ? undefined : refusals.tooManyAtOnce;
  }

  leave(): void {
    this.class.leave(this.member);
  }

  forwarded(reader: QueryReader): Buffer {
    return forwardedQuery(reader, { keepsFlags: true });
  }

  ask(question: Question, end: (outcome: SourceOutcome) => void): () => void {
    const { names } = this.class;
    if (!names.isPartial) return this.#servers.ask(question, this.class, this.member, end);
    return this.#servers.ask(question, this.class, this.member, (outcome) => {
      end(Buffer.isBuffer(outcome) ? shownAnswer(outcome, names) : outcome);
    });
  }

  count(kind: ReplyKind, rcode: number): void {
    this.class.counts.add(kind, rcode);
  }
}
