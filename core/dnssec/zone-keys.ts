/**
 * From a zone's DS records, or from a trust anchor, to the keys that may sign in the zone (RFC 4035 section 5.2).
 *
 * A key that is vouched for must have signed the DNSKEY RRset; then all keys of the RRset are the zone's. A zone is
 * insecure only if nothing that vouches for it uses a supported algorithm and a supported digest; from then on one
 * that works is enough, and not every algorithm has to (RFC 6840 section 5.11).
 *
 * Limitations: no automated rollover of anchors (RFC 5011); revoked keys are merely not used.
 */
import { dnssecAlgorithmName, RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { DnskeyFlag, keyTag, parseDnskey, parseDs, parseOrNothing } from '../dns/rdata.ts';
import type { Dnskey, Ds } from '../dns/rdata.ts';
import { dsDigest, isSupportedAlgorithm, isSupportedDigest } from './algorithms.ts';
import type { TrustAnchor } from './anchors.ts';
import type { ValidationLimitName, WorkBudget } from './budget.ts';
import type { SignedRrset } from './rrset.ts';
import { verifyRrset } from './signature.ts';
import type { WorkContext, ZoneKey } from './signature.ts';
import type { ValidationReason } from './status.ts';

/** The DS records that can be used, or why a zone that has these is insecure. */
export type DsChoice =
  | { readonly kind: 'usable'; readonly usable: readonly Ds[] }
  | {
      readonly kind: 'insecure';
      readonly reason: 'unsupported-algorithm' | 'unsupported-digest';
      readonly detail: string;
    };

/** The keys of a zone, or why there are none. */
export type KeysResult =
  | {
      readonly kind: 'secure';
      readonly keys: readonly ZoneKey[];
      /** How long the DNSKEY RRset may be kept. */
      readonly ttlSeconds: number;
      readonly signedUntilMs: number;
      readonly detail: string;
    }
  | { readonly kind: 'insecure'; readonly reason: ValidationReason; readonly detail: string }
  | { readonly kind: 'bogus'; readonly reason: ValidationReason; readonly detail: string };

const dnssecProtocol = 3;

/** Chooses among the DS records of a delegation (RDATAs of a secure RRset, at least one). */
export function usableDs(ds: readonly Buffer[], alsoAlgorithms: readonly number[] = []): DsChoice {
  const all = ds.flatMap((rdata) => parseOrNothing(rdata, parseDs) ?? []);
  const ofAlgorithm = all.filter(({ algorithm }) => isSupportedAlgorithm(algorithm, alsoAlgorithms));
  // RFC 4035 section 5.2: no supported algorithm is as no DS. RFC 6840 section 5.2: nor is one without its digest.
  // RFC 4509 section 3 wants SHA-1 ignored beside SHA-256; it is ignored always.
  const usable = ofAlgorithm.filter(({ digestType }) => isSupportedDigest(digestType));
  if (usable.length > 0) return { kind: 'usable', usable };
  return ofAlgorithm.length === 0
    ? {
        kind: 'insecure',
        reason: 'unsupported-algorithm',
        detail: `DS algorithms ${list(all.map(({ algorithm }) => dnssecAlgorithmName(algorithm)))} are not supported`,
      }
    : {
        kind: 'insecure',
        reason: 'unsupported-digest',
        detail: `DS digest types ${list(ofAlgorithm.map(({ digestType }) => String(digestType)))} are not supported`,
      };
}

/** The keys of a zone whose parent has these DS records, chosen by `usableDs`. */
export function keysByDs(
  zone: Name,
  ds: readonly Ds[],
  dnskeys: SignedRrset,
  context: WorkContext,
): KeysResult {
  return keysVouchedFor(zone, { ds, dnskeys: [], who: 'DS records' }, dnskeys, context);
}

/** The keys of the zone of a trust anchor (RFC 4035 section 5). */
export function keysByAnchor(anchor: TrustAnchor, dnskeys: SignedRrset, context: WorkContext): KeysResult {
  const { alsoAlgorithms } = context;
  const choice: DsChoice =
    anchor.ds.length === 0 ? { kind: 'usable', usable: [] } : usableDs(anchor.ds, alsoAlgorithms);
  const anchored = anchor.dnskeys.filter((rdata) =>
    isOfSupportedAlgorithm(parseOrNothing(rdata, parseDnskey), alsoAlgorithms),
  );
  if (anchored.length === 0) {
    if (choice.kind === 'insecure') return choice;
    if (choice.usable.length === 0) {
      return {
        kind: 'insecure',
        reason: 'unsupported-algorithm',
        detail: 'no key of the trust anchor has a supported algorithm',
      };
    }
  }
  const ds = choice.kind === 'usable' ? choice.usable : [];
  return keysVouchedFor(anchor.zone, { ds, dnskeys: anchored, who: 'trust anchor' }, dnskeys, context);
}

/** Who says which keys are the zone's. */
interface Voucher {
  readonly ds: readonly Ds[];
  readonly dnskeys: readonly Buffer[];
  readonly who: 'DS records' | 'trust anchor';
}

function keysVouchedFor(
  zone: Name,
  voucher: Voucher,
  dnskeys: SignedRrset,
  context: WorkContext,
): KeysResult {
  if (dnskeys.type !== RrType.DNSKEY || !dnskeys.name.equals(zone)) {
    return bogus('no-dnskey', `no DNSKEY records of ${zone.toString()}`);
  }
  const { budget, alsoAlgorithms } = context;
  const { limits } = budget;
  const keys = readZoneKeys(dnskeys.rdatas.slice(0, limits['dnskeys-per-zone']), alsoAlgorithms);
  const considered = voucher.ds.slice(0, limits['ds-records']);
  const vouched = keys.filter(({ rdata }) => voucher.dnskeys.some((anchored) => anchored.equals(rdata)));
  for (const ds of considered) {
    // KeyTrap (CVE-2023-50387): every key of a tag costs a digest for every DS record.
    const named = keysNamedBy(ds, keys).slice(0, limits['keys-per-tag']);
    vouched.push(
      ...named.filter(({ rdata }) => dsDigest(ds.digestType, zone, rdata)?.equals(ds.digest) === true),
    );
  }
  if (vouched.length === 0) {
    const cut = whatWasCut(voucher, dnskeys, keys, budget);
    if (cut === undefined) {
      return bogus('ds-mismatch', `no DNSKEY of ${zone.toString()} is named by the ${voucher.who}`);
    }
    budget.refuse(cut);
    return bogus('work-limit', `${zone.toString()} has more records than the limit \`${cut}\` allows`);
  }
  // RFC 4035 section 5.2: a key that is vouched for must have signed the DNSKEY RRset.
  const result = verifyRrset(dnskeys, zone, [...new Set(vouched)], context);
  if (!result.ok) {
    return result.reason === 'no-key'
      ? bogus('no-signature', `the DNSKEY records of ${zone.toString()} are not signed by ${tags(vouched)}`)
      : bogus(result.reason, result.detail);
  }
  const { ttlSeconds, signedUntilMs, by } = result;
  const detail = `DNSKEY signed by key ${String(by.tag)} (${dnssecAlgorithmName(by.algorithm)}) of the ${voucher.who}`;
  return { kind: 'secure', keys, ttlSeconds, signedUntilMs, detail };
}

/** The keys that a DS record may mean; its digest says whether it does. */
function keysNamedBy(ds: Ds, keys: readonly ZoneKey[]): ZoneKey[] {
  return keys.filter(({ tag, dnskey }) => tag === ds.keyTag && dnskey.algorithm === ds.algorithm);
}

/** The limit that left records out, among which the right one may have been. */
function whatWasCut(
  { ds }: Voucher,
  dnskeys: SignedRrset,
  keys: readonly ZoneKey[],
  { limits }: WorkBudget,
): ValidationLimitName | undefined {
  if (ds.length > limits['ds-records']) return 'ds-records';
  if (dnskeys.rdatas.length > limits['dnskeys-per-zone']) return 'dnskeys-per-zone';
  return ds.some((each) => keysNamedBy(each, keys).length > limits['keys-per-tag'])
    ? 'keys-per-tag'
    : undefined;
}

/** The keys of a DNSKEY RRset that may sign records. */
function readZoneKeys(rdatas: readonly Buffer[], alsoAlgorithms: readonly number[] | undefined): ZoneKey[] {
  return rdatas.flatMap((rdata) => {
    const dnskey = parseOrNothing(rdata, parseDnskey);
    const isUsable = isOfSupportedAlgorithm(dnskey, alsoAlgorithms) && maySign(dnskey);
    return isUsable ? [{ dnskey, tag: keyTag(rdata), rdata }] : [];
  });
}

function isOfSupportedAlgorithm(
  dnskey: Dnskey | undefined,
  alsoAlgorithms: readonly number[] | undefined,
): dnskey is Dnskey {
  return dnskey !== undefined && isSupportedAlgorithm(dnskey.algorithm, alsoAlgorithms);
}

/** RFC 4034 sections 2.1.1 and 2.1.2; RFC 5011 section 2.1: a revoked key vouches for nothing. */
function maySign({ flags, protocol }: Dnskey): boolean {
  const isZoneKey = (flags & DnskeyFlag.ZONE) !== 0;
  return isZoneKey && (flags & DnskeyFlag.REVOKE) === 0 && protocol === dnssecProtocol;
}

function bogus(reason: ValidationReason, detail: string): KeysResult {
  return { kind: 'bogus', reason, detail };
}

function tags(keys: readonly ZoneKey[]): string {
  return list(keys.map(({ tag }) => `key ${String(tag)}`));
}

function list(words: readonly string[]): string {
  return [...new Set(words)].join(', ');
}
