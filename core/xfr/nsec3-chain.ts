/**
 * The chain of NSEC3 records of a zone (RFC 5155 section 7.1): the hash of every name that the zone has authority over, of every
 * empty non-terminal too, owns one that has exactly the types of the name; each leads to the next hash and the last to the first.
 * Where a record has the Opt-Out flag (section 6), unsigned delegations may be missing below it.
 *
 * Limitations: SHA-1, since there is no other hash. At most two chains, as there are while parameters are changed.
 */
import { hash } from 'node:crypto';
import { decodeBase32Hex, encodeBase32Hex } from '../dns/base32hex.ts';
import { RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import { Nsec3Flag, parseNsec3, parseNsec3Param, parseOrNothing } from '../dns/rdata.ts';
import type { Nsec3, Nsec3Param } from '../dns/rdata.ts';
import { validationLimits } from '../dnssec/budget.ts';
import { Uint32List } from './canonical-records.ts';
import type { CanonicalZone } from './canonical-zone.ts';
import { differenceOfTypes, type OwnName } from './nsec-chain.ts';
import type { Fault } from './rrset-verifier.ts';
import type { Pause } from './zone-version.ts';

const sha1Algorithm = 1;
const sha1Octets = 20;
const hashLabelOctets = 32;
const maximumChains = 2;
/** Rounds of SHA-1 between two pauses: some 2 ms. */
const slice = 2048;
/** RFC 9276 section 3.2: what has more is not trusted by validators either. */
const maximumIterations = validationLimits['nsec3-iterations'].default;
/** Octets of a hash that are compared as one number. */
const prefixOctets = 6;

/** The parameters of the chains that a zone says it has (RFC 5155 section 4): those whose flags are 0. */
export function chainParameters(apex: readonly ResourceRecord[]): Nsec3Param[] {
  return apex
    .filter(({ type }) => type === RrType.NSEC3PARAM)
    .flatMap(({ rdata }) => parseOrNothing(rdata, parseNsec3Param) ?? [])
    .filter(({ flags, hashAlgorithm }) => flags === 0 && hashAlgorithm === sha1Algorithm)
    .slice(0, maximumChains);
}

/** The name that has the NSEC3 record of a name. */
export function hashedOwner(zone: Name, name: Name, parameters: Nsec3Param): Name {
  return zone.prepend(encodeBase32Hex(hashName(name.canonicalWire(), parameters)));
}

/** `names` are all that the zone has authority over, in canonical order. */
export async function checkNsec3Chain(
  zone: CanonicalZone,
  names: readonly OwnName[],
  parameters: Nsec3Param,
  pause: Pause,
): Promise<Fault> {
  const apex = zone.zone.toString();
  if (parameters.iterations > maximumIterations) {
    return `the NSEC3 records of ${apex} have ${parameters.iterations} iterations, more than the ${maximumIterations} that are computed: sign with 0 (RFC 9276)`;
  }
  const chain = new HashedRecords(zone, parameters);
  const finder = new NameFinder(zone, chain, parameters);
  let budget = slice;
  const rest = async (rounds: number): Promise<void> => {
    budget -= rounds;
    if (budget > 0) return;
    await pause();
    budget = slice;
  };
  for (const name of names) {
    if (!name.types.includes(RrType.NSEC3)) continue;
    const fault = chain.add(name);
    if (fault !== undefined) return fault;
    await rest(1);
  }
  const open = chain.close();
  if (open !== undefined) return open;
  for (const name of names) {
    const fault = finder.add(name);
    if (fault !== undefined) return fault;
    await rest(2 + parameters.iterations);
  }
  return chain.unmatched();
}

/** The NSEC3 records of one chain, by their hashes, which ascend as the names in canonical order do. */
class HashedRecords {
  readonly #zone: CanonicalZone;
  readonly #parameters: Nsec3Param;
  readonly #records = new Uint32List();
  #prefixes = new Float64Array(1024);
  /** 1 for each record that a name was found for. */
  #matched = new Uint8Array(0);
  #first: Buffer | undefined;
  #next: Buffer | undefined;

  constructor(zone: CanonicalZone, parameters: Nsec3Param) {
    this.#zone = zone;
    this.#parameters = parameters;
  }

  /** The next name that has NSEC3 records. */
  add({ owner }: OwnName): Fault {
    const zone = this.#zone;
    const end = zone.firstRecord(owner + 1);
    let found = false;
    for (let record = zone.firstRecord(owner); record < end; record += 1) {
      if (zone.type(record) !== RrType.NSEC3 || !this.#isOfChain(this.at(record))) continue;
      const name = Name.fromWire(zone.ownerWire(record));
      if (found) return `${name.toString()} has two NSEC3 records of one chain`;
      found = true;
      const own = hashOfOwner(zone.ownerWire(record), zone.zone);
      if (own === undefined) return `${name.toString()} has an NSEC3 record and is no hash of a name`;
      if (this.#next !== undefined && !this.#next.equals(own)) return this.#broken(encodeBase32Hex(own));
      this.#push(own, record);
      this.#first ??= own;
      this.#next = this.at(record)?.nextHashedOwner;
    }
    return undefined;
  }

  /** RFC 5155 section 3.1.7: the last one leads to the first. */
  close(): Fault {
    const zone = this.#zone.zone.toString();
    if (this.#first === undefined)
      return `${zone} has an NSEC3PARAM record and no NSEC3 records for it: sign it again`;
    this.#matched = new Uint8Array(this.#records.length);
    return this.#next?.equals(this.#first) === true ? undefined : this.#broken(encodeBase32Hex(this.#first));
  }

  /** Once all names were looked up: the fault of a record that no name has. */
  unmatched(): Fault {
    const index = this.#matched.indexOf(0);
    if (index === -1) return undefined;
    const owner = Name.fromWire(this.#zone.ownerWire(this.#records.at(index)));
    return `the NSEC3 record of ${owner.toString()} is of no name of the zone: records were taken away after the zone was signed`;
  }

  /** The record that a hash owns, or the one whose span it is in. */
  find(wanted: Buffer): { readonly nsec3: Nsec3; readonly isMatch: boolean } | undefined {
    const prefix = wanted.readUIntBE(0, prefixOctets);
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#prefixes[middle] ?? 0) < prefix) low = middle + 1;
      else high = middle;
    }
    for (; low < this.#records.length && this.#prefixes[low] === prefix; low += 1) {
      const record = this.#records.at(low);
      const order = hashOfOwner(this.#zone.ownerWire(record), this.#zone.zone)?.compare(wanted) ?? 0;
      if (order === 0) {
        this.#matched[low] = 1;
        return this.#found(record, true);
      }
      if (order > 0) break;
    }
    return this.#found(this.#records.at(low === 0 ? this.#records.length - 1 : low - 1), false);
  }

  at(record: number): Nsec3 | undefined {
    return parseOrNothing(this.#zone.rdata(record), parseNsec3);
  }

  #found(record: number, isMatch: boolean): { nsec3: Nsec3; isMatch: boolean } | undefined {
    const nsec3 = this.at(record);
    return nsec3 === undefined ? undefined : { nsec3, isMatch };
  }

  #isOfChain(nsec3: Nsec3 | undefined): boolean {
    const { hashAlgorithm, iterations, salt } = this.#parameters;
    return (
      nsec3?.hashAlgorithm === hashAlgorithm && nsec3.iterations === iterations && nsec3.salt.equals(salt)
    );
  }

  #push(own: Buffer, record: number): void {
    const { length } = this.#records;
    if (length === this.#prefixes.length) {
      const larger = new Float64Array(length * 2);
      larger.set(this.#prefixes);
      this.#prefixes = larger;
    }
    this.#prefixes[length] = own.readUIntBE(0, prefixOctets);
    this.#records.push(record);
  }

  #broken(hash: string): Fault {
    const last = Name.fromWire(this.#zone.ownerWire(this.#records.at(this.#records.length - 1)));
    const next = encodeBase32Hex(this.#next ?? Buffer.alloc(0));
    return `the NSEC3 record of ${last.toString()} leads to ${next}, the next one is that of ${hash}: records were added or taken away after the zone was signed`;
  }
}

/** Looks up every name, and the empty non-terminals between them, in canonical order. */
class NameFinder {
  readonly #zone: CanonicalZone;
  readonly #chain: HashedRecords;
  readonly #parameters: Nsec3Param;
  readonly #zoneOctets: number;
  #lastKey: Buffer = Buffer.alloc(0);
  /** Labels below the apex of ancestors of the name now looked at that the chain leaves out; the topmost first. */
  readonly #leftOut: number[] = [];

  constructor(zone: CanonicalZone, chain: HashedRecords, parameters: Nsec3Param) {
    this.#zone = zone;
    this.#chain = chain;
    this.#parameters = parameters;
    this.#zoneOctets = zone.zone.wire.length;
  }

  add({ owner, types, isCut }: OwnName): Fault {
    // RFC 5155 section 7.1: the hashed names themselves are not in the chain.
    const own = types.filter((type) => type !== RrType.NSEC3);
    if (own.every((type) => type === RrType.RRSIG)) return undefined;
    const wire = this.#zone.ownerWire(this.#zone.firstRecord(owner));
    const key = this.#zone.ownerKey(owner);
    const common = commonLabels(key, this.#lastKey);
    this.#lastKey = key;
    while ((this.#leftOut.at(-1) ?? 0) > common) this.#leftOut.pop();
    const starts = labelStarts(wire, this.#zoneOctets);
    for (let labels = common + 1; labels < starts.length; labels += 1) {
      const ancestor = wire.subarray(starts[starts.length - labels]);
      const fault = this.#look(ancestor, [], true);
      if (fault === leftOut) this.#leftOut.push(labels);
      else if (fault !== undefined) return fault;
    }
    const isUnsignedCut = isCut && !own.includes(RrType.DS);
    const atName = isUnsignedCut ? own.filter((type) => type !== RrType.RRSIG && type !== RrType.NSEC) : own;
    const fault = this.#look(wire, atName, isUnsignedCut);
    if (fault !== undefined && fault !== leftOut) return fault;
    // An empty non-terminal may be left out only if all names below it are.
    const above = this.#leftOut[0];
    if (fault === undefined && above !== undefined)
      return noRecord(wire.subarray(starts[starts.length - above]));
    return undefined;
  }

  /** The fault of one name; `leftOut` where it has no record and needs none, if `mayBeLeftOut`. */
  #look(wire: Buffer, types: readonly number[], mayBeLeftOut: boolean): Fault | typeof leftOut {
    const found = this.#chain.find(hashName(wire, this.#parameters));
    if (found?.isMatch === true) {
      const difference = differenceOfTypes(types, found.nsec3.types);
      return difference === undefined
        ? undefined
        : `the NSEC3 record of ${Name.fromWire(wire).toString()} ${difference}`;
    }
    const isOptOut = ((found?.nsec3.flags ?? 0) & Nsec3Flag.OPT_OUT) !== 0;
    return isOptOut && mayBeLeftOut ? leftOut : noRecord(wire);
  }
}

const leftOut = Symbol('left out');

function noRecord(wire: Buffer): string {
  return `${Name.fromWire(wire).toString()} has no NSEC3 record: it was added after the zone was signed, or its record was taken away`;
}

/** How many labels two keys (canonical-order.ts) have in common from the apex on. */
function commonLabels(a: Buffer, b: Buffer): number {
  let labels = 0;
  for (let at = 0; at < a.length && at < b.length && a[at] === b[at]; at += 1) {
    if (a[at] === 0) labels += 1;
  }
  return labels;
}

/** Where the labels of a name begin that are below the apex. */
function labelStarts(wire: Buffer, zoneOctets: number): number[] {
  const starts: number[] = [];
  for (let at = 0; wire.length - at > zoneOctets; at += wire.readUInt8(at) + 1) starts.push(at);
  return starts;
}

/** RFC 5155 section 3: the hash in base 32 as one label directly below the apex. The owner is in canonical form. */
function hashOfOwner(owner: Buffer, zone: Name): Buffer | undefined {
  if (owner.readUInt8(0) !== hashLabelOctets || owner.length !== hashLabelOctets + 1 + zone.wire.length)
    return undefined;
  return decodeBase32Hex(owner.toString('latin1', 1, hashLabelOctets + 1));
}

/** IH(salt, name, iterations) of RFC 5155 section 5; the name is in canonical form. */
function hashName(wire: Buffer, { iterations, salt }: Nsec3Param): Buffer {
  let digest = hash('sha1', Buffer.concat([wire, salt]), 'buffer');
  for (let round = 0; round < iterations; round += 1) {
    digest = hash('sha1', Buffer.concat([digest.subarray(0, sha1Octets), salt]), 'buffer');
  }
  return digest;
}
