/**
 * What NSEC records prove (RFC 4035 section 5.4, with the corrections of RFC 6840 section 4).
 *
 * A record says: the owner exists with these types, and between it and the next name, in canonical order (RFC 4034
 * section 6.1), the zone has no name of its own.
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { deniesNothingBelow, whyNotDenied } from './denial-records.ts';
import type { DenialRecords, NsecRecord } from './denial-records.ts';
import { missing, proved, wrong } from './denial-result.ts';
import type { CutDenial, DenialFault, Proved } from './denial-result.ts';

/** The name does not exist, and no wildcard stands in for it. */
export function proveNoNameByNsec(name: Name, records: DenialRecords): Proved | DenialFault {
  const gap = findGap(name, records);
  if (gap.kind !== 'gap') return gap.kind === 'none' ? noGap(name) : exists(name);
  const wildcard = gap.closestEncloser.prepend('*');
  const other = findGap(wildcard, records);
  if (other.kind === 'gap') return proved(`${spanWords(gap.span, name)}; ${spanWords(other.span, wildcard)}`);
  return other.kind === 'none' ? noGap(wildcard) : exists(wildcard);
}

/** The name, or the wildcard that stands in for it, exists without the type. */
export function proveNoDataByNsec(name: Name, type: number, records: DenialRecords): Proved | DenialFault {
  const gap = findGap(name, records);
  if (gap.kind === 'none') return noGap(name);
  if (gap.kind === 'empty') return proved(emptyWords(gap.span, name));
  if (gap.kind === 'owner') return noTypeAt(name, type, gap.record);
  const wildcard = gap.closestEncloser.prepend('*');
  const source = findGap(wildcard, records);
  const before = spanWords(gap.span, name);
  switch (source.kind) {
    case 'owner':
      return noTypeAt(wildcard, type, source.record, before);
    case 'empty':
      return proved(`${before}; ${emptyWords(source.span, wildcard)}`);
    case 'gap':
      return wrong(
        `neither ${name.toString()} nor ${wildcard.toString()} exists, which is not what was said`,
      );
    case 'none':
      return missing(`no NSEC record is about the wildcard ${wildcard.toString()}`);
  }
}

/** What the zone says about a cut at a name strictly below its apex. */
export function proveNoDsByNsec(name: Name, records: DenialRecords): CutDenial {
  const gap = findGap(name, records);
  // RFC 6840 section 4.4: only the NS bit says that there is a cut.
  if (gap.kind === 'owner' && gap.record.nsec.types.includes(RrType.NS)) {
    const denial = noTypeAt(name, RrType.DS, gap.record);
    return denial.kind === 'secure' ? { kind: 'insecure-delegation', detail: denial.detail } : denial;
  }
  const noName = gap.kind === 'gap' ? proveNoNameByNsec(name, records) : undefined;
  if (noName?.kind === 'secure') return { kind: 'no-name', detail: noName.detail };
  const denial = proveNoDataByNsec(name, RrType.DS, records);
  return denial.kind === 'secure' ? { kind: 'no-cut', detail: denial.detail } : denial;
}

/** RFC 4035 section 5.3.4: nothing closer to the name than the wildcard that the answer was expanded from. */
export function proveNoCloserByNsec(
  name: Name,
  wildcard: Name,
  records: DenialRecords,
): Proved | DenialFault {
  const gap = findGap(name, records);
  if (gap.kind !== 'gap') return gap.kind === 'none' ? noGap(name) : exists(name);
  if (!gap.closestEncloser.equals(wildcard.parent())) {
    return wrong(`${wildcard.toString()} is not the wildcard for ${name.toString()}`);
  }
  return proved(spanWords(gap.span, name));
}

/** What the records say about a name: it owns one; it is empty but has names below it; it is in a gap; nothing. */
type Found =
  | { readonly kind: 'owner'; readonly record: NsecRecord }
  | { readonly kind: 'empty'; readonly span: NsecRecord }
  | { readonly kind: 'gap'; readonly span: NsecRecord; readonly closestEncloser: Name }
  | { readonly kind: 'none' };

function findGap(name: Name, { zone, nsec }: DenialRecords): Found {
  const record = nsec.find(({ owner }) => owner.equals(name));
  if (record !== undefined) return { kind: 'owner', record };
  const span = nsec.find((each) => covers(each, name, zone));
  if (span === undefined) return { kind: 'none' };
  // RFC 4035 section 5.4, RFC 4592 section 2.2.2: a name that has names below it exists, a wildcard too.
  if (span.nsec.nextName.isBelow(name)) return { kind: 'empty', span };
  return { kind: 'gap', span, closestEncloser: closestEncloser(name, span) };
}

function covers({ owner, nsec }: NsecRecord, name: Name, zone: Name): boolean {
  if (owner.compare(name) >= 0) return false;
  // RFC 6840 section 4.1: what is below a cut or below a DNAME is not for this record to deny.
  if (name.isBelow(owner) && deniesNothingBelow(nsec.types)) return false;
  // RFC 4034 section 4.1.1: the last record of the zone points back to the apex.
  return nsec.nextName.equals(zone) || name.compare(nsec.nextName) < 0;
}

/** The longest ancestor that is known to exist: the names next to the gap are in the zone, and so is all above them. */
function closestEncloser(name: Name, { owner, nsec }: NsecRecord): Name {
  let ancestor = name.parent();
  while (!owner.isAtOrBelow(ancestor) && !nsec.nextName.isAtOrBelow(ancestor)) ancestor = ancestor.parent();
  return ancestor;
}

function noTypeAt(name: Name, type: number, { nsec }: NsecRecord, before?: string): Proved | DenialFault {
  const fault = whyNotDenied(name, nsec.types, type);
  if (fault !== undefined) return wrong(`the NSEC record of ${name.toString()} shows that ${fault}`);
  const words = `the NSEC record of ${name.toString()} does not have the type`;
  return proved(before === undefined ? words : `${before}; ${words}`);
}

function noGap(name: Name): DenialFault {
  return missing(`no NSEC record shows that ${name.toString()} does not exist`);
}

function exists(name: Name): DenialFault {
  return wrong(`an NSEC record shows that ${name.toString()} exists`);
}

function spanWords({ owner, nsec }: NsecRecord, name: Name): string {
  return `no ${name.toString()} between ${owner.toString()} and ${nsec.nextName.toString()}`;
}

function emptyWords({ nsec }: NsecRecord, name: Name): string {
  return `${name.toString()} has no records, only names below it such as ${nsec.nextName.toString()}`;
}
