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
    const { allowed, limits, rule = '' } = decision;
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

function nothing(): void {
  // No place is held.
}
