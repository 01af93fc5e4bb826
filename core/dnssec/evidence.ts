/**
 * What an answer proves by the keys of one secure zone: an RRset (RFC 4035 section 5.3), with the proof that nothing
 * closer exists where it was expanded from a wildcard (section 5.3.4), or the records that deny (section 5.4).
 *
 * Limitations: which zone the records ought to be from is decided elsewhere (trust.ts).
 */
import { dnssecAlgorithmName, RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { proveNoCloser, readDenialRecords } from './denial.ts';
import type { DenialRecords } from './denial.ts';
import { authorities, describe } from './inquiry.ts';
import type { Answer, LookupContext } from './inquiry.ts';
import type { ZoneTrust } from './memory.ts';
import type { SignedRrset } from './rrset.ts';
import { verifyRrset } from './signature.ts';
import type { SignatureFault } from './signature.ts';
import type { ValidationReason } from './status.ts';

/** An RRset that its zone signed. */
export interface Evidence {
  readonly ok: true;
  /** Insecure for an expansion that an opt-out span or too many iterations leave unproved. */
  readonly status: 'secure' | 'insecure';
  readonly reason: ValidationReason;
  readonly detail: string;
  /** The wildcard that the RRset was expanded from. */
  readonly wildcard?: Name;
  readonly ttlSeconds: number;
  readonly signedUntilMs: number;
}

/** Verified NSEC and NSEC3 records of an answer. */
export interface DenialEvidence {
  readonly records: DenialRecords;
  /** Least of the records; Infinity without any. */
  readonly ttlSeconds: number;
  readonly signedUntilMs: number;
  /** Why something that came was not taken. */
  readonly fault?: SignatureFault;
}

/** Verifies an RRset of the answer by the keys of a secure zone. */
export function verifyInZone(
  rrset: SignedRrset,
  answer: Answer,
  trust: ZoneTrust,
  context: LookupContext,
): Evidence | SignatureFault {
  const { zone, keys } = trust;
  const verified = verifyRrset(rrset, zone, keys, context);
  if (!verified.ok) return verified;
  const { ttlSeconds, by, expansionOf } = verified;
  const signedUntilMs = Math.min(verified.signedUntilMs, trust.signedUntilMs);
  const signed = `${describe(rrset)} is signed by key ${String(by.tag)} (${dnssecAlgorithmName(by.algorithm)}) of ${zone.toString()}`;
  if (expansionOf === undefined) {
    return { ok: true, status: 'secure', reason: 'signed', detail: signed, ttlSeconds, signedUntilMs };
  }
  const denial = verifyDenial(answer, trust, context);
  const proof = proveNoCloser(rrset.name, expansionOf, denial.records, context.budget);
  const expanded = `${signed}, expanded from ${expansionOf.toString()}`;
  if (proof.kind === 'bogus') {
    const { reason, detail } = denial.fault ?? proof;
    return { ok: false, reason, detail: `${expanded}, but no proof that nothing is closer: ${detail}` };
  }
  return {
    ok: true,
    status: proof.kind,
    reason: proof.kind === 'secure' ? 'signed' : proof.reason,
    detail: `${expanded} (${proof.detail})`,
    wildcard: expansionOf,
    ttlSeconds: Math.min(ttlSeconds, denial.ttlSeconds),
    signedUntilMs: Math.min(signedUntilMs, denial.signedUntilMs),
  };
}

/** Verifies the NSEC and NSEC3 RRsets of the answer by the keys of a secure zone. */
export function verifyDenial(
  answer: Answer,
  { zone, keys, signedUntilMs: trustedUntilMs }: ZoneTrust,
  context: LookupContext,
): DenialEvidence {
  const came = authorities(answer, [RrType.NSEC, RrType.NSEC3]);
  const own = came.filter(({ signatures }) => signatures.some(({ signer }) => signer.equals(zone)));
  // Without one of the zone's own, the others say what is wrong; that costs no public-key operation.
  const offered = own.length > 0 ? own : came.slice(0, 1);
  const limit = context.budget.limits['denial-records'];
  const good: SignedRrset[] = [];
  let ttlSeconds = Infinity;
  let signedUntilMs = trustedUntilMs;
  let fault: SignatureFault | undefined;
  for (const rrset of offered.slice(0, limit)) {
    const verified = verifyRrset(rrset, zone, keys, context);
    if (!verified.ok) {
      fault ??= verified;
    } else if (verified.expansionOf === undefined) {
      // A wildcard's own NSEC record, expanded, would speak of a name that it is not the record of.
      good.push(rrset);
      ttlSeconds = Math.min(ttlSeconds, verified.ttlSeconds);
      signedUntilMs = Math.min(signedUntilMs, verified.signedUntilMs);
    }
  }
  if (offered.length > limit) {
    context.budget.refuse('denial-records');
    const detail = `${String(offered.length)} NSEC or NSEC3 records in one answer, and at most ${String(limit)} are checked`;
    fault ??= { ok: false, reason: 'work-limit', detail };
  }
  const records = readDenialRecords(zone, good);
  return { records, ttlSeconds, signedUntilMs, ...(fault === undefined ? {} : { fault }) };
}
