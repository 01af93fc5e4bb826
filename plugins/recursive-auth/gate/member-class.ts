/**
 * One class: its members' answers, which are no other class's, its limits, and its place in the queue.
 *
 * A memory of its own, since a stranger must not push out what members are to find, nor a member have to wait for the answer
 * to what a stranger has asked before him.
 */
import {
  Answers,
  type AllowanceBucket,
  type Allowances,
  type AnswerLimits,
  type FairClass,
  type Metrics,
  type ReplyCounts,
} from '../../../core/index.ts';
import type { ClassConfig } from './config.ts';
import { replyCounts } from './metrics.ts';
import { NamesBelow } from './names-below.ts';
import { refusalsOf, type ClassRefusals } from './refusals.ts';

export interface MemberClassOptions {
  readonly name: string;
  readonly config: ClassConfig;
  /** The larger the more important. */
  readonly rank: number;
  readonly answerLimits: AnswerLimits;
  readonly allowances: Allowances;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

export class MemberClass implements FairClass {
  readonly name: string;
  readonly config: ClassConfig;
  readonly weight: number;
  readonly rank: number;
  readonly answers: Answers;
  readonly counts: ReplyCounts;
  readonly refusals: ClassRefusals;
  readonly names: NamesBelow;
  readonly #parts: string;
  readonly #allowances: Allowances;
  readonly #total: AllowanceBucket;
  /** Questions of each member that wait; who has none is not here. */
  readonly #waiting = new Map<string, number>();

  constructor(options: MemberClassOptions) {
    const { name, config, rank, answerLimits, allowances, metrics, nowMs } = options;
    this.#parts = partsOf(options);
    this.name = name;
    this.config = config;
    this.weight = config.weight;
    this.rank = rank;
    this.answers = new Answers({ limits: answerLimits, nowMs });
    this.counts = replyCounts(metrics, name);
    this.refusals = refusalsOf(config.shed);
    this.names = new NamesBelow(config.zones, config.except);
    this.#allowances = allowances;
    this.#total = allowances.bucket(`class ${name}`);
  }

  /** Whether a class of these would be the same. */
  isMadeOf(options: MemberClassOptions): boolean {
    return partsOf(options) === this.#parts;
  }

  /** That of one member. */
  bucketOf(member: string): AllowanceBucket {
    return this.#allowances.bucket(`class ${this.name} ${member}`);
  }

  /** Whether one question more of the member with this bucket is too fast. */
  isTooFast(bucket: AllowanceBucket): boolean {
    const { allowance, total } = this.config;
    if (allowance !== undefined && !bucket.take(allowance)) return true;
    return total !== undefined && !this.#total.take(total);
  }

  /** Takes a place for a question that waits; false if the member has none left. */
  enter(member: string): boolean {
    const { requestsAtOnce } = this.config;
    if (requestsAtOnce === undefined) return true;
    const waiting = this.#waiting.get(member) ?? 0;
    if (waiting >= requestsAtOnce) return false;
    this.#waiting.set(member, waiting + 1);
    return true;
  }

  leave(member: string): void {
    const waiting = this.#waiting.get(member);
    if (waiting === undefined) return;
    if (waiting > 1) this.#waiting.set(member, waiting - 1);
    else this.#waiting.delete(member);
  }
}

function partsOf({ name, config, rank, answerLimits }: MemberClassOptions): string {
  const { zones, except, ...others } = config;
  return JSON.stringify([name, rank, answerLimits, zones?.map(String), except.map(String), others]);
}
