/**
 * The chain of NSEC records of a zone (RFC 4034 section 4, RFC 4035 section 2.3): every name that the zone has authority over has
 * one, which names the next in canonical order and has exactly the types of the name.
 */
import { RrType, rrTypeName } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import { parseNsec, parseOrNothing } from '../dns/rdata.ts';
import type { CanonicalZone } from './canonical-zone.ts';
import type { Fault } from './rrset-verifier.ts';

/** A name that the zone has authority over, cuts included. */
export interface OwnName {
  /** Index in the canonical zone. */
  readonly owner: number;
  /** Ascending; at a cut without those that are not the zone's. */
  readonly types: readonly number[];
  readonly isCut: boolean;
}

/** Takes names in canonical order; `add` and `end` give the first fault. */
export class NsecChain {
  readonly #zone: CanonicalZone;
  #next: Name | undefined;
  #last = '';

  constructor(zone: CanonicalZone) {
    this.#zone = zone;
  }

  add({ owner, types }: OwnName): Fault {
    const zone = this.#zone;
    const end = zone.firstRecord(owner + 1);
    let first = zone.firstRecord(owner);
    // A name that has nothing but a hash of another is none of this chain's.
    if (
      types.every((type) => type === RrType.NSEC3 || type === RrType.RRSIG) &&
      types.includes(RrType.NSEC3)
    ) {
      return undefined;
    }
    const name = Name.fromWire(zone.ownerWire(first));
    if (this.#next !== undefined && !this.#next.equals(name)) return this.#broken(name);
    while (first < end && zone.type(first) !== RrType.NSEC) first += 1;
    const nsec = first < end ? parseOrNothing(zone.rdata(first), parseNsec) : undefined;
    const text = name.toString();
    if (nsec === undefined) return `${text} has no NSEC record: sign the zone again`;
    if (first + 1 < end && zone.type(first + 1) === RrType.NSEC)
      return `${text} has more than one NSEC record`;
    const difference = differenceOfTypes(types, nsec.types);
    if (difference !== undefined) return `the NSEC record of ${text} ${difference}`;
    this.#next = nsec.nextName;
    this.#last = text;
    return undefined;
  }

  /** RFC 4034 section 4.1.1: the last record points back to the apex. */
  end(): Fault {
    return this.#next?.equals(this.#zone.zone) === true ? undefined : this.#broken(this.#zone.zone);
  }

  #broken(name: Name): Fault {
    return `the NSEC record of ${this.#last} leads to ${this.#next?.toString() ?? 'nothing'}, the next name is ${name.toString()}: records were added or taken away after the zone was signed`;
  }
}

/** What a bit map has too much or too little, as the end of a sentence. Both lists ascend. */
export function differenceOfTypes(types: readonly number[], inMap: readonly number[]): string | undefined {
  if (types.length === inMap.length && types.every((type, index) => inMap[index] === type)) return undefined;
  const missing = types.filter((type) => !inMap.includes(type)).map(rrTypeName);
  const beyond = inMap.filter((type) => !types.includes(type)).map(rrTypeName);
  const parts = [
    ...(beyond.length > 0 ? [`says that it has ${beyond.join(', ')}, which it has not`] : []),
    ...(missing.length > 0 ? [`does not say that it has ${missing.join(', ')}`] : []),
  ];
  return parts.join(', and ');
}
