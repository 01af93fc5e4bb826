/**
 * What a connection may do, decided once for the questions of a moment: the view, the limits that each question is charged to,
 * or why not.
 */
import {
  accessRefusal,
  forwardedQuery,
  tooFast,
  tooManyAtOnce,
  type AllowanceBucket,
  type Allowances,
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
import type { ServiceClass, Totals } from './config.ts';
import type { GateView } from './gate-view.ts';
import { unknownView } from './refusals.ts';

/** The limits of a view or a role, and what is under way of them. */
export class TotalsMeter {
  readonly #bucket: AllowanceBucket;
  #totals: Totals;
  #underWay = 0;

  constructor(key: string, totals: Totals, allowances: Allowances) {
    this.#bucket = allowances.bucket(key);
    this.#totals = totals;
  }

  get class(): ServiceClass | undefined {
    return this.#totals.class;
  }

  set(totals: Totals): void {
    this.#totals = totals;
  }

  /** Whether one question more is too fast. */
  isTooFast(): boolean {
    const { allowance } = this.#totals;
    return allowance !== undefined && !this.#bucket.take(allowance);
  }

  /** Takes a place for a question that waits; false if there is none. */
  enter(): boolean {
    const { requestsAtOnce } = this.#totals;
    if (requestsAtOnce !== undefined && this.#underWay >= requestsAtOnce) return false;
    this.#underWay += 1;
    return true;
  }

  leave(): void {
    this.#underWay -= 1;
  }
}

/** Part of the places upstream that a class may have. */
const shares: Readonly<Record<ServiceClass, number>> = { high: 1, normal: 0.8, low: 0.5 };

export interface StandingMeans {
  readonly views: ReadonlyMap<string, GateView>;
  readonly defaultView: string;
  /** Of all views. */
  readonly answers: Answers;
  readonly roles: ReadonlyMap<string, TotalsMeter>;
}

/** Made of one decision of the access list. */
export class Standing implements AnswerStanding {
  readonly decision: Decision;
  readonly label: string;
  readonly refusal: Refusal | undefined;
  readonly answers: Answers;
  readonly share: number;
  readonly tellsClient: boolean;
  readonly #view: GateView | undefined;
  readonly #charger: Charger | undefined;
  readonly #meters: readonly TotalsMeter[];

  constructor(decision: Decision, charger: Charger | undefined, means: StandingMeans) {
    this.decision = decision;
    this.answers = means.answers;
    const view = decision.allowed ? means.views.get(decision.view ?? means.defaultView) : undefined;
    this.#view = view;
    this.label = view?.name ?? '';
    this.tellsClient = view?.config['proxy-protocol'] === true;
    const isUnknown = decision.allowed && view === undefined;
    this.refusal = decision.allowed ? (isUnknown ? unknownView : undefined) : accessRefusal(decision.reason);
    this.#charger = charger;
    const roles = decision.roles.flatMap((role) => means.roles.get(role) ?? []);
    this.#meters = view === undefined ? roles : [...roles, view.meter];
    this.share = shares[this.#meters.find((meter) => meter.class !== undefined)?.class ?? 'normal'];
  }

  charge(): Refusal | undefined {
    const reason = this.#charger?.take();
    if (reason !== undefined) return accessRefusal(reason);
    for (const meter of this.#meters) {
      if (!meter.isTooFast()) continue;
      this.#charger?.free();
      return tooFast;
    }
    return undefined;
  }

  done(): void {
    this.#charger?.free();
  }

  enter(): Refusal | undefined {
    for (const [index, meter] of this.#meters.entries()) {
      if (meter.enter()) continue;
      for (const before of this.#meters.slice(0, index)) before.leave();
      return tooManyAtOnce;
    }
    return undefined;
  }

  leave(): void {
    for (const meter of this.#meters) meter.leave();
  }

  /**
   * The memory of the view. Nobody's where the upstream hears who asks, or who he says that he asks for (RFC 7871 section 7.3),
   * and may answer accordingly.
   */
  scopeFor({ clientSubnetAt }: QueryReader): number | undefined {
    const passesSubnet = clientSubnetAt >= 0 && this.#passesSubnet;
    return this.tellsClient || passesSubnet ? undefined : this.#view?.scope;
  }

  forwarded(reader: QueryReader): Buffer {
    return forwardedQuery(reader, { withClientSubnet: this.#passesSubnet });
  }

  ask(question: Question, end: (outcome: SourceOutcome) => void): () => void {
    if (this.#view === undefined) throw new Error('a question without a view');
    return this.#view.view.resolve(question, end);
  }

  count(kind: ReplyKind, rcode: number): void {
    this.#view?.counts.add(kind, rcode);
  }

  get #passesSubnet(): boolean {
    return this.#view?.config['client-subnet'] === 'pass';
  }
}
