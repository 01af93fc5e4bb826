/**
 * Does one of the TLSA records vouch for the key that the peer showed? RFC 6698 section 2.1, RFC 7671.
 *
 * Pure: records and credentials in, the matching record or a reason out.
 *
 * Limitations: DANE-EE (usage 3) only. Records of the usages 0 to 2 need a certification path and a name check, and
 * count as unusable here, as RFC 6698 section 4.1 lets a verifier treat kinds that it does not know.
 */
import { parseTlsa, type Tlsa } from '../dns/rdata.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { associationData, describeTlsa, digestLength, matchingName, usageName } from './tlsa.ts';
import type { PeerCredentials } from './types.ts';

export type MatchResult =
  | { readonly matched: true; readonly record: Tlsa; readonly proof: string }
  | {
      readonly matched: false;
      readonly reason: 'no-tlsa' | 'no-usable-record' | 'key-mismatch';
      readonly detail: string;
    };

/**
 * At most so many TLSA records of a name are looked at. A key roll needs two (RFC 7671 section 8.1), a message of
 * 65,535 octets has room for thousands; each costs a comparison, so the bound is there for tidiness, not for life.
 */
export const maximumTlsaRecords = 64;

/** Looks for a TLSA record (RDATA each) that matches what the peer showed. One is enough (RFC 6698 section 4.1). */
export function matchTlsa(records: readonly Buffer[], peer: PeerCredentials): MatchResult {
  if (records.length === 0) return { matched: false, reason: 'no-tlsa', detail: 'no TLSA record' };
  const tried: string[] = [];
  const unusable: string[] = [];
  for (const rdata of records.slice(0, maximumTlsaRecords)) {
    const record = readTlsa(rdata);
    const fault = record ? whyUnusable(record) : 'RDATA is too short';
    // RFC 6698 section 4.1: a record that cannot be used is passed over, it does not spoil the others.
    if (!record || fault !== undefined) {
      unusable.push(fault ?? '');
      continue;
    }
    if (associationData(peer, record.selector, record.matchingType).equals(record.data)) {
      return { matched: true, record, proof: describeTlsa(record) };
    }
    tried.push(describeTlsa(record));
  }
  if (tried.length > 0) {
    return {
      matched: false,
      reason: 'key-mismatch',
      detail: `none of ${String(tried.length)} matches: ${list(tried)}`,
    };
  }
  return { matched: false, reason: 'no-usable-record', detail: `unusable: ${list(unusable)}` };
}

function readTlsa(rdata: Buffer): Tlsa | undefined {
  try {
    return parseTlsa(rdata);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** Why this record says nothing here; undefined when it is usable. */
function whyUnusable(record: Tlsa): string | undefined {
  if (record.usage !== 3) return `usage ${usageName(record.usage)} (only DANE-EE is supported)`;
  if (record.selector > 1) return `unknown selector ${String(record.selector)}`;
  if (record.matchingType > 2) return `unknown matching type ${String(record.matchingType)}`;
  // RFC 7671 section 9: a digest of the wrong length is malformed, not a mismatch.
  const expected = digestLength(record.matchingType);
  if (expected !== undefined && record.data.length !== expected) {
    return `${matchingName(record.matchingType)} of ${String(record.data.length)} octets`;
  }
  return undefined;
}

function list(items: readonly string[]): string {
  const shown = [...new Set(items)].slice(0, 4).join(', ');
  return items.length > 4 ? `${shown}, …` : shown;
}
