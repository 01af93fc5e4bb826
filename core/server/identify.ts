/**
 * From what the peer showed to who it is: claim → admission → TLSA lookup → match.
 *
 * The order is the point: the access list is asked before the DNS is, so a stranger cannot make us query for names of
 * its choice (DANCE architecture, "allow-list before lookup").
 */
import type { AccessControl } from '../acl/access-control.ts';
import { admittedClaims, claimsOf, type ClaimRules, type ClaimSource } from '../dane/claims.ts';
import { proveClient, type ProofContext, type Verdict } from '../dane/prove.ts';
import type { PeerCredentials } from '../dane/types.ts';
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Resolver } from '../resolver/resolver.ts';

/** What a proof needs. */
export interface ProofMeans {
  readonly access: Pick<AccessControl, 'admits'>;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
  /** Anchors for TLSA records of the usages PKIX-TA and PKIX-EE (`dane.roots`); without any these are unusable. */
  readonly roots?: ProofContext['roots'];
}

/** What a client showed and said. */
export interface ShownClient {
  readonly credentials: PeerCredentials;
  /** Octets of the name in the extension dane_clientid, unchecked; undefined when it was not sent. */
  readonly clientId?: Buffer | undefined;
}

export interface IdentifyOptions extends ClaimRules {
  /** Milliseconds; upper bound on the life of the proof. */
  readonly longestProofMs: number;
  /** Aborted when nobody waits for the verdict any more. */
  readonly signal: Pick<AbortSignal, 'aborted'>;
}

/** The verdict of all steps, with what the log says of them. */
export type IdentifyResult = Verdict & {
  /** The names in question, as text. */
  readonly claims: string;
  /** Where they are from; undefined when there are none. */
  readonly source?: ClaimSource;
};

/** The first of the peer's admitted names that is proved, or the reason why none is. */
export async function identify(
  { credentials, clientId }: ShownClient,
  means: ProofMeans,
  { claims: sources, dialect, longestProofMs, signal }: IdentifyOptions,
): Promise<IdentifyResult> {
  const claimed = claimsOf({ clientId, dnsNames: credentials.dnsNames }, { claims: sources, dialect });
  if (claimed.source === undefined) {
    const { reason, detail } = claimed;
    // A name that is none is shown as it came; the log makes it printable.
    const text = reason === 'bad-name' ? (clientId?.toString('latin1') ?? '') : '';
    return { reason, detail, claims: text };
  }
  const { source, names } = claimed;
  const admitted = await admittedClaims(names, (name) => means.access.admits(name));
  const shown = { claims: describeNames(admitted.length > 0 ? admitted : names), source };
  let verdict: Verdict = { reason: 'not-admitted', detail: '' };
  for (const name of admitted) {
    // Nobody waits for the verdict any more, so the DNS is not asked about the other names.
    if (signal.aborted) break;
    verdict = await prove(name, credentials, means, longestProofMs);
    if (verdict.identity) break;
  }
  return { ...verdict, ...shown };
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
