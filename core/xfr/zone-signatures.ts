/**
 * Is a whole zone what its keys have signed (RFC 4035 section 2)? Every RRset that the zone has authority over has a good
 * signature, and its NSEC or NSEC3 records are a closed chain that has every name with exactly its types: then no record was
 * changed, added or taken away. Delegations and glue are not signed, and what is below a cut or a DNAME is passed over; only a
 * digest (zonemd.ts) says whether those are as they were.
 *
 * `checkApex` asks it of the apex alone: SOA, DNSKEY and ZONEMD records; and if there is no ZONEMD record, of the proof of that
 * (RFC 8976 section 4, steps 2 and 3).
 *
 * Limitations: one good signature of an RRset is enough, not one by each algorithm (RFC 6840 section 5.11). Signatures without
 * an RRset are passed over. Where there are NSEC and NSEC3 records at once, the chain is that of the NSEC3PARAM records.
 */
import { RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import { parseNsec, parseNsec3, parseOrNothing } from '../dns/rdata.ts';
import type { TrustAnchor } from '../dnssec/anchors.ts';
import { WorkBudget } from '../dnssec/budget.ts';
import { findRrset, groupRrsets, type SignedRrset } from '../dnssec/rrset.ts';
import { verifyRrset, type ZoneKey } from '../dnssec/signature.ts';
import { keysByAnchor } from '../dnssec/zone-keys.ts';
import { isKeyBelow } from './canonical-order.ts';
import type { CanonicalZone } from './canonical-zone.ts';
import { NsecChain, type OwnName } from './nsec-chain.ts';
import { chainParameters, checkNsec3Chain, hashedOwner } from './nsec3-chain.ts';
import { RrsetVerifier, type Fault, type PlacedRrset } from './rrset-verifier.ts';
import type { Pause } from './zone-version.ts';

/** Who vouches for the keys of the zone, and when it is. */
export interface Trust {
  readonly anchor: TrustAnchor;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Records between two pauses where nothing is waited for. */
const slice = 4096;

/** The name whose NSEC or NSEC3 record says which types the apex has; undefined if there is no such record. */
export function apexDenialOwner(zone: Name, apex: readonly ResourceRecord[]): Name | undefined {
  const [parameters] = chainParameters(apex);
  if (parameters !== undefined) return hashedOwner(zone, zone, parameters);
  return apex.some(({ type }) => type === RrType.NSEC) ? zone : undefined;
}

/**
 * The fault of a zone's apex. `apex` are all records of that name, and `denial` those of `apexDenialOwner`, which are asked for
 * where there is no ZONEMD record.
 */
export function checkApex(
  zone: Name,
  apex: readonly ResourceRecord[],
  denial: readonly ResourceRecord[],
  trust: Trust,
): Fault {
  const rrsets = groupRrsets(apex);
  const keys = zoneKeys(zone, rrsets, trust);
  if (typeof keys === 'string') return keys;
  const context = { nowMs: trust.nowMs, budget: new WorkBudget() };
  const soa = findRrset(rrsets, zone, RrType.SOA);
  const zonemd = findRrset(rrsets, zone, RrType.ZONEMD);
  // RFC 8976 section 4, step 2: that there is no ZONEMD record must be proved.
  const proof = groupRrsets(denial).find(({ type }) => type === RrType.NSEC || type === RrType.NSEC3);
  const second = zonemd ?? proof;
  if (soa === undefined || second === undefined) {
    return `${zone.toString()} has neither a ZONEMD record nor the NSEC or NSEC3 record that says so: sign the zone again`;
  }
  for (const rrset of [soa, second]) {
    const result = verifyRrset(rrset, zone, keys, context);
    if (!result.ok) return result.detail;
  }
  if (zonemd !== undefined || !typesOf(second).includes(RrType.ZONEMD)) return undefined;
  return `${zone.toString()} is signed as having ZONEMD records and has none: they were taken away`;
}

/** The fault of a whole zone. `apex` are all records of that name. Never rejects. */
export async function checkZoneSignatures(
  zone: CanonicalZone,
  apex: readonly ResourceRecord[],
  trust: Trust,
  pause: Pause,
): Promise<Fault> {
  const keys = zoneKeys(zone.zone, groupRrsets(apex), trust);
  if (typeof keys === 'string') return keys;
  const parameters = chainParameters(apex);
  const verifier = new RrsetVerifier(zone, keys, trust.nowMs);
  const names: OwnName[] = [];
  const chain = parameters.length === 0 ? new NsecChain(zone) : undefined;
  let fault: Fault;
  let budget = slice;
  for (const name of ownNames(zone)) {
    for (const rrset of signedRrsets(zone, name)) await verifier.check(rrset);
    fault = verifier.fault ?? chain?.add(name);
    if (fault !== undefined) break;
    if (chain === undefined) names.push(name);
    budget -= 1;
    if (budget === 0) {
      await pause();
      budget = slice;
    }
  }
  fault = (await verifier.finish()) ?? fault ?? chain?.end();
  for (const each of parameters) fault ??= await checkNsec3Chain(zone, names, each, pause);
  return fault;
}

/** The names that the zone has authority over, cuts included, in canonical order. */
function* ownNames(zone: CanonicalZone): Generator<OwnName> {
  let hidden: Buffer | undefined;
  for (let owner = 0; owner < zone.ownerCount; owner += 1) {
    const key = zone.ownerKey(owner);
    const all = typesAt(zone, owner);
    const isHidden = hidden !== undefined && isKeyBelow(key, hidden);
    // A DNAME at the apex hides all but the hashed names (RFC 6672 section 2.3 with RFC 5155 section 3).
    if (isHidden && !(hidden?.length === 0 && all.includes(RrType.NSEC3))) continue;
    const isCut = owner > 0 && all.includes(RrType.NS);
    if (!isHidden && (isCut || all.includes(RrType.DNAME))) hidden = key;
    // RFC 4035 section 2.3: of a cut, only these are the zone's.
    const types = isCut ? all.filter((type) => atCuts.has(type)) : all;
    yield { owner, types, isCut };
  }
}

const atCuts: ReadonlySet<number> = new Set([RrType.NS, RrType.DS, RrType.NSEC, RrType.RRSIG]);

/** Ascending. */
function typesAt(zone: CanonicalZone, owner: number): number[] {
  const types: number[] = [];
  const end = zone.firstRecord(owner + 1);
  for (let record = zone.firstRecord(owner); record < end; record += 1) {
    const type = zone.type(record);
    if (types.at(-1) !== type) types.push(type);
  }
  return types;
}

/** The RRsets of a name that must be signed. */
function signedRrsets(zone: CanonicalZone, { owner, types, isCut }: OwnName): PlacedRrset[] {
  const end = zone.firstRecord(owner + 1);
  const signatures = new Map<number, number[]>();
  const rrsets: PlacedRrset[] = [];
  for (let record = zone.firstRecord(owner); record < end;) {
    const type = zone.type(record);
    const first = record;
    while (record < end && zone.type(record) === type) record += 1;
    if (type === RrType.RRSIG) {
      for (let each = first; each < record; each += 1) {
        const covered = zone.rdata(each).readUInt16BE(0);
        const list = signatures.get(covered);
        if (list === undefined) signatures.set(covered, [each]);
        else list.push(each);
      }
    } else if (types.includes(type) && !(isCut && type === RrType.NS)) {
      const list = signatures.get(type) ?? [];
      signatures.set(type, list);
      rrsets.push({ first, end: record, signatures: list });
    }
  }
  return rrsets;
}

/** The keys of the zone, if they are those that are trusted; else the fault. */
function zoneKeys(
  zone: Name,
  rrsets: readonly SignedRrset[],
  { anchor, nowMs }: Trust,
): readonly ZoneKey[] | string {
  const dnskeys = findRrset(rrsets, zone, RrType.DNSKEY);
  if (dnskeys === undefined) return `${zone.toString()} has no DNSKEY records: it is not signed`;
  const result = keysByAnchor(anchor, dnskeys, { nowMs, budget: new WorkBudget() });
  return result.kind === 'secure' ? result.keys : result.detail;
}

function typesOf({ type, rdatas }: SignedRrset): readonly number[] {
  return rdatas.flatMap((rdata) =>
    type === RrType.NSEC
      ? (parseOrNothing(rdata, parseNsec)?.types ?? [])
      : (parseOrNothing(rdata, parseNsec3)?.types ?? []),
  );
}
