/**
 * What those who are not identified yet may cost: decided before TLS, and again before the DNS is asked.
 *
 *     address has failed too often? → stranger, and too many of those this second? → (TLS, claims, access list) → name has failed too often? → known already, or
 *     asked for too often? → room among those who wait for the DNS? → lookup
 *
 * Strangers pay with budgets: an address for its connections that end without identity; an address, and the entry of the
 * access list that it made us ask about, for lookups that identify nobody. What succeeds is not charged, so that a
 * thousand clients that come back at once after a restart are let in as fast as the DNS answers. What was charged while a
 * budget ran out has to be made up for before there is room again.
 *
 * Nobody can use up a name's budgets to lock its owner out of where he usually comes from: an address from which the name
 * was proved within the last hour is not held to them.
 *
 * A slow DNS is bounded by places, all in all and for each domain, and only those who wait for it need one (DANCE
 * architecture, "Slowloris"). Proofs that are made again on open connections are not held up by any of this (keep-proved.ts).
 *
 * Decisions only: the time comes with the budgets, and nobody is asked or told anything here.
 */
import { Budgets, perMinute } from '../acl/budgets.ts';
import type { NoIdentityReason } from '../dane/types.ts';
import type { Name } from '../dns/name.ts';
import type { LookupCost } from '../resolver/resolver.ts';
import type { AdmissionBudgets } from './admission-budgets.ts';
import type { RefusalReason } from './arrival.ts';
import type { ConnectionLimits } from './limits.ts';
import { Places } from './places.ts';

/** Refusals that say nothing against the client: after an outage of the resolver it is to come in at once. */
export const blameless: ReadonlySet<RefusalReason> = new Set([
  'lookup-failed',
  'access-unavailable',
  'too-many-proofs',
  'gate-closing',
  'internal-error',
]);

/**
 * Why a client is anonymous that showed nothing which had to be looked up or judged. Nothing bounds how many come so, where
 * anonymous clients are let in: they are counted, at no charge to their address, and their lines are for debugging.
 */
const showsNothing: ReadonlySet<RefusalReason> = new Set(['no-certificate', 'no-claim', 'not-admitted']);

/**
 * Whether it is counted by `failures-per-address`. What is not can be caused by anybody as often as he likes, and must not
 * fill the log.
 */
export function isCharged(reason: RefusalReason, isAnonymous: boolean): boolean {
  return !blameless.has(reason) && !(isAnonymous && showsNothing.has(reason));
}

/** The limits that bar a name before the DNS is asked about it; keys of connectionLimits. */
export type ClaimLimit =
  'failures-per-name' | 'lookups-per-address' | 'lookups-per-name' | 'proofs' | 'proofs-per-domain';

/** A name that a connection claims and the access list knows. */
export interface AdmittedClaim {
  readonly name: Name;
  /** Pattern of the entry. */
  readonly entry: string;
}

/** Why a name is not proved now. */
export interface Barred {
  readonly reason: Extract<NoIdentityReason, 'too-many-failures' | 'too-many-lookups' | 'too-many-proofs'>;
  readonly detail: string;
}

/** The right to look one claim up. */
export interface Pass {
  readonly reason?: undefined;
  /** The lookup has ended and this came of it; undefined for an identity. To be called once, however it ended. */
  end(reason: NoIdentityReason | undefined): void;
}

/** What is decided about one connection, or about several from one address. */
export interface Visitor {
  /** Whether the claim may be proved now, with a lookup that costs this. */
  enter(claim: AdmittedClaim, cost: LookupCost): Pass | Barred;
  /** The name is proved, by a connection from this address. */
  proved(name: Name): void;
}

export interface AdmissionGuardOptions {
  readonly limits: () => ConnectionLimits;
  readonly budgets: AdmissionBudgets;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Handshakes a second with strangers, where that is to be fewer than the limit for a while. */
  readonly strangersPerSecond?: (() => number) | undefined;
  /** Called for each claim that is barred. */
  readonly onBarred: (limit: ClaimLimit) => void;
}

/** While handshakes with strangers are to be few, this many seconds' worth of them may begin at once. */
const lowBurstSeconds = 0.1;

export class AdmissionGuard {
  readonly #limits: () => ConnectionLimits;
  readonly #strangersPerSecond: () => number;
  readonly #budgets: AdmissionBudgets;
  readonly #onBarred: (limit: ClaimLimit) => void;
  /** Of strangers, at this listener; one key for all. */
  readonly #handshakes: Budgets;
  readonly #waiting = new Places();

  constructor({
    limits,
    budgets,
    nowMs,
    strangersPerSecond = () => Infinity,
    onBarred,
  }: AdmissionGuardOptions) {
    this.#strangersPerSecond = strangersPerSecond;
    this.#limits = limits;
    this.#budgets = budgets;
    this.#onBarred = onBarred;
    this.#handshakes = new Budgets({ kind: 'handshakes', nowMs });
  }

  /** Connections that wait for the DNS. */
  get waiting(): number {
    return this.#waiting.taken;
  }

  /** Whether a connection from this address (as addressKey gives it) may begin. */
  mayCome(address: string): boolean {
    return hasLeft(this.#budgets.failures, this.#limits()['failures-per-address'], address);
  }

  /** Whether there is time for one more handshake with a stranger; counts it. */
  mayShakeHands(): boolean {
    const perSecond = this.#limits()['handshakes-per-second'];
    const fewer = this.#strangersPerSecond();
    if (fewer >= perSecond) return this.#handshakes.take('', { perSecond, burst: perSecond });
    // Not all of them at one go: each takes a processor for half a millisecond.
    return this.#handshakes.take('', { perSecond: fewer, burst: Math.max(1, fewer * lowBurstSeconds) });
  }

  /** Whether a client was identified from this address within the last hour. */
  knows(address: string): boolean {
    return this.#budgets.proved.knows(address);
  }

  /** A connection from this address was not identified, and is to blame for it. */
  failed(address: string): void {
    charge(this.#budgets.failures, this.#limits()['failures-per-address'], address);
  }

  /** For connections from this address. */
  visitor(address: string): Visitor {
    return {
      enter: (claim, cost) => this.#enter(address, claim, cost),
      proved: ({ key }) => {
        this.#budgets.proved.note(address, key);
      },
    };
  }

  #enter(address: string, { name, entry }: AdmittedClaim, cost: LookupCost): Pass | Barred {
    const { nameFailures, lookups, nameLookups, proved } = this.#budgets;
    const limits = this.#limits();
    const isTrusted = proved.has(address, name.key);
    const ofEntry = lookupsKey(name, entry);
    if (!isTrusted) {
      if (!hasLeft(nameFailures, limits['failures-per-name'], name.key))
        return this.#bar('failures-per-name');
      if (cost === 'query') {
        if (!hasLeft(lookups, limits['lookups-per-address'], address))
          return this.#bar('lookups-per-address');
        if (!hasLeft(nameLookups, limits['lookups-per-name'], ofEntry)) return this.#bar('lookups-per-name');
      }
    }
    const domain = cost === 'memory' ? undefined : proofDomain(name, entry);
    if (domain !== undefined) {
      const perDomain = isTrusted ? Infinity : limits['proofs-per-domain'];
      if (!this.#waiting.take(domain, limits.proofs, perDomain)) {
        return this.#bar(this.#waiting.taken >= limits.proofs ? 'proofs' : 'proofs-per-domain');
      }
    }
    return {
      end: (reason) => {
        if (domain !== undefined) this.#waiting.free(domain);
        if (reason === undefined) {
          proved.note(address, name.key);
          return;
        }
        if (!blameless.has(reason)) charge(nameFailures, limits['failures-per-name'], name.key);
        if (cost !== 'query') return;
        charge(lookups, limits['lookups-per-address'], address);
        charge(nameLookups, limits['lookups-per-name'], ofEntry);
      },
    };
  }

  #bar(limit: ClaimLimit): Barred {
    this.#onBarred(limit);
    return { reason: barredReasons[limit], detail: `limit ${limit}` };
  }
}

const barredReasons: Readonly<Record<ClaimLimit, Barred['reason']>> = {
  'failures-per-name': 'too-many-failures',
  'lookups-per-address': 'too-many-lookups',
  'lookups-per-name': 'too-many-lookups',
  proofs: 'too-many-proofs',
  'proofs-per-domain': 'too-many-proofs',
};

/**
 * What the lookups of a name are counted by: the entry that admits it, since below a `*.suffix` there are as many names as
 * anybody likes.
 */
function lookupsKey(name: Name, entry: string): string {
  return isPattern(entry) ? entry.toLowerCase() : `=${name.key}`;
}

/**
 * Whose name servers a client's proof most likely waits for: the `*.suffix` that admits it, or else the name above its own,
 * service labels (`_xfr`) left out; but never fewer than two labels, since those above are shared by all the world.
 *
 * Limitations: where names are registered below two labels, clients that have such a name itself (`partner.co.uk`) share
 * one domain.
 */
export function proofDomain(name: Name, entry: string): string {
  if (isPattern(entry)) return entry.toLowerCase();
  const host = withoutServiceLabels(name);
  if (host.labelCount <= 2) return host.key;
  const above = withoutServiceLabels(host.parent());
  return above.labelCount < 2 ? host.key : above.key;
}

function withoutServiceLabels(name: Name): Name {
  let rest = name;
  while (rest.wire[1] === underscore && rest.labelCount > 0) rest = rest.parent();
  return rest;
}

const underscore = 0x5f;

function isPattern(entry: string): boolean {
  return entry.startsWith('*.');
}

function hasLeft(budgets: Budgets, limit: number, key: string): boolean {
  return budgets.hasLeft(`${limit} ${key}`, perMinute(limit));
}

function charge(budgets: Budgets, limit: number, key: string): void {
  budgets.charge(`${limit} ${key}`, perMinute(limit));
}
