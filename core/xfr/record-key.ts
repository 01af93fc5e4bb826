/**
 * When two records are the same (RFC 2181 section 5): owner, type and RDATA, in canonical form (RFC 4034 section 6). The TTL is
 * not part of it.
 *
 * Limitations: class IN.
 */
import { canonicalRdata } from '../dns/canonical-rdata.ts';
import type { ResourceRecord } from '../dns/message.ts';

/** The same string for the same records, and for no others. */
export function recordKey({ name, type, rdata }: ResourceRecord): string {
  // The name says itself where it ends.
  return name.key + String.fromCharCode(type) + canonicalRdata(type, rdata).toString('latin1');
}

export function sameRdata(one: ResourceRecord, other: ResourceRecord): boolean {
  return (
    one.type === other.type &&
    canonicalRdata(one.type, one.rdata).equals(canonicalRdata(other.type, other.rdata))
  );
}

/** Whether two records that are the same have the same octets and TTL as well. */
export function sameOctets(one: ResourceRecord, other: ResourceRecord): boolean {
  return one.ttl === other.ttl && one.name.wire.equals(other.name.wire) && one.rdata.equals(other.rdata);
}
