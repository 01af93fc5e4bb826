/**
 * The records of a message's section as RRsets (RFC 2181 section 5) with the signatures that cover them
 * (RFC 4035 section 2.2).
 *
 * Limitations: class IN only. Signatures are read, not checked (signature.ts), and at most as many of one RRset as a
 * lookup can ever be allowed to look at, and one, so that it is seen that there were too many.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import { parseRrsig } from '../dns/rdata.ts';
import type { Rrsig } from '../dns/rdata.ts';
import { validationLimits } from './budget.ts';

/** Records of one owner and type, and the signatures over them. */
export interface SignedRrset {
  /** As the first record has it. */
  readonly name: Name;
  readonly type: number;
  /** The least of its records and of their signatures (RFC 2181 section 5.2, RFC 4035 section 5.3.3). */
  readonly ttl: number;
  /** Each once (RFC 2181 section 5, RFC 4034 section 6.3), in the order in which they came. */
  readonly rdatas: readonly Buffer[];
  /** Those that cover the type; what cannot be read is left out. */
  readonly signatures: readonly Rrsig[];
}

const signaturesKept = validationLimits['signatures-per-rrset'].max + 1;
/** Type covered comes first in an RRSIG (RFC 4034 section 3.1). */
const typeCoveredOctets = 2;

interface Group {
  readonly name: Name;
  readonly type: number;
  ttl: number;
  readonly rdatas: Buffer[];
  /** Octets of the RDATAs, once there are enough of them that comparing one by one would cost. */
  seen: Set<string> | undefined;
  readonly signatures: Rrsig[];
}

/** RRsets in the order in which their first records came. Signatures without their RRset are left out. */
export function groupRrsets(records: readonly ResourceRecord[]): readonly SignedRrset[] {
  const groups = new Map<string, Group>();
  for (const record of records) {
    if (record.class === RrClass.IN && record.type !== RrType.RRSIG) addRecord(groups, record);
  }
  for (const record of records) {
    if (record.class === RrClass.IN && record.type === RrType.RRSIG) addSignature(groups, record);
  }
  return [...groups.values()].map(({ name, type, ttl, rdatas, signatures }) => ({
    name,
    type,
    ttl,
    rdatas,
    signatures,
  }));
}

/** The RRset of a name and type. */
export function findRrset(rrsets: readonly SignedRrset[], name: Name, type: number): SignedRrset | undefined {
  return rrsets.find((rrset) => rrset.type === type && rrset.name.equals(name));
}

function addRecord(groups: Map<string, Group>, { name, type, ttl, rdata }: ResourceRecord): void {
  const key = groupKey(name, type);
  const group = groups.get(key);
  if (group === undefined) {
    groups.set(key, { name, type, ttl, rdatas: [rdata], seen: undefined, signatures: [] });
    return;
  }
  group.ttl = Math.min(group.ttl, ttl);
  if (!has(group, rdata)) group.rdatas.push(rdata);
}

/** Whether the RDATA is there already; remembers it if not. */
function has(group: Group, rdata: Buffer): boolean {
  if (group.seen === undefined) {
    if (group.rdatas.length < 8) return group.rdatas.some((other) => other.equals(rdata));
    group.seen = new Set(group.rdatas.map((other) => other.toString('latin1')));
  }
  const octets = rdata.toString('latin1');
  if (group.seen.has(octets)) return true;
  group.seen.add(octets);
  return false;
}

function addSignature(groups: Map<string, Group>, { name, ttl, rdata }: ResourceRecord): void {
  if (rdata.length < typeCoveredOctets) return;
  const group = groups.get(groupKey(name, rdata.readUInt16BE(0)));
  if (group === undefined || group.signatures.length >= signaturesKept) return;
  try {
    group.signatures.push(parseRrsig(rdata));
    group.ttl = Math.min(group.ttl, ttl);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
  }
}

function groupKey(name: Name, type: number): string {
  return `${String(type)} ${name.key}`;
}
