/**
 * The NSEC chain of a zone: which names exist and which types they have, so that what is missing can be denied with
 * a signature (RFC 4034 section 4, RFC 4035 section 2.3).
 */
import { RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { encodeNsec, parseSoa } from '../core/dns/rdata.ts';
import type { RrSet, Zone } from './zone.ts';

/** The chain as it was when it was made; make another when the zone has changed. */
export class NsecChain {
  readonly #links: readonly RrSet[];

  constructor(zone: Zone) {
    const owners = [...zone.names()]
      .filter((name) => isAuthoritativeOwner(zone, name))
      .sort((a, b) => a.compare(b));
    const ttl = denialTtl(zone);
    this.#links = owners.map((name, index) => {
      // RFC 4034 section 4.1.1: the last name points back to the apex.
      const nextName = owners[index + 1] ?? zone.apex;
      const types = [...typesAt(zone, name), RrType.RRSIG, RrType.NSEC];
      return { name, type: RrType.NSEC, ttl, rdatas: [encodeNsec({ nextName, types })] };
    });
  }

  /** The NSEC record that a name owns, or else the one whose span the name falls into. */
  at(name: Name): RrSet | undefined {
    let low = 0;
    let high = this.#links.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const link = this.#links[middle];
      if (link !== undefined && link.name.compare(name) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#links.at(low - 1);
  }

  [Symbol.iterator](): Iterator<RrSet> {
    return this.#links[Symbol.iterator]();
  }
}

/** Seconds for which a denial may be kept: the smaller of the SOA's TTL and MINIMUM (RFC 9077 section 3). */
export function denialTtl(zone: Zone): number {
  const { ttl, rdatas } = zone.soa;
  return rdatas.reduce((least, rdata) => Math.min(least, parseSoa(rdata).minimum), ttl);
}

/** Names with records that are the zone's own: no empty non-terminals, nothing below a cut. */
function isAuthoritativeOwner(zone: Zone, name: Name): boolean {
  if (zone.typesAt(name)?.length === 0) return false;
  // The name of a cut is the zone's own as far as its DS record goes.
  return zone.find(name, RrType.DS).kind !== 'referral';
}

/** RFC 4034 section 4.1.2: at a cut the zone speaks for the delegation only. */
function typesAt(zone: Zone, name: Name): number[] {
  const types = zone.typesAt(name) ?? [];
  const isCut = zone.find(name, RrType.NSEC).kind === 'referral';
  return isCut ? types.filter((type) => type === RrType.NS || type === RrType.DS) : types;
}
