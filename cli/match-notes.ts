/** What may explain that no TLSA record matches, for the operator; nothing here is judged by. */
import { matchTlsa, type MatchResult } from '../core/dane/match.ts';
import { tlsaFor } from '../core/dane/tlsa.ts';
import type { PeerCredentials } from '../core/dane/types.ts';
import { Usage } from '../core/dane/usable.ts';
import { Name } from '../core/dns/name.ts';
import { presentTlsa } from '../core/dns/present.ts';
import { encodeTlsa, parseOrNothing, parseTlsa } from '../core/dns/rdata.ts';
import { subjectPublicKeyInfo } from '../core/pki/certificate.ts';
import { CertificateFormatError } from '../core/pki/errors.ts';

/** One sentence each; none for a match. `howToGiveRoots` says where the authorities for PKIX usages come from. */
export function notesOnMatch(
  records: readonly Buffer[],
  peer: PeerCredentials,
  result: MatchResult,
  howToGiveRoots?: string,
): string[] {
  if (result.matched) return [];
  const usages = new Set(records.map((rdata) => parseOrNothing(rdata, parseTlsa)?.usage));
  const notes: string[] = [];
  if (howToGiveRoots !== undefined && (usages.has(Usage.pkixTa) || usages.has(Usage.pkixEe))) {
    notes.push(`records of the usages PKIX-TA and PKIX-EE count only with ${howToGiveRoots}`);
  }
  if (result.reason !== 'key-mismatch') return notes;
  const own = presentTlsa(encodeTlsa(tlsaFor(peer, { usage: Usage.daneEe, selector: 1, matchingType: 1 })));
  notes.push(`what was shown is published by: ${own}`);
  const place = peer.chain.findIndex((der) => isEndEntityOf(records, der));
  if (place !== -1) {
    notes.push(
      `a record matches certificate ${String(place + 2)} of the file; the peer’s own has to be the first`,
    );
  }
  // RFC 7671 section 5.2.2: no verifier has the authority's certificate from elsewhere.
  if (usages.has(Usage.daneTa)) {
    notes.push('for DANE-TA the chain that the peer sends must have the authority’s certificate in it');
  }
  return notes;
}

/** Whether a DANE-EE record is of this certificate. */
function isEndEntityOf(records: readonly Buffer[], certificate: Buffer): boolean {
  let spki: Buffer;
  try {
    spki = subjectPublicKeyInfo(certificate);
  } catch (error) {
    if (error instanceof CertificateFormatError) return false;
    throw error;
  }
  const peer = { certificate, subjectPublicKeyInfo: spki, dnsNames: [], chain: [] };
  const ofEndEntities = records.filter((rdata) => parseOrNothing(rdata, parseTlsa)?.usage === Usage.daneEe);
  // The name, the time and the purpose do not count for DANE-EE (RFC 7671 section 5.1).
  return matchTlsa(ofEndEntities, peer, { name: Name.root, nowMs: 0, purpose: 'client', roots: [] }).matched;
}
