/**
 * Keeps an identity proved while its connection lives: before the proof runs out it is made again, and when it cannot be,
 * it is lost: what becomes of its connection is said elsewhere (identity-keeper.ts).
 *
 * A resolver that does not answer for a while, or an access list whose store is away, takes nobody's identity away before
 * its time: there is a second and a third try until the old proof has run out. Any other "no" counts at once. Who does not
 * answer at all, be it the resolver or the access list, takes it away `graceMs` after the old proof has run out.
 */
import type { ClientIdentity } from '../dane/identity.ts';
import type { NoIdentityReason, PeerCredentials } from '../dane/types.ts';
import { prove, type ProofMeans } from './identify.ts';
import { shortestProofMs } from './limits.ts';

export interface KeepProvedOptions {
  readonly identity: ClientIdentity;
  readonly peer: PeerCredentials;
  readonly means: ProofMeans;
  /** Milliseconds; upper bound on the life of a proof. */
  readonly longestProofMs: () => number;
  readonly onRenewed: (identity: ClientIdentity) => void;
  /** Called once, and nothing after it. `why` has the reason and its detail. */
  readonly onLost: (why: string, reason: LossReason) => void;
  /** An error that is nobody's but ours; the identity is lost too. */
  readonly onDefect: (error: unknown) => void;
}

/** `timeout`: there was no answer at all. */
export type LossReason = NoIdentityReason | 'timeout' | 'internal-error';

/** Part of a proof's life after which it is made again: time is left for another try. */
const renewAfter = 0.8;
/** Milliseconds between two tries. */
const shortestRetryMs = 1_000;
/**
 * Milliseconds after `notAfter` at which the identity is lost if there is still no new proof. Together with the time that
 * closing takes it is less than `shortestProofMs`, by which a short proof is stretched: so a key counts for its TTL and 10
 * seconds at most, whoever is slow. It is more than what is left of the shortest proof when its renewal begins.
 */
export const graceMs = 9_000;

interface No {
  readonly reason: NoIdentityReason;
  readonly detail: string;
}

/** Starts keeping; returns what stops it. */
export function keepProved(options: KeepProvedOptions): () => void {
  const { identity, peer, means, longestProofMs, onRenewed, onLost, onDefect } = options;
  let timer: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let stopped = false;
  // A function: it may have changed while we waited.
  const isStopped = (): boolean => stopped;
  let endsMs = 0;

  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(deadline);
  };
  const lose = (why: string, reason: LossReason): void => {
    // Also what is still under way must not say anything after this.
    stop();
    onLost(why, reason);
  };
  const wait = (waitMs: number): void => {
    // A proof that was under way when the connection ended must not start the next.
    if (isStopped()) return;
    timer = setTimeout(() => {
      again().catch((error: unknown) => {
        if (isStopped()) return;
        onDefect(error);
        lose('internal error', 'internal-error');
      });
    }, waitMs);
  };
  const begin = (proved: ClientIdentity): void => {
    if (isStopped()) return;
    const leftMs = Math.max(proved.notAfter - means.nowMs(), 0);
    const lifeMs = Math.max(leftMs, shortestProofMs);
    endsMs = means.nowMs() + lifeMs;
    wait(lifeMs * renewAfter);
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      lose(`timeout: no new proof ${String(graceMs / 1000)} s after the end of the old one`, 'timeout');
    }, leftMs + graceMs);
  };
  const again = async (): Promise<void> => {
    // The access list may have lost the name meanwhile, and then the DNS is not asked about it any more.
    const admission = await means.access.admit(identity.name);
    if (isStopped()) return;
    if (!admission.admitted) {
      loseOrRetry(admission, admission.reason === 'access-unavailable');
      return;
    }
    const verdict = await prove(identity.name, peer, means, longestProofMs());
    if (isStopped()) return;
    if (verdict.identity) {
      onRenewed(verdict.identity);
      begin(verdict.identity);
    } else {
      loseOrRetry(verdict, verdict.reason === 'lookup-failed');
    }
  };
  const loseOrRetry = ({ reason, detail }: No, mayPass: boolean): void => {
    const leftMs = endsMs - means.nowMs();
    if (mayPass && leftMs > 0) wait(Math.max(Math.min(leftMs, shortestRetryMs), leftMs / 2));
    else lose(detail ? `${reason}: ${detail}` : reason, reason);
  };

  begin(identity);
  return stop;
}
