/**
 * What an answer says about the name and type that were asked for, before anybody asks whether it is true: data, an
 * alias, or nothing. Only the first step of a chain of aliases counts; where it leads is asked for by itself.
 *
 * RFC 1034 section 3.6.2 (CNAME), RFC 6672 (DNAME).
 */
import { RrClass, RrType, rrTypeName } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { maxNameOctets, Name } from '../dns/name.ts';
import { parseName, parseOrNothing, parseSoa } from '../dns/rdata.ts';
import { authorities } from './inquiry.ts';
import type { Answer } from './inquiry.ts';
import { findRrset } from './rrset.ts';
import type { SignedRrset } from './rrset.ts';

export type Content =
  | { readonly kind: 'data'; readonly rrset: SignedRrset }
  | {
      readonly kind: 'alias';
      /** The CNAME or DNAME RRset. */
      readonly rrset: SignedRrset;
      /** Undefined where a DNAME makes too long a name (RFC 6672 section 2.2). */
      readonly target: Name | undefined;
    }
  | { readonly kind: 'none' };

/** Contents that no zone may have. */
export interface BrokenContent {
  readonly kind: 'broken';
  readonly detail: string;
}

/** What the answer section says. DNAMEs count that are below `top` or at it; one further up has no say here. */
export function contentOf(answer: Answer, top: Name): Content | BrokenContent {
  const { name, type } = answer.inquiry;
  const own = findRrset(answer.answers, name, type);
  const cname = findRrset(answer.answers, name, RrType.CNAME);
  const dname = lowestDname(answer, top);
  // RFC 6672 section 5.3.1: the CNAME beside a DNAME is made from it and has no signature, also when it was asked for.
  const isMade = dname !== undefined && cname?.signatures.length === 0;
  if (own !== undefined && !(isMade && type === RrType.CNAME)) return { kind: 'data', rrset: own };
  if (cname !== undefined && !isMade && type !== RrType.CNAME) return byCname(cname);
  return dname === undefined ? { kind: 'none' } : byDname(name, dname);
}

/** The records of an RRset with another TTL. */
export function recordsOf(rrset: SignedRrset, ttl: number): readonly ResourceRecord[] {
  const { name, type } = rrset;
  return rrset.rdatas.map((rdata) => ({ name, type, class: RrClass.IN, ttl, rdata }));
}

/** How long the absence may be remembered by the SOA record (RFC 2308 section 5); undefined without one. */
export function negativeTtl(answer: Answer): number | undefined {
  const soa = authorities(answer, [RrType.SOA]).find(({ name }) => answer.inquiry.name.isAtOrBelow(name));
  const [rdata] = soa?.rdatas ?? [];
  if (soa === undefined || rdata === undefined) return undefined;
  const minimum = parseOrNothing(rdata, (octets) => parseSoa(octets).minimum);
  return minimum === undefined ? undefined : Math.min(soa.ttl, minimum);
}

/** RFC 6672 section 2.3: names below the owner are redirected, not the owner itself. */
function lowestDname({ inquiry, answers }: Answer, top: Name): SignedRrset | undefined {
  return answers
    .filter(({ name, type }) => type === RrType.DNAME && inquiry.name.isBelow(name) && name.isAtOrBelow(top))
    .reduce<SignedRrset | undefined>(
      (lowest, each) =>
        lowest === undefined || each.name.labelCount > lowest.name.labelCount ? each : lowest,
      undefined,
    );
}

function byCname(rrset: SignedRrset): Content | BrokenContent {
  const target = onlyName(rrset);
  return target === undefined ? broken(rrset) : { kind: 'alias', rrset, target };
}

function byDname(name: Name, rrset: SignedRrset): Content | BrokenContent {
  const suffix = onlyName(rrset);
  if (suffix === undefined) return broken(rrset);
  // RFC 6672 section 2.2: the labels below the owner stay, the owner gives way to the target.
  const kept = name.labels().slice(0, name.labelCount - rrset.name.labelCount);
  const octets = kept.reduce((sum, label) => sum + label.length + 1, suffix.wire.length);
  const target = octets > maxNameOctets ? undefined : Name.fromLabels([...kept, ...suffix.labels()]);
  return { kind: 'alias', rrset, target };
}

/** RFC 2181 section 10.1 and RFC 6672 section 2.4: a name has one CNAME or DNAME record. */
function onlyName({ rdatas }: SignedRrset): Name | undefined {
  const [rdata, ...more] = rdatas;
  return rdata === undefined || more.length > 0 ? undefined : parseOrNothing(rdata, parseName);
}

function broken({ name, type, rdatas }: SignedRrset): BrokenContent {
  const detail = `${name.toString()} has ${String(rdatas.length)} ${rrTypeName(type)} records that cannot be followed`;
  return { kind: 'broken', detail };
}
