/**
 * Who the client of one connection is, from its arrival to its end:
 *
 *     identified ── the proof runs out, and nobody could be asked ──▶ waiting ── any other no ──▶ anonymous
 *      │      ▲                                                        │   ▲
 *      │      └─────────────────────── proved ────────────────────────-┘   └── arrived, and nobody could be asked
 *      └── any other no, or no place among the anonymous ──▶ ended ◀── the listener lets nobody in any more that is not identified
 *
 * The left part is every listener's. Waiting is for those that let anonymous clients in (draft-ietf-dance-client-auth-13
 * section 8.2 leaves it to them): while the DNS or the store of the access list is away, a client that is known is served as an
 * anonymous one, and is identified again, on the same connection, when it is back. In between its claim is put to all the steps
 * of an arrival (identify.ts), charged to the same budgets and within the same places, ever more seldom, few of all connections
 * at once: so an open connection has the DNS asked no more often than one that is made again and again.
 *
 * Whatever happens, the identity is taken away first, and by the clock of keep-proved.ts: nothing here lengthens it.
 *
 * Limitations: who was refused for good, on this connection, is not looked up again.
 */
import type { ClientIdentity } from '../dane/identity.ts';
import type { Visitor } from './admission.ts';
import { mustAbort, type Claimant, type Identified, type RefusalReason, type WhyNot } from './arrival.ts';
import { identify, type ProofMeans } from './identify.ts';
import { keepProved, type LossReason } from './keep-proved.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Places } from './places.ts';
import type { ConnectionEnd } from './service.ts';
import type { Withdrawals } from './withdrawal.ts';

/** Milliseconds from a no to the next try, the first time; twice as long each further time. */
export const firstWaitMs = 1_000;
/** Where the doubling ends: so long after the DNS is back the last client may be identified. */
export const longestWaitMs = 30_000;
/** Tries of all connections of one gate at once: those who arrive are to find `proofs` free. */
export const triesAtOnce = 64;

/**
 * What may pass without anything being done by the client: nobody could be asked, or we did not ask. Whoever claims a name
 * of another can wait for these as well as he can come again, at the same charge.
 */
const mayPass: ReadonlySet<RefusalReason> = new Set([
  'lookup-failed',
  'access-unavailable',
  'timeout',
  'too-many-proofs',
  'too-many-lookups',
  'too-many-failures',
]);

/** What says, at the end of a proof, that nobody could be asked. */
const isOutage: ReadonlySet<LossReason> = new Set(['lookup-failed', 'access-unavailable', 'timeout']);

/** Who a client is: one of the two. */
export type Who =
  | { readonly identified: Identified; readonly whyNot?: undefined }
  | { readonly identified?: undefined; readonly whyNot: WhyNot };

export interface IdentityKeeperOptions {
  /** Number of the connection: not all try at the same moment. */
  readonly id: number;
  readonly means: ProofMeans;
  readonly limits: () => ConnectionLimits;
  readonly visitor: Visitor;
  readonly withdrawals: Withdrawals;
  /** Of all connections of the gate. */
  readonly tries: Places;
  /** Undefined for a client that showed nothing: it stays anonymous. */
  readonly claimant: Claimant | undefined;
  /** Whether the listener lets clients in that are not identified, as it is now. */
  readonly letsIn: () => boolean;
  /** Whether the connection can go on without the identity: nothing is under way under it that would. */
  readonly canGoOn: () => boolean;
  /** Takes a place for an anonymous client, if one is free. */
  readonly takesAnonymous: () => boolean;
  /** The client was anonymous and is identified. */
  readonly onIdentified: (identified: Identified) => void;
  /** The client was identified and is anonymous. */
  readonly onAnonymous: (whyNot: WhyNot, before: Identified) => void;
  /** A client that waited is refused for good; it stays anonymous. */
  readonly onRefused: (whyNot: WhyNot) => void;
  /** The connection has to end at once. */
  readonly onEnd: (why: ConnectionEnd, detail?: string) => void;
  /** An error that is nobody's but ours. */
  readonly onDefect: (error: unknown) => void;
}

export class IdentityKeeper {
  readonly #options: IdentityKeeperOptions;
  #who: Who;
  #identity: ClientIdentity | undefined;
  #isOver = false;
  /** Ends what keeps the identity, or the wait for it. */
  #letGo: () => void = () => undefined;

  constructor(options: IdentityKeeperOptions, who: Who) {
    this.#options = options;
    this.#who = who;
    this.#identity = who.identified?.identity;
  }

  /** The connection is served. `changesBefore`: `withdrawals.count` before the client was admitted. */
  begin(changesBefore: number): void {
    const { identified, whyNot } = this.#who;
    if (identified !== undefined) this.#keep(identified, changesBefore);
    else if (this.#letsIn && mayPass.has(whyNot.reason)) this.#wait(firstWaitMs);
  }

  /** Who the client is, by the newest proof; undefined for an anonymous client, and as soon as the proof is lost. */
  get identity(): ClientIdentity | undefined {
    return this.#identity;
  }

  /** For the log: who the client is, or was when the connection ended. */
  get who(): Who {
    return this.#who;
  }

  /** Ends the connection if its client is not identified, whether it waits for that or not; says whether it did. */
  endAnonymous(): boolean {
    if (this.#isOver || this.#who.identified !== undefined) return false;
    this.#end('anonymous-refused');
    return true;
  }

  /** The connection has ended. */
  stop(): void {
    this.#isOver = true;
    this.#letGo();
  }

  /** Whether the listener serves clients without identity, as it did when this one came. */
  get #letsIn(): boolean {
    const { claimant, letsIn } = this.#options;
    return claimant?.tls.onFailure === 'anonymous' && letsIn();
  }

  #keep(identified: Identified, changesBefore: number): void {
    const { means, limits, visitor, withdrawals, onDefect } = this.#options;
    const { identity, peer } = identified;
    this.#identity = identity;
    const stopProving = keepProved({
      identity,
      peer,
      means,
      longestProofMs: () => limits()['proof-time'],
      onRenewed: (renewed) => {
        this.#identity = renewed;
        this.#who = { identified: { ...identified, identity: renewed } };
        visitor.proved(renewed.name);
      },
      onLost: (why, reason) => {
        this.#lose(why, reason);
      },
      onDefect,
    });
    const withdraw = (): void => {
      this.#end('not-admitted');
    };
    const letGo = withdrawals.hold({ name: identity.name, withdraw }, changesBefore);
    this.#letGo = () => {
      stopProving();
      letGo();
    };
  }

  #lose(why: string, reason: LossReason): void {
    const { canGoOn, takesAnonymous, onAnonymous } = this.#options;
    this.#identity = undefined;
    const before = this.#who.identified;
    const mayGoOn = this.#letsIn && isOutage.has(reason) && canGoOn();
    if (before === undefined || !mayGoOn || !takesAnonymous()) {
      // Without an alert: replies may have been sent, and a secondary waits for its end, not for a word (ADR 4).
      this.#end('proof-gone', why);
      return;
    }
    this.#letGo();
    const whyNot: WhyNot = { reason, detail: why.slice(`${reason}: `.length) };
    this.#who = { whyNot };
    onAnonymous(whyNot, before);
    this.#wait(firstWaitMs);
  }

  #end(why: ConnectionEnd, detail?: string): void {
    this.#identity = undefined;
    this.stop();
    this.#options.onEnd(why, detail);
  }

  #wait(waitMs: number): void {
    const { id } = this.#options;
    // Connections that lost their proofs together do not ask together: from three quarters of the wait to all of it.
    const spread = 0.75 + 0.25 * ((id * goldenRatio) % 1);
    const timer = setTimeout(() => {
      void this.#try(waitMs);
    }, waitMs * spread);
    this.#letGo = () => {
      clearTimeout(timer);
    };
  }

  async #try(waitMs: number): Promise<void> {
    const { tries, onDefect } = this.#options;
    if (!tries.take('', triesAtOnce, triesAtOnce)) {
      this.#wait(waitMs);
      return;
    }
    try {
      await this.#claimAgain(waitMs);
    } catch (error) {
      // It stays as it is: anonymous.
      if (!this.#isOver) onDefect(error);
    } finally {
      tries.free('');
    }
  }

  async #claimAgain(waitMs: number): Promise<void> {
    const { means, limits, visitor, claimant, withdrawals } = this.#options;
    if (claimant === undefined) return;
    const { shown, tls } = claimant;
    const isOver = (): boolean => this.#isOver;
    const changesBefore = withdrawals.count;
    const verdict = await identify(shown, means, {
      claims: tls.claims,
      dialect: tls.dialect,
      longestProofMs: limits()['proof-time'],
      signal: {
        get aborted() {
          return isOver();
        },
      },
      visitor,
    });
    if (isOver()) return;
    const { source, claims } = verdict;
    if (verdict.identity && source !== undefined) {
      const identified = { identity: verdict.identity, source, peer: shown.credentials };
      this.#who = { identified };
      this.#keep(identified, changesBefore);
      this.#options.onIdentified(identified);
    } else if (!verdict.identity) {
      const { reason, detail } = verdict;
      this.#refuse({ reason, detail, claims }, mustAbort(reason, source), waitMs);
    }
  }

  #refuse(whyNot: WhyNot, isFatal: boolean, waitMs: number): void {
    this.#who = { whyNot };
    if (mayPass.has(whyNot.reason)) {
      this.#wait(Math.min(2 * waitMs, longestWaitMs));
      return;
    }
    this.#options.onRefused(whyNot);
    const { reason, detail } = whyNot;
    if (isFatal) this.#end('proof-gone', detail ? `${reason}: ${detail}` : reason);
  }
}

/** Its multiples, less the whole, spread evenly, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;
