/**
 * Which records of a TLSA RRset count: RFC 6698 section 4.1 sets the unusable ones aside, and digest agility
 * (RFC 7671 section 9) the weaker digests.
 *
 * Limitations: the order of the digests is fixed, SHA2-512 before SHA2-256, where RFC 7671 would have it configurable.
 */
import { parseOrNothing, parseTlsa, type Tlsa } from '../dns/rdata.ts';
import { checkSubjectPublicKeyInfo, subjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { describeTlsa, digestLength, matchingName, usageName } from './tlsa.ts';

/** The certificate usages (RFC 7218 section 2.1). */
export const Usage = { pkixTa: 0, pkixEe: 1, daneTa: 2, daneEe: 3 } as const;
/** The selectors (RFC 7218 section 2.2). */
export const Selector = { cert: 0, spki: 1 } as const;
/** The matching type that is no digest (RFC 7218 section 2.3). */
export const fullMatching = 0;

/** What decides whether a record can be used. */
export interface Means {
  /** Whether the peer showed a certificate, and not a raw public key. */
  readonly hasCertificate: boolean;
  /** Whether there are roots for the usages PKIX-TA and PKIX-EE. */
  readonly hasRoots: boolean;
}

export interface SortedRecords {
  readonly usable: readonly Tlsa[];
  /** Why the others are not, in words. */
  readonly unusable: readonly string[];
}

/** Sorts RDATAs. RFC 6698 section 4.1: a record that cannot be used is passed over, it does not spoil the others. */
export function sortRecords(records: readonly Buffer[], means: Means): SortedRecords {
  const readable: Tlsa[] = [];
  const unusable: string[] = [];
  for (const rdata of records) {
    const record = parseOrNothing(rdata, parseTlsa);
    const fault = record === undefined ? 'RDATA is too short' : whyUnusable(record, means);
    if (record === undefined || fault !== undefined) unusable.push(fault ?? '');
    else readable.push(record);
  }
  return { usable: strongest(readable), unusable };
}

/**
 * RFC 7671 section 9: of the records with the same usage and selector those with the strongest digest, and those with none.
 * Who publishes a stronger digest beside a weaker one has the weaker for verifiers that do not know the other; it must not
 * be what an attacker has to break.
 */
function strongest(records: readonly Tlsa[]): readonly Tlsa[] {
  if (records.length < 2) return records;
  const best = new Map<string, number>();
  const group = ({ usage, selector }: Tlsa): string => `${String(usage)} ${String(selector)}`;
  for (const record of records) {
    best.set(group(record), Math.max(best.get(group(record)) ?? 0, record.matchingType));
  }
  return records.filter(
    (record) => record.matchingType === fullMatching || record.matchingType === best.get(group(record)),
  );
}

/** Why this record says nothing here; undefined when it is usable. */
function whyUnusable(record: Tlsa, { hasCertificate, hasRoots }: Means): string | undefined {
  const { usage, selector, matchingType, data } = record;
  if (usage > Usage.daneEe) return `unknown usage ${usageName(usage)}`;
  if (selector > Selector.spki) return `unknown selector ${String(selector)}`;
  const expected = digestLength(matchingType);
  if (matchingType !== fullMatching && expected === undefined) {
    return `unknown matching type ${String(matchingType)}`;
  }
  // RFC 7671 section 9: a digest of the wrong length is malformed, not a mismatch.
  if (expected !== undefined && data.length !== expected) {
    return `${matchingName(matchingType)} of ${String(data.length)} octets`;
  }
  // RFC 6698 section 4.1: malformed data make the record unusable.
  if (matchingType === fullMatching && !isWhole(selector, data)) {
    return `${describeTlsa(record)} whose data is no ${selector === Selector.cert ? 'certificate' : 'public key'}`;
  }
  // RFC 7671 section 5.1: a raw public key goes with "3 1 x" only.
  if (!hasCertificate && (usage !== Usage.daneEe || selector !== Selector.spki)) {
    return `${describeTlsa(record)} (a raw public key goes with DANE-EE SPKI only)`;
  }
  if (usage <= Usage.pkixEe && !hasRoots) {
    return `usage ${usageName(usage)} (no root certificates: set dane.roots)`;
  }
  return undefined;
}

function isWhole(selector: number, data: Buffer): boolean {
  try {
    if (selector === Selector.cert) subjectPublicKeyInfo(data);
    else checkSubjectPublicKeyInfo(data);
    return true;
  } catch (error) {
    if (error instanceof CertificateFormatError) return false;
    throw error;
  }
}
