/**
 * From claim to identity: the one place where a `ClientIdentity` is made.
 *
 * The rule is draft-ietf-dance-client-auth section 8.2 with nothing softened: the TLSA RRset of the claimed name must
 * be *secure*, and one usable record must match the key whose possession TLS has shown. Everything else is "no", with
 * a reason from the closed list in types.ts. Pure: the time is an argument.
 */
import type { Name } from '../dns/name.ts';
import { ClientIdentity, identityMaker } from './identity.ts';
import { matchTlsa } from './match.ts';
import type { NoIdentityReason, PeerCredentials, TlsaAnswer } from './types.ts';

/** The outcome of a proof: an identity, or the reason why there is none. */
export type Verdict =
  | { readonly identity: ClientIdentity }
  | { readonly identity?: undefined; readonly reason: NoIdentityReason; readonly detail: string };

/**
 * Judges one claim.
 *
 * @param name what the client claims to be: the owner name of its TLSA RRset
 * @param answer the TLSA lookup of exactly that name
 * @param peer what the client showed in the handshake
 * @param nowMs milliseconds since the epoch, when the lookup was answered
 * @param longestMs upper bound on the life of the proof, in milliseconds
 */
export function proveClient(
  name: Name,
  answer: TlsaAnswer,
  peer: PeerCredentials,
  nowMs: number,
  longestMs: number,
): Verdict {
  // RFC 6698 section 4.1: only a secure RRset may be used; insecure, bogus and indeterminate never match anything.
  if (answer.status === 'insecure') return { reason: 'insecure', detail: answer.detail };
  if (answer.status === 'bogus') return { reason: 'bogus', detail: answer.detail };
  if (answer.status === 'indeterminate') return { reason: 'lookup-failed', detail: answer.detail };

  const match = matchTlsa(answer.records, peer);
  if (!match.matched) return { reason: match.reason, detail: match.detail };
  const lifeMs = Math.min(answer.ttlSeconds * 1000, longestMs);
  return { identity: new ClientIdentity(identityMaker, name, match.proof, nowMs + lifeMs) };
}
