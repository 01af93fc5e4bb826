/**
 * The NSEC and NSEC3 chains of a zone (RFC 4034 section 4, RFC 5155 section 7.1), for tests.
 *
 * It shares nothing with core/dnssec, which it is a witness against: order, hashes and which names count are written
 * again here, plainly and without regard to speed.
 */
import { createHash } from 'node:crypto';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeNsec, encodeNsec3, encodeNsec3Param } from '../../core/dns/rdata.ts';
import type { RrSet } from '../../lab/zone.ts';

/** How names are hashed; what is not given is 0, nothing and no. */
export interface Nsec3Options {
  readonly iterations?: number;
  readonly salt?: Buffer;
  /** Sets the flag on every record and leaves unsigned delegations out. */
  readonly optOut?: boolean;
}

/** A name of the zone that is the zone's own, with the types that its bit map has. */
export interface ChainName {
  readonly name: Name;
  /** None for an empty non-terminal. */
  readonly types: readonly number[];
}

/** Names of a zone in canonical order with their types: none below a cut or a DNAME, and all empty non-terminals. */
export function chainNames(apex: Name, rrsets: readonly RrSet[]): ChainName[] {
  const typesByKey = new Map<string, { name: Name; types: Set<number> }>();
  for (const { name, type } of rrsets) {
    for (let each = name; ; each = each.parent()) {
      const node = typesByKey.get(each.key) ?? { name: each, types: new Set() };
      typesByKey.set(each.key, node);
      if (each === name) node.types.add(type);
      if (each.equals(apex)) break;
    }
  }
  const typesOf = (name: Name): ReadonlySet<number> => typesByKey.get(name.key)?.types ?? new Set<number>();
  const isCut = (name: Name): boolean => !name.equals(apex) && typesOf(name).has(RrType.NS);
  const isHidden = (name: Name): boolean => {
    if (name.equals(apex)) return false;
    const above = name.parent();
    return isCut(above) || typesOf(above).has(RrType.DNAME) || isHidden(above);
  };
  return [...typesByKey.values()]
    .filter(({ name }) => !isHidden(name))
    .map(({ name, types }) => ({
      name,
      types: [...types].filter((type) => !isCut(name) || type === RrType.NS || type === RrType.DS),
    }))
    .sort((a, b) => (orderKey(a.name) < orderKey(b.name) ? -1 : 1));
}

/** The NSEC RRsets of a zone. */
export function nsecChain(apex: Name, rrsets: readonly RrSet[], ttl: number): RrSet[] {
  const owners = chainNames(apex, rrsets).filter(({ types }) => types.length > 0);
  return owners.map(({ name, types }, index) => ({
    name,
    type: RrType.NSEC,
    ttl,
    rdatas: [
      encodeNsec({
        nextName: owners[(index + 1) % owners.length]?.name ?? apex,
        types: [...types, RrType.NSEC, RrType.RRSIG],
      }),
    ],
  }));
}

/** The NSEC3 RRsets of a zone. */
export function nsec3Chain(
  apex: Name,
  rrsets: readonly RrSet[],
  ttl: number,
  { iterations = 0, salt = Buffer.alloc(0), optOut = false }: Nsec3Options = {},
): RrSet[] {
  const isLeftOut = ({ types }: ChainName): boolean =>
    optOut && types.includes(RrType.NS) && !types.includes(RrType.SOA) && !types.includes(RrType.DS);
  const all = chainNames(apex, rrsets);
  const kept = all.filter((each) => each.types.length > 0 && !isLeftOut(each));
  // RFC 5155 section 7.1: an empty non-terminal is in the chain if a name below it is.
  const owners = all
    .filter(({ name }) => kept.some((other) => other.name.isAtOrBelow(name)))
    .map(({ name, types }) => ({ types, hash: nsec3Hash(name, iterations, salt) }))
    .sort((a, b) => Buffer.compare(a.hash, b.hash));
  return owners.map(({ hash, types }, index) => ({
    name: apex.prepend(base32hex(hash)),
    type: RrType.NSEC3,
    ttl,
    rdatas: [
      encodeNsec3({
        hashAlgorithm: 1,
        flags: optOut ? 1 : 0,
        iterations,
        salt,
        nextHashedOwner: owners[(index + 1) % owners.length]?.hash ?? hash,
        types: types.length === 0 || isUnsignedCut(types) ? types : [...types, RrType.RRSIG],
      }),
    ],
  }));
}

/** The NSEC3PARAM RRset that goes with a chain. */
export function nsec3Param(apex: Name, ttl: number, options: Nsec3Options): RrSet {
  const { iterations = 0, salt = Buffer.alloc(0) } = options;
  const rdata = encodeNsec3Param({ hashAlgorithm: 1, flags: 0, iterations, salt });
  return { name: apex, type: RrType.NSEC3PARAM, ttl, rdatas: [rdata] };
}

/** RFC 5155 section 5. */
export function nsec3Hash(name: Name, iterations = 0, salt: Buffer = Buffer.alloc(0)): Buffer {
  let digest = name.canonicalWire();
  for (let round = 0; round <= iterations; round += 1) {
    digest = createHash('sha1').update(digest).update(salt).digest();
  }
  return digest;
}

/** RFC 4648 section 7, for what is a multiple of 5 octets: the digits of base 32 are the same. */
export function base32hex(octets: Buffer): string {
  return BigInt(`0x${octets.toString('hex')}`)
    .toString(32)
    .padStart((octets.length * 8) / 5, '0');
}

/** Sorts as RFC 4034 section 6.1 wants it: labels from the right, a space before every digit. */
export function orderKey(name: Name): string {
  const labels = Name.fromWire(name.canonicalWire()).labels();
  return labels
    .reverse()
    .map((label) => label.toString('hex'))
    .join(' ');
}

function isUnsignedCut(types: readonly number[]): boolean {
  return types.includes(RrType.NS) && !types.includes(RrType.SOA) && !types.includes(RrType.DS);
}
