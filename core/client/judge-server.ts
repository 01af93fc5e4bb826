/**
 * The verdict on a server: policy, evidence, what it showed and the time in; proved, or a reason, out. Pure.
 *
 * It is given inside of the TLS handshake, where there is no waiting, and given again when the evidence has grown old.
 */
import { createHash } from 'node:crypto';
import { matchTlsa, type MatchFault } from '../dane/match.ts';
import type { PeerCredentials } from '../dane/types.ts';
import { rsaKeyLimits, weakRsaBits } from '../pki/public-key.ts';
import type { Evidence } from './evidence.ts';
import { provePkix } from './pkix.ts';
import type { NoServerReason } from './reasons.ts';
import type { ServerPolicy } from './server-policy.ts';

export type ServerVerdict =
  | {
      readonly isProved: true;
      /** By what, as "DANE-EE SPKI SHA2-256", "PKIX" or "DANE-EE SPKI SHA2-256, pin". */
      readonly proof: string;
      /** Milliseconds since the epoch: from then on it must be judged again. */
      readonly endsMs: number;
    }
  | { readonly isProved: false; readonly reason: NoServerReason; readonly detail: string };

type Proved = Extract<ServerVerdict, { readonly isProved: true }>;

/** Judges what a server showed. Never throws, whatever it showed. */
export function judgeServer(
  policy: ServerPolicy,
  evidence: Evidence,
  shown: PeerCredentials,
  nowMs: number,
): ServerVerdict {
  const weakBits = weakRsaBits(shown.subjectPublicKeyInfo);
  if (weakBits !== undefined) {
    const detail = `an RSA key of ${String(weakBits)} bits, where ${String(rsaKeyLimits.leastBits)} are the least`;
    return no('server-weak-key', detail);
  }
  const { name, roots = [], pins = [] } = policy;
  const ways: Proved[] = [];
  if (evidence.tlsa !== undefined && name !== undefined) {
    const match = matchTlsa(evidence.tlsa, shown, { name, nowMs, purpose: 'server', roots });
    if (!match.matched) return no(reasonFor(match.reason, match.detail), match.detail);
    ways.push({ isProved: true, proof: match.proof, endsMs: match.endsMs ?? Infinity });
  } else if (policy.dane === 'required') {
    // Evidence that does not fit the policy proves nothing.
    return no('server-no-tlsa', '');
  } else if (name !== undefined && roots.length > 0) {
    const path = provePkix(shown, { name, roots, nowMs });
    if (!path.isProved) return no(reasonFor(path.reason, path.detail), path.detail);
    ways.push({ isProved: true, proof: 'PKIX', endsMs: path.endsMs });
  }
  // RFC 8310 section 6.4: where both are set, both must succeed.
  if (pins.length > 0) {
    const pin = createHash('sha256').update(shown.subjectPublicKeyInfo).digest();
    if (!pins.some((known) => known.equals(pin))) return no('server-pin-mismatch', pin.toString('base64'));
    ways.push({ isProved: true, proof: 'pin', endsMs: Infinity });
  }
  if (ways.length === 0) return no('server-no-tlsa', '');
  return {
    isProved: true,
    proof: ways.map(({ proof }) => proof).join(', '),
    endsMs: Math.min(evidence.endsMs, ...ways.map(({ endsMs }) => endsMs)),
  };
}

function no(reason: NoServerReason, detail: string): ServerVerdict {
  return { isProved: false, reason, detail };
}

/** The words of core/pki/path-checks.ts for a certificate whose dates are wrong: what operators meet most. */
const isAboutDates = /^the certificate at depth \d+ (?:expired at|is not valid before) /;

function reasonFor(fault: MatchFault, detail: string): NoServerReason {
  return fault === 'path-invalid' && isAboutDates.test(detail) ? 'server-expired' : `server-${fault}`;
}
