/**
 * Decisions whose limits are kept: what a plugin asks before it works for a client, and gives back when it has.
 *
 * Limits are those of the rule that allows, counted for each client name and rule; all anonymous clients count as one. They
 * are read anew for each request, so a changed limit holds on connections that are open, and for the transfers that are
 * under way on them.
 *
 * Limitations: `requests-at-once` and `transfers-at-once` are counted in this process alone; rates are shared between
 * gates where the budgets are.
 */
import type { ClientIdentity } from '../dane/identity.ts';
import type { AccessControl } from './access-control.ts';
import type { Budgets } from './budgets.ts';
import type { AccessRequest, Decision, DecisionReason, RuleLimits } from './model.ts';

/** A decision, and the places that it holds. */
export interface Grant {
  readonly decision: Decision;
  /** Gives the places back, when the client's request is done; more than once does nothing. */
  release(): void;
}

/** Charges requests to the limits of one rule, for one client; `take` and `free` cost next to nothing. */
export interface Charger {
  /** Takes what one request needs; the reason if there is none. Free it when the request is done. */
  take(): DecisionReason | undefined;
  free(): void;
}

interface UnderWay {
  requests: number;
  transfers: number;
}

export class Grants {
  readonly #rates: Pick<Budgets, 'take'>;
  /** Only what is under way, so it is bounded as requests are. */
  readonly #underWay = new Map<string, UnderWay>();

  constructor(rates: Pick<Budgets, 'take'>) {
    this.#rates = rates;
  }

  /**
   * The decision about a request of a client, undefined for an anonymous one; a "yes" has been charged to the limits. Rejects
   * as AccessControl does.
   */
  async ask(
    access: Pick<AccessControl, 'decide' | 'decideAnonymous'>,
    client: ClientIdentity | undefined,
    request: AccessRequest,
  ): Promise<Grant> {
    const decision =
      client === undefined ? await access.decideAnonymous(request) : await access.decide(client, request);
    const { allowed, limits, rule = '', also } = decision;
    if (also !== undefined) return this.#askAll(client, decision);
    const isTransfer = request.startsTransfer === true;
    // A transfer is long: it counts for a limit that its rule may have before it ends.
    if (!allowed || (limits === undefined && !isTransfer)) return { decision, release: nothing };
    // The client's key is octets, and no label of a rule begins with one that could be part of it: 0 ends each key.
    const key = `${client?.name.key ?? ''}${rule}`;
    const refusal = limits && this.#refusal(key, limits, isTransfer);
    if (refusal !== undefined)
      return { decision: { ...decision, allowed: false, reason: refusal }, release: nothing };
    return { decision, release: this.#hold(key, isTransfer) };
  }

  /** An update that more than one rule allows: it is charged to each of them. */
  #askAll(client: ClientIdentity | undefined, decision: Decision): Grant {
    const rules = [{ rule: decision.rule ?? '', limits: decision.limits }, ...(decision.also ?? [])];
    const held: (() => void)[] = [];
    const release = (): void => {
      for (const free of held) free();
    };
    for (const { rule, limits } of rules) {
      if (limits === undefined) continue;
      const key = `${client?.name.key ?? ''}${rule}`;
      const refusal = this.#refusal(key, limits, false);
      if (refusal !== undefined) {
        // What the rates of the rules before it have given is spent.
        release();
        return { decision: { ...decision, allowed: false, reason: refusal, rule }, release: nothing };
      }
      held.push(this.#hold(key, false));
    }
    return { decision, release };
  }

  /** For who has decided already, by a decision that allows; undefined for a rule without limits. */
  charger(client: ClientIdentity | undefined, { limits, rule = '' }: Decision): Charger | undefined {
    if (limits === undefined) return undefined;
    const key = `${client?.name.key ?? ''}${rule}`;
    return new RuleCharger(key, limits, this.#rates, this.#underWay);
  }

  #refusal(key: string, limits: RuleLimits, isTransfer: boolean): DecisionReason | undefined {
    const { requests = 0, transfers = 0 } = this.#underWay.get(key) ?? {};
    const { requestsAtOnce = Infinity, transfersAtOnce = Infinity, rate } = limits;
    if (requests >= requestsAtOnce || (isTransfer && transfers >= transfersAtOnce)) return 'too-many-at-once';
    // Last, so that what is refused for another reason is not charged.
    return rate === undefined || this.#rates.take(key, rate) ? undefined : 'too-fast';
  }

  #hold(key: string, isTransfer: boolean): () => void {
    const held = this.#underWay.get(key) ?? { requests: 0, transfers: 0 };
    this.#underWay.set(key, held);
    held.requests++;
    if (isTransfer) held.transfers++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      held.requests--;
      if (isTransfer) held.transfers--;
      if (held.requests === 0) this.#underWay.delete(key);
    };
  }
}

class RuleCharger implements Charger {
  readonly #key: string;
  readonly #limits: RuleLimits;
  readonly #rates: Pick<Budgets, 'take'>;
  readonly #underWay: Map<string, UnderWay>;

  constructor(
    key: string,
    limits: RuleLimits,
    rates: Pick<Budgets, 'take'>,
    underWay: Map<string, UnderWay>,
  ) {
    this.#key = key;
    this.#limits = limits;
    this.#rates = rates;
    this.#underWay = underWay;
  }

  take(): DecisionReason | undefined {
    const { requestsAtOnce, rate } = this.#limits;
    const held = requestsAtOnce === undefined ? undefined : this.#underWay.get(this.#key);
    if (requestsAtOnce !== undefined && (held?.requests ?? 0) >= requestsAtOnce) return 'too-many-at-once';
    if (rate !== undefined && !this.#rates.take(this.#key, rate)) return 'too-fast';
    if (requestsAtOnce === undefined) return undefined;
    if (held !== undefined) held.requests += 1;
    else this.#underWay.set(this.#key, { requests: 1, transfers: 0 });
    return undefined;
  }

  free(): void {
    if (this.#limits.requestsAtOnce === undefined) return;
    const held = this.#underWay.get(this.#key);
    if (held === undefined) return;
    held.requests -= 1;
    if (held.requests <= 0) this.#underWay.delete(this.#key);
  }
}

function nothing(): void {
  // No place is held.
}
