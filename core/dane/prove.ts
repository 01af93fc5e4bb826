/**
 * From claim to identity: the one place where a `ClientIdentity` is made.
 *
 * The rule is draft-ietf-dance-client-auth section 8.2 with nothing softened: the TLSA RRset of the claimed name must
 * be *secure*, and one usable record must match the key whose possession TLS has shown. Everything else is "no", with
 * a reason from the closed list in types.ts. Pure: the time is an argument.
 */
import type { Name } from '../dns/name.ts';
import type { Certificate } from '../pki/certificate.ts';
import { ClientIdentity, identityMaker } from './identity.ts';
import { matchTlsa } from './match.ts';
import type { NoIdentityReason, PeerCredentials, TlsaAnswer } from './types.ts';

/** The outcome of a proof: an identity, or the reason why there is none. */
export type Verdict =
  | { readonly identity: ClientIdentity }
  | { readonly identity?: undefined; readonly reason: NoIdentityReason; readonly detail: string };

/** What a proof depends on besides the records and the peer. */
export interface ProofContext {
  /** Milliseconds since the epoch, when the lookup was answered. */
  readonly nowMs: number;
  /** Upper bound on the life of the proof, in milliseconds. */
  readonly longestMs: number;
  /** Anchors for the usages PKIX-TA and PKIX-EE. */
  readonly roots: readonly Certificate[];
}

/**
 * Judges one claim.
 *
 * @param name what the client claims to be: the owner name of its TLSA RRset
 * @param answer the TLSA lookup of exactly that name
 * @param peer what the client showed in the handshake
 */
export function proveClient(
  name: Name,
  answer: TlsaAnswer,
  peer: PeerCredentials,
  { nowMs, longestMs, roots }: ProofContext,
): Verdict {
  // RFC 6698 section 4.1: only a secure RRset may be used; insecure, bogus and indeterminate never match anything.
  if (answer.status === 'insecure') return { reason: 'insecure', detail: answer.detail };
  if (answer.status === 'bogus') return { reason: 'bogus', detail: answer.detail };
  if (answer.status === 'indeterminate') return { reason: 'lookup-failed', detail: answer.detail };

  const match = matchTlsa(answer.records, peer, { name, nowMs, purpose: 'client', roots });
  if (!match.matched) return { reason: match.reason, detail: match.detail };
  const endsMs = Math.min(nowMs + Math.min(answer.ttlSeconds * 1000, longestMs), match.endsMs ?? Infinity);
  return { identity: new ClientIdentity(identityMaker, name, match.proof, endsMs) };
}
