/**
 * From what the peer showed to who it is: claim → access list → admission → TLSA lookup → match.
 *
 * The order is the point: the access list is asked before the DNS is, so a stranger cannot make us query for names of
 * its choice (DANCE architecture, "allow-list before lookup").
 */
import type { AccessControl } from '../acl/access-control.ts';
import { admittedClaims, claimsOf, type ClaimRules, type ClaimSource } from '../dane/claims.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { proveClient, type ProofContext, type Verdict } from '../dane/prove.ts';
import type { NoIdentityReason, PeerCredentials } from '../dane/types.ts';
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { blameless, type AdmittedClaim, type Visitor } from './admission.ts';

/** What a proof needs. */
export interface ProofMeans {
  readonly access: Pick<AccessControl, 'admit' | 'onChange' | 'seenBy'>;
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
  /** Says what may be looked up for this client; without one, everything that the access list knows. */
  readonly visitor?: Visitor | undefined;
}

/** The verdict of all steps, with what the log says of them. */
export type IdentifyResult = Verdict & {
  /** The names in question, as text. */
  readonly claims: string;
  /** Where they are from; undefined when there are none. */
  readonly source?: ClaimSource;
};

type NotProved = Exclude<Verdict, { identity: ClientIdentity }>;

/** The first of the peer's admitted names that is proved, or the reason why none is. */
export async function identify(
  { credentials, clientId }: ShownClient,
  means: ProofMeans,
  options: IdentifyOptions,
): Promise<IdentifyResult> {
  const claimed = claimsOf({ clientId, dnsNames: credentials.dnsNames }, options);
  if (claimed.source === undefined) {
    const { reason, detail } = claimed;
    // A name that is none is shown as it came; the log makes it printable.
    const text = reason === 'bad-name' ? (clientId?.toString('latin1') ?? '') : '';
    return { reason, detail, claims: text };
  }
  const { source, names } = claimed;
  let no: NotProved = { reason: 'not-admitted', detail: '' };
  const entries = new Map<Name, string>();
  const admitted = await admittedClaims(names, async (name) => {
    const admission = await means.access.admit(name);
    if (admission.admitted) entries.set(name, admission.entry);
    else if (admission.reason === 'access-unavailable') no = admission;
    return admission.admitted;
  });
  const shown = { claims: describeNames(admitted.length > 0 ? admitted : names), source };
  let isTried = false;
  for (const name of admitted) {
    // Nobody waits for the verdict any more, so the DNS is not asked about the other names.
    if (options.signal.aborted) break;
    const next = await proveClaim({ name, entry: entries.get(name) ?? '' }, credentials, means, options);
    if (next.identity) return { ...next, ...shown };
    // What the client is to blame for is said, whatever else was wrong.
    if (!isTried || blameless.has(no.reason) || !blameless.has(next.reason)) no = next;
    isTried = true;
  }
  return { ...no, ...shown };
}

/** Proves one name, if it may be looked up now. */
async function proveClaim(
  claim: AdmittedClaim,
  credentials: PeerCredentials,
  means: ProofMeans,
  { visitor, longestProofMs }: IdentifyOptions,
): Promise<Verdict> {
  if (visitor === undefined) return prove(claim.name, credentials, means, longestProofMs);
  const pass = visitor.enter(claim, means.resolver.costOf?.(claim.name, RrType.TLSA) ?? 'query');
  if (pass.reason !== undefined) return pass;
  let outcome: NoIdentityReason | undefined = 'lookup-failed';
  try {
    const verdict = await prove(claim.name, credentials, means, longestProofMs);
    outcome = verdict.identity ? undefined : verdict.reason;
    return verdict;
  } finally {
    pass.end(outcome);
  }
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
