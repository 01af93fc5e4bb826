/**
 * Signs a whole zone for tests: DNSKEY, NSEC or NSEC3, and a signature over everything that is the zone's own
 * (RFC 4035 section 2). Records come out as they would be in an answer: the RRset and its signatures.
 */
import { RrClass, RrType } from '../../core/dns/constants.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { recordsOf } from '../../lab/zone.ts';
import type { RrSet } from '../../lab/zone.ts';
import {
  base32hex,
  chainNames,
  nsec3Chain,
  nsec3Hash,
  nsec3Param,
  nsecChain,
  orderKey,
} from './denial-chain.ts';
import type { Nsec3Options } from './denial-chain.ts';
import { signRrset } from './signing-key.ts';
import type { SigningKey, SigningPeriod } from './signing-key.ts';

/** What a zone is signed with. */
export interface ZonePlan {
  readonly apex: Name;
  /** Without DNSKEY, RRSIG, NSEC, NSEC3 and NSEC3PARAM records. */
  readonly records: readonly ResourceRecord[];
  /** Sign everything; those of flags 257 sign the DNSKEY RRset alone where there are others. */
  readonly keys: readonly SigningKey[];
  readonly period: SigningPeriod;
  readonly denial: 'nsec' | Nsec3Options;
}

/** A signed zone, to take RRsets with their signatures from. */
export class ZoneSigner {
  readonly apex: Name;
  /** Everything but signatures. */
  readonly rrsets: readonly RrSet[];
  readonly #plan: ZonePlan;
  readonly #owned: ReadonlySet<string>;

  constructor(plan: ZonePlan) {
    const { apex, keys, denial } = plan;
    const data = groupRecords(plan.records);
    const ttl = data[0]?.ttl ?? 3600;
    data.push({ name: apex, type: RrType.DNSKEY, ttl, rdatas: keys.map(({ dnskey }) => dnskey) });
    if (denial !== 'nsec') data.push(nsec3Param(apex, ttl, denial));
    const chain = denial === 'nsec' ? nsecChain(apex, data, ttl) : nsec3Chain(apex, data, ttl, denial);
    this.apex = apex;
    this.rrsets = [...data, ...chain];
    this.#plan = plan;
    this.#owned = new Set(
      chainNames(apex, this.rrsets).flatMap(({ name, types }) => types.map((type) => rrsetKey(name, type))),
    );
  }

  /** RDATAs of the DS records for the keys that are secure entry points, for the zone above. */
  ds(digestType = 2): Buffer[] {
    return this.#keysFor(RrType.DNSKEY).map((key) => key.ds(this.apex, digestType));
  }

  rrset(name: Name | string, type: number): RrSet | undefined {
    const owner = typeof name === 'string' ? Name.parse(name) : name;
    return this.rrsets.find((each) => each.type === type && each.name.equals(owner));
  }

  /** The RRset of a name and type with its signatures, none of them if it is not there. */
  records(name: Name | string, type: number): ResourceRecord[] {
    const rrset = this.rrset(name, type);
    return rrset === undefined ? [] : this.withSignatures(rrset);
  }

  /** The RRset of a wildcard as it is when it answers for a name (RFC 4035 section 3.1.3.3). */
  expanded(wildcard: Name | string, name: Name | string, type: number): ResourceRecord[] {
    const owner = typeof name === 'string' ? Name.parse(name) : name;
    return this.records(wildcard, type).map((record) => ({ ...record, name: owner }));
  }

  /** The NSEC or NSEC3 RRset that a name owns or whose span it is in, with its signatures. */
  denial(name: Name | string): ResourceRecord[] {
    const asked = typeof name === 'string' ? Name.parse(name) : name;
    const { denial } = this.#plan;
    const isNsec = denial === 'nsec';
    const wanted = isNsec
      ? orderKey(asked)
      : base32hex(nsec3Hash(asked, denial.iterations ?? 0, denial.salt ?? Buffer.alloc(0)));
    const keyOf = ({ name: owner }: RrSet): string =>
      isNsec ? orderKey(owner) : (owner.labels()[0]?.toString('latin1') ?? '');
    const chain = this.rrsets.filter(({ type }) => type === (isNsec ? RrType.NSEC : RrType.NSEC3));
    const found = chain.findLast((each) => keyOf(each) <= wanted) ?? chain.at(-1);
    return found === undefined ? [] : this.withSignatures(found);
  }

  /** Every record of the zone, with its signatures. */
  all(): ResourceRecord[] {
    return this.rrsets.flatMap((rrset) => this.withSignatures(rrset));
  }

  withSignatures(rrset: RrSet): ResourceRecord[] {
    const isOwned = rrset.type === RrType.NSEC || this.#owned.has(rrsetKey(rrset.name, rrset.type));
    const isCut = this.rrset(rrset.name, RrType.NS) !== undefined && !rrset.name.equals(this.apex);
    if (!isOwned || (isCut && rrset.type === RrType.NS)) return recordsOf(rrset);
    const options = { ...this.#plan.period, signer: this.apex };
    return [...recordsOf(rrset), ...this.#keysFor(rrset.type).map((key) => signRrset(rrset, key, options))];
  }

  #keysFor(type: number): SigningKey[] {
    const isEntry = (key: SigningKey): boolean => (key.dnskey.readUInt16BE(0) & 1) === 1;
    const chosen = this.#plan.keys.filter((key) => isEntry(key) === (type === RrType.DNSKEY));
    return chosen.length > 0 ? chosen : [...this.#plan.keys];
  }
}

/** Records as RRsets, each with the TTL of its first record. */
export function groupRecords(records: readonly ResourceRecord[]): RrSet[] {
  const groups = new Map<string, { name: Name; type: number; ttl: number; rdatas: Buffer[] }>();
  for (const { name, type, ttl, rdata } of records) {
    const key = rrsetKey(name, type);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { name, type, ttl, rdatas: [rdata] });
    else group.rdatas.push(rdata);
  }
  return [...groups.values()];
}

/** One record of class IN. */
export function recordOf(name: Name | string, type: number, rdata: Buffer, ttl = 3600): ResourceRecord {
  const owner = typeof name === 'string' ? Name.parse(name) : name;
  return { name: owner, type, class: RrClass.IN, ttl, rdata };
}

function rrsetKey(name: Name, type: number): string {
  return `${String(type)} ${name.key}`;
}
