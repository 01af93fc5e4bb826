/**
 * Is this RRset signed by a key of its zone (RFC 4035 section 5.3)?
 *
 * One good signature is enough, whatever the other ones are (RFC 6840 section 5.4). Checks that cost nothing come
 * first; a public-key operation is made only for a signature that passed them all, and only while the lookup's budget
 * lasts.
 *
 * Limitations: whether the keys are the zone's is zone-keys.ts's question. An RRset that was expanded from a wildcard
 * is verified here, but proves nothing until it is also proved that no closer name exists (denial.ts).
 */
import { dnssecAlgorithmName, rrTypeName } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Dnskey, Rrsig } from '../dns/rdata.ts';
import { serialCompare } from '../dns/serial.ts';
import { prepareKey, verificationWeight, verifySignature } from './algorithms.ts';
import type { ValidationLimitName, WorkBudget } from './budget.ts';
import { canonicalRdatas, ownerLabels, signedLength, signedOctets, wildcardSource } from './canonical.ts';
import type { SignedRrset } from './rrset.ts';
import type { ValidationReason } from './status.ts';

/** A DNSKEY that may sign records of its zone: ZONE bit, protocol 3, not revoked, of a supported algorithm. */
export interface ZoneKey {
  readonly dnskey: Dnskey;
  readonly tag: number;
  readonly rdata: Buffer;
}

/** What validation needs besides records. */
export interface WorkContext {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly budget: WorkBudget;
  /** Algorithms beyond the supported ones; for the examples in old RFCs, never from a configuration. */
  readonly alsoAlgorithms?: readonly number[];
}

/** The RRset is what a key of the zone signed. */
export interface Verified {
  readonly ok: true;
  /** The wildcard that the RRset was expanded from. */
  readonly expansionOf?: Name;
  /** How long the RRset may be kept (RFC 4035 section 5.3.3). */
  readonly ttlSeconds: number;
  /** The last instant at which the signature holds. */
  readonly signedUntilMs: number;
  readonly by: { readonly tag: number; readonly algorithm: number };
}

/** No signature proves the RRset; why not, of the signature that came nearest. */
export interface SignatureFault {
  readonly ok: false;
  readonly reason: ValidationReason;
  readonly detail: string;
}

/** Faults, the most telling first: of several signatures, the one that came nearest to proving something is named. */
const faultOrder: readonly ValidationReason[] = [
  'work-limit',
  'bad-signature',
  'signature-expired',
  'signature-not-yet-valid',
  'no-key',
  'wrong-signer',
];

/** A signature that only a public-key operation can tell from a good one, and the keys that may have made it. */
interface Candidate {
  readonly rrsig: Rrsig;
  readonly keys: readonly ZoneKey[];
  readonly signedUntilMs: number;
}

/** Verifies an RRset with the keys of the zone that it is said to be in. */
export function verifyRrset(
  rrset: SignedRrset,
  zone: Name,
  keys: readonly ZoneKey[],
  context: WorkContext,
): Verified | SignatureFault {
  const { budget } = context;
  if (rrset.signatures.length === 0) {
    return fault('no-signature', `${describe(rrset)} comes without a signature`);
  }
  const faults: SignatureFault[] = [];
  const looked = rrset.signatures.slice(0, budget.limits['signatures-per-rrset']);
  if (looked.length < rrset.signatures.length) faults.push(refused('signatures-per-rrset', rrset, budget));
  let rdatas: readonly Buffer[] | undefined;
  for (const rrsig of looked) {
    const candidate = preselect(rrset, rrsig, zone, keys, context.nowMs);
    let result: Verified | SignatureFault;
    if ('ok' in candidate) {
      result = candidate;
    } else if (budget.trySignedOctets(signedLength(rrset, rrsig))) {
      rdatas ??= canonicalRdatas(rrset);
      result = tryKeys(rrset, signedOctets(rrset, rrsig, rdatas), candidate, context);
    } else {
      result = refused('signed-octets', rrset, budget);
    }
    if (result.ok) return result;
    faults.push(result);
  }
  return nearest(faults);
}

/** What RFC 4035 section 5.3.1 asks of a signature before anything is computed. */
function preselect(
  rrset: SignedRrset,
  rrsig: Rrsig,
  zone: Name,
  keys: readonly ZoneKey[],
  nowMs: number,
): Candidate | SignatureFault {
  const what = describe(rrset);
  if (!rrsig.signer.equals(zone) || !rrset.name.isAtOrBelow(zone)) {
    return fault(
      'wrong-signer',
      `${what} is signed by ${rrsig.signer.toString()}, not by ${zone.toString()}`,
    );
  }
  if (rrsig.typeCovered !== rrset.type) {
    return fault('bad-signature', `the signature of ${what} covers another type`);
  }
  // RFC 4035 section 5.3.1: not more labels than the owner has. A wildcard above its zone is none of the zone's.
  if (rrsig.labels > ownerLabels(rrset.name) || rrsig.labels < ownerLabels(zone)) {
    return fault('bad-signature', `the signature of ${what} is for a name of ${rrsig.labels} labels`);
  }
  const matching = keys.filter(
    ({ tag, dnskey }) => tag === rrsig.keyTag && dnskey.algorithm === rrsig.algorithm,
  );
  if (matching.length === 0) {
    return fault('no-key', `${zone.toString()} has no key ${describeKey(rrsig)}, which signed ${what}`);
  }
  const timed = checkTimes(what, rrsig, nowMs);
  return typeof timed === 'number' ? { rrsig, keys: matching, signedUntilMs: timed } : timed;
}

/** The last instant at which the signature holds, if it holds now. */
function checkTimes(what: string, rrsig: Rrsig, nowMs: number): number | SignatureFault {
  const { inception, expiration } = rrsig;
  // RFC 4034 section 3.1.5: the times are serial numbers; two that are 2^31 apart have no order (RFC 1982).
  if (!(serialCompare(inception, expiration) <= 0)) {
    return fault('bad-signature', `the signature of ${what} ends before it begins`);
  }
  // RFC 4035 section 5.3.1: both ends are inside. Fractions of a second count: rounded up for the end, down for the
  // beginning.
  const seconds = Math.ceil(nowMs / 1000);
  if (!(serialCompare(seconds >>> 0, expiration) <= 0)) {
    return fault('signature-expired', `the signature of ${what} expired ${describeTime(expiration, nowMs)}`);
  }
  if (!(serialCompare(Math.floor(nowMs / 1000) >>> 0, inception) >= 0)) {
    return fault(
      'signature-not-yet-valid',
      `the signature of ${what} is valid only from ${describeTime(inception, nowMs)} on`,
    );
  }
  return nearestTime(expiration, nowMs);
}

/** The public-key part. */
function tryKeys(
  rrset: SignedRrset,
  octets: Buffer,
  { rrsig, keys, signedUntilMs }: Candidate,
  { nowMs, budget, alsoAlgorithms }: WorkContext,
): Verified | SignatureFault {
  let isKeyRead = false;
  // KeyTrap (CVE-2023-50387): RFC 4035 section 5.3.1 wants every key of the tag tried; a few are enough for honest zones.
  for (const { dnskey, tag } of keys.slice(0, budget.limits['keys-per-tag'])) {
    if (!budget.trySignature(verificationWeight(rrsig.algorithm))) {
      return refused(budget.exhausted ?? 'signatures', rrset, budget);
    }
    const key = prepareKey(dnskey, alsoAlgorithms);
    isKeyRead ||= key !== undefined;
    if (key !== undefined && verifySignature(rrsig.algorithm, key, octets, rrsig.signature)) {
      const expansionOf = wildcardSource(rrset.name, rrsig.labels);
      const leftSeconds = Math.floor((signedUntilMs - nowMs) / 1000);
      return {
        ok: true,
        ...(expansionOf === undefined ? {} : { expansionOf }),
        // RFC 4035 section 5.3.3
        ttlSeconds: Math.min(rrset.ttl, rrsig.originalTtl, leftSeconds),
        signedUntilMs,
        by: { tag, algorithm: rrsig.algorithm },
      };
    }
    budget.noteFailedSignature();
  }
  if (keys.length > budget.limits['keys-per-tag']) return refused('keys-per-tag', rrset, budget);
  if (!isKeyRead) {
    return fault('no-key', `key ${describeKey(rrsig)} is malformed, or of a size that is not accepted`);
  }
  return fault('bad-signature', `the signature of ${describe(rrset)} by key ${describeKey(rrsig)} is wrong`);
}

function nearest(faults: readonly SignatureFault[]): SignatureFault {
  const ordered = faults.toSorted((a, b) => faultOrder.indexOf(a.reason) - faultOrder.indexOf(b.reason));
  return ordered[0] ?? fault('no-signature', 'there is no signature');
}

function fault(reason: ValidationReason, detail: string): SignatureFault {
  return { ok: false, reason, detail };
}

function refused(limit: ValidationLimitName, rrset: SignedRrset, budget: WorkBudget): SignatureFault {
  budget.refuse(limit);
  return fault('work-limit', `verifying ${describe(rrset)} takes more than the limit \`${limit}\` allows`);
}

function describe({ name, type }: SignedRrset): string {
  return `${name.toString()} ${rrTypeName(type)}`;
}

function describeKey({ keyTag, algorithm }: Rrsig): string {
  return `${String(keyTag)} (${dnssecAlgorithmName(algorithm)})`;
}

/** The instant that a serial second means, of those 2^32 s apart the one nearest to now. */
function nearestTime(seconds: number, nowMs: number): number {
  const now = Math.floor(nowMs / 1000);
  return (now + ((seconds - now) | 0)) * 1000;
}

/** An instant, and how far from now it is. */
function describeTime(seconds: number, nowMs: number): string {
  const atMs = nearestTime(seconds, nowMs);
  const away = Math.ceil(Math.abs(atMs - nowMs) / 1000);
  const [size, unit] = spans.find(([each]) => away >= 2 * each) ?? ([1, 'seconds'] as const);
  const distance = `${String(Math.floor(away / size))} ${unit}`;
  const iso = new Date(atMs).toISOString().replace('.000Z', 'Z');
  return `${iso} (${atMs < nowMs ? `${distance} ago` : `in ${distance}`})`;
}

/** Seconds of the units that a distance is told in; from two on, so that the plural fits. */
const spans = [
  [86_400, 'days'],
  [3_600, 'hours'],
  [60, 'minutes'],
] as const;
