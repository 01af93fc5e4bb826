/**
 * The canonical form of an RRset, and the octets that an RRSIG signs (RFC 4034 sections 3.1.8.1 and 6, with the
 * corrections of RFC 6840 section 5.1).
 *
 * Limitations: the name in an A6 record (historic, RFC 6563) is taken as it came, since the type is opaque here.
 */
import { canonicalRdata, hasFoldedNames } from '../dns/canonical-rdata.ts';
import { RrClass } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import type { Rrsig } from '../dns/rdata.ts';
import type { SignedRrset } from './rrset.ts';

/** Of an RRSIG, what comes before the signer. */
const rrsigFixedOctets = 18;
/** Type, class, TTL and RDLENGTH. */
const recordFixedOctets = 10;
const asterisk = 0x2a;

/** Labels of an owner name as an RRSIG counts them: without the root and a leading `*` (RFC 4034 section 3.1.3). */
export function ownerLabels(name: Name): number {
  return isWildcard(name) ? name.labelCount - 1 : name.labelCount;
}

/** Whether the leftmost label is `*` (RFC 4592 section 2.1.1). */
export function isWildcard(name: Name): boolean {
  return name.wire[0] === 1 && name.wire[1] === asterisk;
}

/**
 * The wildcard that an owner was expanded from, when its signature has so many labels; undefined if the signature is
 * over the owner itself (RFC 4035 section 5.3.2). The labels are not more than the owner's.
 */
export function wildcardSource(owner: Name, labels: number): Name | undefined {
  if (labels >= ownerLabels(owner)) return undefined;
  const all = owner.labels();
  return Name.fromLabels([Buffer.of(asterisk), ...all.slice(all.length - labels)]);
}

/** How many octets `signedOctets` gives at most, without the work of it. */
export function signedLength({ name, rdatas }: SignedRrset, { signer }: Rrsig): number {
  const perRecord = name.wire.length + recordFixedOctets;
  const rdataOctets = rdatas.reduce((sum, rdata) => sum + rdata.length, 0);
  return rrsigFixedOctets + signer.wire.length + rdatas.length * perRecord + rdataOctets;
}

/**
 * What the signature is over: the RRSIG's RDATA without the signature, the signer in lower case; then every record
 * with the owner that was signed and the TTL that the RRSIG has (RFC 4034 section 3.1.8.1).
 */
export function signedOctets(
  rrset: SignedRrset,
  rrsig: Rrsig,
  rdatas: readonly Buffer[] = canonicalRdatas(rrset),
): Buffer {
  const octets = Buffer.allocUnsafe(signedLength(rrset, rrsig));
  octets.writeUInt16BE(rrsig.typeCovered, 0);
  octets.writeUInt8(rrsig.algorithm, 2);
  octets.writeUInt8(rrsig.labels, 3);
  octets.writeUInt32BE(rrsig.originalTtl, 4);
  octets.writeUInt32BE(rrsig.expiration, 8);
  octets.writeUInt32BE(rrsig.inception, 12);
  octets.writeUInt16BE(rrsig.keyTag, 16);
  let at = rrsigFixedOctets + rrsig.signer.canonicalWire().copy(octets, rrsigFixedOctets);
  const start = recordStart(rrset, rrsig);
  for (const rdata of rdatas) {
    at += start.copy(octets, at);
    octets.writeUInt16BE(rdata.length, at);
    at += 2;
    at += rdata.copy(octets, at);
  }
  return octets.subarray(0, at);
}

/** What every record begins with: owner, type, class, TTL. */
function recordStart({ name, type }: SignedRrset, { labels, originalTtl }: Rrsig): Buffer {
  // RFC 4035 section 5.3.2: what was expanded from a wildcard was signed with the wildcard as its owner.
  const owner = (wildcardSource(name, labels) ?? name).canonicalWire();
  const fields = Buffer.allocUnsafe(8);
  fields.writeUInt16BE(type, 0);
  fields.writeUInt16BE(RrClass.IN, 2);
  fields.writeUInt32BE(originalTtl, 4);
  return Buffer.concat([owner, fields]);
}

/** The RDATAs in canonical form and order, each once (RFC 4034 sections 6.2 and 6.3). */
export function canonicalRdatas({ type, rdatas }: Pick<SignedRrset, 'type' | 'rdatas'>): readonly Buffer[] {
  const canonical = hasFoldedNames(type) ? rdatas.map((rdata) => canonicalRdata(type, rdata)) : rdatas;
  if (canonical.length < 2) return canonical;
  // RFC 4034 section 6.3: in the order of their octets, of which latin1 text makes characters; comparing buffers
  // takes three times as long.
  const keyed = canonical.map((rdata) => ({ rdata, key: rdata.toString('latin1') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.filter(({ key }, index) => key !== keyed[index - 1]?.key).map(({ rdata }) => rdata);
}
