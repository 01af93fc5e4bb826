/**
 * What NSEC records prove (RFC 4035 section 5.4, RFC 6840 section 4). The records given here are validated already.
 *
 * Limitations: NSEC only; what NSEC3 proves is left unproved.
 */
import { RrType } from '../core/dns/constants.ts';
import { Name } from '../core/dns/name.ts';
import { parseNsec } from '../core/dns/rdata.ts';
import type { RrSet } from './zone.ts';

/**
 * What is proved of a name and type: `no-name`: it does not exist; `no-data`: it has not that type;
 * `unsigned-cut`: it is a delegation without a DS record; `nothing`.
 */
export type Denial = 'no-name' | 'no-data' | 'unsigned-cut' | 'nothing';

/** One validated NSEC record. */
interface Span {
  readonly owner: Name;
  readonly next: Name;
  readonly types: readonly number[];
}

/** Reads the strongest statement about a name and type that NSEC RRsets make together. */
export function provedByNsec(name: Name, type: number, nsecs: readonly RrSet[]): Denial {
  const spans = nsecs.flatMap(({ name: owner, rdatas }) =>
    rdatas.map((rdata): Span => {
      const { nextName, types } = parseNsec(rdata);
      return { owner, next: nextName, types };
    }),
  );
  const own = spans.find(({ owner }) => owner.equals(name));
  if (own !== undefined) return provedAtName(type, own.types);
  const covering = spans.find((span) => isCovered(name, span));
  if (covering === undefined) return 'nothing';
  // An empty non-terminal: the next name is below this one, so this one exists (RFC 8020 section 2).
  if (covering.next.isBelow(name)) return 'no-data';
  const wildcard = closestEncloser(name, covering).prepend('*');
  return spans.some((span) => isCovered(wildcard, span)) ? 'no-name' : 'nothing';
}

function provedAtName(type: number, types: readonly number[]): Denial {
  const isCut = types.includes(RrType.NS) && !types.includes(RrType.SOA);
  if (types.includes(type) || types.includes(RrType.CNAME)) return 'nothing';
  if (type === RrType.DS) {
    // RFC 6840 section 4.4: the child's own NSEC says nothing about the DS record, which is the parent's.
    if (types.includes(RrType.SOA)) return 'nothing';
    return isCut ? 'unsigned-cut' : 'no-data';
  }
  // RFC 6840 section 4.1: the parent's NSEC says nothing about the child's types.
  return isCut ? 'nothing' : 'no-data';
}

function isCovered(name: Name, { owner, next, types }: Span): boolean {
  // RFC 6840 section 4.1: below a cut or a DNAME the zone has no say.
  const isCut = types.includes(RrType.NS) && !types.includes(RrType.SOA);
  if ((isCut || types.includes(RrType.DNAME)) && name.isBelow(owner)) return false;
  const isLast = next.compare(owner) <= 0; // the last record points back to the apex
  return owner.compare(name) < 0 && (name.compare(next) < 0 || (isLast && name.isBelow(next)));
}

/** The longest ancestor that the span shows to exist: one that it shares with either end. */
function closestEncloser(name: Name, { owner, next }: Span): Name {
  for (let ancestor = name; ancestor.labelCount > 0;) {
    ancestor = ancestor.parent();
    if (owner.isAtOrBelow(ancestor) || next.isAtOrBelow(ancestor)) return ancestor;
  }
  return Name.root;
}
