/**
 * Does one of the TLSA records vouch for what the peer showed? RFC 6698 section 2.1, RFC 7671; for a client as for a
 * server, draft-ietf-dance-client-auth-13 section 4.
 *
 * Pure: records, credentials, name and time in; the matching record or a reason out. DANE-EE is a comparison of octets, and
 * comes first; the other usages need a certification path, which chain.ts looks for.
 *
 * Limitations: no revocation; of an RRset the first 64 records are looked at.
 */
import type { Name } from '../dns/name.ts';
import type { Tlsa } from '../dns/rdata.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Purpose } from '../pki/path-checks.ts';
import { rsaKeyLimits, weakRsaBits } from '../pki/public-key.ts';
import { matchChain } from './chain.ts';
import { associationData, describeTlsa } from './tlsa.ts';
import type { PeerCredentials } from './types.ts';
import { sortRecords, Usage } from './usable.ts';

/** What else a match depends on. */
export interface MatchContext {
  /** The reference identifier (RFC 9525): the claimed name, which the certificate must be for with usages 0 to 2. */
  readonly name: Name;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** What the peer is in TLS. */
  readonly purpose: Purpose;
  /** Anchors for the usages PKIX-TA and PKIX-EE; without any, records of these are unusable. */
  readonly roots: readonly Certificate[];
}

export type MatchFault =
  | 'no-tlsa'
  | 'no-usable-record'
  | 'weak-key'
  | 'key-mismatch'
  | 'name-mismatch'
  | 'path-invalid'
  | 'work-limit';

export type MatchResult =
  | {
      readonly matched: true;
      readonly record: Tlsa;
      /** The record's kind in the words of RFC 7218, as "DANE-EE SPKI SHA2-256". */
      readonly proof: string;
      /** Where in the path the matching certificate or key is; 0 is the end entity. */
      readonly depth: number;
      /** Milliseconds since the epoch, when the path expires; absent with DANE-EE, where dates do not count. */
      readonly endsMs?: number;
    }
  | { readonly matched: false; readonly reason: MatchFault; readonly detail: string };

/**
 * At most so many TLSA records of a name are looked at. A key roll needs two (RFC 7671 section 8.1), a message of
 * 65,535 octets has room for thousands; each costs a comparison, so the bound is there for tidiness, not for life.
 */
export const maximumTlsaRecords = 64;

/** Looks for a TLSA record (RDATA each) that matches what the peer showed. One is enough (RFC 6698 section 4.1). */
export function matchTlsa(
  records: readonly Buffer[],
  peer: PeerCredentials,
  context: MatchContext,
): MatchResult {
  if (records.length === 0) return { matched: false, reason: 'no-tlsa', detail: 'no TLSA record' };
  const means = { hasCertificate: peer.certificate !== undefined, hasRoots: context.roots.length > 0 };
  const { usable, unusable } = sortRecords(records.slice(0, maximumTlsaRecords), means);
  if (usable.length === 0) {
    return { matched: false, reason: 'no-usable-record', detail: `unusable: ${list(unusable)}` };
  }
  // RFC 6698 section 4.1: what is too weak by the policy here counts for nothing. A key that others can compute proves nobody.
  const weakBits = weakRsaBits(peer.subjectPublicKeyInfo);
  if (weakBits !== undefined) {
    const detail = `an RSA key of ${String(weakBits)} bits, where ${String(rsaKeyLimits.leastBits)} are the least`;
    return { matched: false, reason: 'weak-key', detail };
  }
  // RFC 7671 section 5.1: with DANE-EE neither name nor dates nor issuer count, so it is asked first.
  const own = usable.find((record) => record.usage === Usage.daneEe && isAbout(record, peer));
  if (own !== undefined) return { matched: true, record: own, proof: describeTlsa(own), depth: 0 };
  const others = usable.filter(({ usage }) => usage !== Usage.daneEe);
  const match = peer.certificate && others.length > 0 ? matchChain(others, peer, context) : undefined;
  return (
    match ?? {
      matched: false,
      reason: 'key-mismatch',
      detail: `none of ${String(usable.length)} matches: ${list(usable.map(describeTlsa))}`,
    }
  );
}

function isAbout({ selector, matchingType, data }: Tlsa, peer: PeerCredentials): boolean {
  return associationData(peer, selector, matchingType).equals(data);
}

function list(items: readonly string[]): string {
  const distinct = [...new Set(items)];
  const shown = distinct.slice(0, 4).join(', ');
  return distinct.length > 4 ? `${shown}, …` : shown;
}
