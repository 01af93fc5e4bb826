/**
 * What a connection may do, decided once for the questions of a moment: the view, the limits that each question is charged to,
 * or why not.
 */
import type { Allowances, Charger, Decision } from '../../../core/index.ts';
import type { ServiceClass, Totals } from './config.ts';
import type { GateView } from './gate-view.ts';
import { accessRefusal, tooFast, tooManyAtOnce, unknownView, type Refusal } from './refusals.ts';

/** The limits of a view or a role, and what is under way of them. */
export class TotalsMeter {
  readonly #key: string;
  readonly #allowances: Allowances;
  #totals: Totals;
  #underWay = 0;

  constructor(key: string, totals: Totals, allowances: Allowances) {
    this.#key = key;
    this.#totals = totals;
    this.#allowances = allowances;
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
    return allowance !== undefined && !this.#allowances.take(this.#key, allowance);
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
  readonly roles: ReadonlyMap<string, TotalsMeter>;
}

/** Made of one decision of the access list. */
export class Standing {
  readonly decision: Decision;
  readonly view: GateView | undefined;
  /** Why nothing is answered. */
  readonly refusal: Refusal | undefined;
  /** Part of the places upstream that it may have. */
  readonly share: number;
  readonly #charger: Charger | undefined;
  readonly #meters: readonly TotalsMeter[];

  constructor(decision: Decision, charger: Charger | undefined, means: StandingMeans) {
    this.decision = decision;
    this.view = decision.allowed ? means.views.get(decision.view ?? means.defaultView) : undefined;
    const isUnknown = decision.allowed && this.view === undefined;
    this.refusal = decision.allowed ? (isUnknown ? unknownView : undefined) : accessRefusal(decision.reason);
    this.#charger = charger;
    const roles = decision.roles.flatMap((role) => means.roles.get(role) ?? []);
    this.#meters = this.view === undefined ? roles : [...roles, this.view.meter];
    this.share = shares[this.#meters.find((meter) => meter.class !== undefined)?.class ?? 'normal'];
  }

  /** Charges one question to every rate; why it is too much, if it is. */
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

  /** The question that was charged is done. */
  done(): void {
    this.#charger?.free();
  }

  /** Takes places for a question that has to wait; end it with `leave`. */
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
}
