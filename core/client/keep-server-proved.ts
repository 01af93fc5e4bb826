/**
 * Keeps a server proved while its connection lives: before the evidence has grown old the DNS is asked again and the
 * server judged anew, by what it showed in its handshake; when it is not proved any more, the connection ends.
 *
 * A resolver that does not answer for a while ends no connection before its time: there is another try, and another,
 * until the old proof has run out. Any other "no" counts at once. A resolver that says nothing at all ends the connection
 * `graceMs` after the old proof has run out.
 */
import type { PeerCredentials } from '../dane/types.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { gatherEvidence } from './evidence.ts';
import { judgeServer, type ServerVerdict } from './judge-server.ts';
import type { ClientLimits } from './limits.ts';
import type { ServerPolicy } from './server-policy.ts';

export interface KeepServerProvedOptions {
  readonly policy: ServerPolicy;
  readonly port: number;
  readonly shown: PeerCredentials;
  /** Milliseconds since the epoch: the end of the proof that the connection was opened with. */
  readonly endsMs: number;
  readonly resolver: Resolver;
  readonly limits: Pick<ClientLimits, 'proof-min' | 'proof-max'>;
  readonly nowMs: () => number;
  /** Called once. */
  readonly onLost: (why: Lost) => void;
}
type Lost = Extract<ServerVerdict, { readonly isProved: false }>;

/** Part of a proof's life after which it is made again: time is left for another try. */
const renewAfter = 0.8;
/** Milliseconds between two tries. */
const shortestRetryMs = 1_000;
/**
 * Milliseconds after the end of a proof at which the server is lost if there is still no new one. With the default of
 * `proof-min` a record counts for its TTL and 10 seconds at most, whoever is slow.
 */
export const graceMs = 5_000;

/** Starts keeping; returns what stops it. */
export function keepServerProved(options: KeepServerProvedOptions): () => void {
  const { policy, port, shown, resolver, limits, nowMs, onLost } = options;
  let timer: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let endsMs = 0;
  let stopped = false;
  // A function: it may have changed while we waited.
  const isStopped = (): boolean => stopped;

  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(deadline);
  };
  const lose = (why: Lost): void => {
    if (isStopped()) return;
    // Also what is still under way must not say anything after this.
    stop();
    onLost(why);
  };
  const fail = (detail: string): void => {
    lose({ isProved: false, reason: 'server-lookup-failed', detail });
  };
  const wait = (waitMs: number): void => {
    timer = setTimeout(() => {
      again().catch((error: unknown) => {
        // Nobody's fault but ours, and no proof either.
        fail(`internal error: ${String(error)}`);
      });
    }, waitMs);
    timer.unref();
  };
  const begin = (proofEndsMs: number): void => {
    const lifeMs = Math.min(Math.max(proofEndsMs - nowMs(), limits['proof-min']), limits['proof-max']);
    endsMs = nowMs() + lifeMs;
    wait(lifeMs * renewAfter);
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      fail(`timeout: no new proof ${String(graceMs / 1000)} s after the end of the old one`);
    }, lifeMs + graceMs);
    deadline.unref();
  };
  const again = async (): Promise<void> => {
    const gathered = await gatherEvidence(policy, port, resolver, nowMs);
    if (isStopped()) return;
    const leftMs = endsMs - nowMs();
    if (gathered.evidence === undefined) {
      const { reason, detail } = gathered;
      if (reason === 'server-lookup-failed' && leftMs > 0) {
        wait(Math.max(Math.min(leftMs, shortestRetryMs), leftMs / 2));
      } else {
        lose({ isProved: false, reason, detail });
      }
      return;
    }
    const verdict = judgeServer(policy, gathered.evidence, shown, nowMs());
    if (verdict.isProved) begin(verdict.endsMs);
    else lose(verdict);
  };

  begin(options.endsMs);
  return stop;
}
