/**
 * The NSEC and NSEC3 records of an answer, read for proofs, and the rules about type bit maps that both kinds share
 * (RFC 4035 section 5.4, RFC 5155 section 8, RFC 6840 section 4).
 *
 * Limitations: signatures are the caller's matter. What is unreadable, or breaks a rule about what such a record may
 * be, is left out: then it proves nothing.
 */
import { decodeBase32Hex } from '../dns/base32hex.ts';
import { RrType, rrTypeName } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { Nsec, Nsec3 } from '../dns/rdata.ts';
import { Nsec3Flag, parseNsec, parseNsec3, parseOrNothing } from '../dns/rdata.ts';
import type { SignedRrset } from './rrset.ts';

export interface NsecRecord {
  readonly owner: Name;
  readonly nsec: Nsec;
}

export interface Nsec3Record {
  readonly owner: Name;
  readonly nsec3: Nsec3;
  /** The owner's hash and the next owner's as latin1, one character an octet, so that `<` is their order. */
  readonly hash: string;
  readonly nextHash: string;
}

/** What an answer brought to deny with; every signature is verified, and nothing is expanded from a wildcard. */
export interface DenialRecords {
  readonly zone: Name;
  readonly nsec: readonly NsecRecord[];
  /** All with the same iterations and salt. */
  readonly nsec3: readonly Nsec3Record[];
  /** The hashes of names that were computed for these records, by the name's key. */
  readonly hashes: Map<string, string>;
}

/** SHA-1, the one hash algorithm of NSEC3 (RFC 5155 section 11). */
const sha1Algorithm = 1;
const sha1Octets = 20;
const hashLabelOctets = 32;
/** NXNAME (RFC 9824 section 2): in a bit map it says that the name has nothing at all. */
const nxname = 128;

/**
 * Reads the RRsets of types NSEC and NSEC3 among verified ones; the others are passed over. The RRsets must have been
 * verified as the zone's, and must not be expanded from a wildcard.
 */
export function readDenialRecords(zone: Name, rrsets: readonly SignedRrset[]): DenialRecords {
  return {
    zone,
    nsec: rrsets.flatMap((rrset) => readNsec(zone, rrset) ?? []),
    nsec3: withSameParameters(rrsets.flatMap((rrset) => readNsec3(zone, rrset))),
    hashes: new Map(),
  };
}

/** RFC 5155 section 6. */
export function isOptOut({ nsec3 }: Nsec3Record): boolean {
  return (nsec3.flags & Nsec3Flag.OPT_OUT) !== 0;
}

/** RFC 6840 section 4.1: an "ancestor delegation", on the parent's side of a zone cut. */
export function isDelegation(types: readonly number[]): boolean {
  return types.includes(RrType.NS) && !types.includes(RrType.SOA);
}

/** RFC 6840 section 4.1, RFC 5155 section 8.3: what lies below a name with these types is not for this zone to deny. */
export function deniesNothingBelow(types: readonly number[]): boolean {
  return isDelegation(types) || types.includes(RrType.DNAME);
}

/** Why the bit map at a name does not deny a type there; undefined if it does. */
export function whyNotDenied(name: Name, types: readonly number[], type: number): string | undefined {
  // RFC 6840 section 4.2: to deny "any" type is to deny all, but for those that the proof itself consists of.
  const denied = type === RrType.ANY ? types.filter((each) => !ofTheProof.has(each)) : [type];
  const present = denied.find((each) => types.includes(each));
  if (present !== undefined) return `it has ${rrTypeName(present)} records`;
  // RFC 6840 section 4.3: an alias would have been the answer.
  if (types.includes(RrType.CNAME)) return 'it is an alias';
  // RFC 6840 section 4.1: of a cut, the parent's side denies the DS record only; section 4.4: the child's side cannot.
  if (type !== RrType.DS)
    return isDelegation(types) ? 'it is a zone cut, and this is the side above it' : undefined;
  const isChildSide = types.includes(RrType.SOA) && name.labelCount > 0;
  return isChildSide ? 'DS records belong to the zone above, and this is not from there' : undefined;
}

const ofTheProof: ReadonlySet<number> = new Set([RrType.NSEC, RrType.RRSIG, nxname]);

function readNsec(zone: Name, { name, type, rdatas }: SignedRrset): NsecRecord | undefined {
  const [rdata] = rdatas;
  // One name has one successor.
  if (type !== RrType.NSEC || rdata === undefined || rdatas.length > 1) return undefined;
  const nsec = parseOrNothing(rdata, parseNsec);
  if (nsec === undefined) return undefined;
  const isInZone = name.isAtOrBelow(zone) && nsec.nextName.isAtOrBelow(zone);
  // RFC 4034 section 4.1.1: only the last record of the zone points backwards, and then to the apex.
  const isInOrder = name.compare(nsec.nextName) < 0 || nsec.nextName.equals(zone);
  return isInZone && isInOrder ? { owner: name, nsec } : undefined;
}

function readNsec3(zone: Name, { name, type, rdatas }: SignedRrset): Nsec3Record[] {
  if (type !== RrType.NSEC3) return [];
  // RFC 5155 section 3: the owner is the hash as one label, directly below the apex.
  if (name.labelCount !== zone.labelCount + 1 || !name.isBelow(zone)) return [];
  const hash = decodeHashLabel(name.labels()[0] ?? Buffer.alloc(0));
  if (hash === undefined) return [];
  return rdatas.flatMap((rdata) => {
    const nsec3 = parseOrNothing(rdata, parseNsec3);
    if (nsec3 === undefined || !isUsable(nsec3)) return [];
    return { owner: name, nsec3, hash, nextHash: nsec3.nextHashedOwner.toString('latin1') };
  });
}

function isUsable({ hashAlgorithm, flags, nextHashedOwner }: Nsec3): boolean {
  // RFC 5155 section 8.1: unknown hash algorithms are ignored; section 8.2: so are flags that are not 0 or 1.
  return (
    hashAlgorithm === sha1Algorithm && flags <= Nsec3Flag.OPT_OUT && nextHashedOwner.length === sha1Octets
  );
}

/** RFC 5155 section 8.2: records of different parameters are no proof together; those with the least work are kept. */
function withSameParameters(records: readonly Nsec3Record[]): Nsec3Record[] {
  const [first, ...others] = records;
  if (first === undefined) return [];
  const least = others.reduce(
    (best, each) => (each.nsec3.iterations < best.nsec3.iterations ? each : best),
    first,
  ).nsec3;
  return records.filter(
    ({ nsec3 }) => nsec3.iterations === least.iterations && nsec3.salt.equals(least.salt),
  );
}

/** RFC 5155 section 3: the hash in base 32 with the extended hex alphabet, without padding, in either case. */
function decodeHashLabel(label: Buffer): string | undefined {
  const octets = label.length === hashLabelOctets ? decodeBase32Hex(label.toString('latin1')) : undefined;
  return octets?.toString('latin1');
}
