/**
 * From what the peer showed to who it is: claim → admission → TLSA lookup → match.
 *
 * The order is the point: the access list is asked before the DNS is, so a stranger cannot make us query for names of
 * its choice (DANCE architecture, "allow-list before lookup").
 */
import type { AccessControl } from '../acl/access-control.ts';
import { admittedClaims } from '../dane/claims.ts';
import { proveClient, type ProofContext, type Verdict } from '../dane/prove.ts';
import type { PeerCredentials } from '../dane/types.ts';
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Resolver } from '../resolver/resolver.ts';

/** What a proof needs. */
export interface ProofMeans {
  readonly access: AccessControl;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
  /** Anchors for TLSA records of the usages PKIX-TA and PKIX-EE (`dane.roots`); without any these are unusable. */
  readonly roots?: ProofContext['roots'];
}

/**
 * The first of the peer's admitted names that is proved, or the reason why none is.
 *
 * @param longestProofMs milliseconds; upper bound on the life of the proof
 */
export async function identify(
  peer: PeerCredentials,
  means: ProofMeans,
  longestProofMs: number,
  signal: AbortSignal,
): Promise<Verdict & { readonly claims: string }> {
  const claims = await admittedClaims(peer.dnsNames, (name) => means.access.admits(name));
  const shown = describeNames(claims.length > 0 ? claims : peer.dnsNames);
  if (peer.dnsNames.length === 0) return { reason: 'no-claim', detail: '', claims: shown };
  let verdict: Verdict = { reason: 'not-admitted', detail: '' };
  for (const claim of claims) {
    // Nobody waits for the verdict any more, so the DNS is not asked about the other names.
    if (signal.aborted) break;
    verdict = await prove(claim, peer, means, longestProofMs);
    if (verdict.identity) break;
  }
  return { ...verdict, claims: shown };
}

/** Looks up the TLSA RRset of one name and judges; also used to prove a name again while its connection lives. */
export async function prove(
  name: Name,
  peer: PeerCredentials,
  means: ProofMeans,
  longestProofMs: number,
): Promise<Verdict> {
  const { status, records, ttlSeconds, detail } = await means.resolver.lookup(name, RrType.TLSA);
  const answer = { status, ttlSeconds, detail, records: records.map((rr) => rr.rdata) };
  const { roots = [] } = means;
  return proveClient(name, answer, peer, { nowMs: means.nowMs(), longestMs: longestProofMs, roots });
}

function describeNames(names: readonly Name[]): string {
  const shown = names.slice(0, 4).map((name) => name.toString());
  return names.length > shown.length ? `${shown.join(' ')} …` : shown.join(' ');
}
