/**
 * Proofs that a name, a type, a delegation's DS record or a closer match does not exist (RFC 4035 section 5.4,
 * RFC 5155 section 8): by NSEC where the answer has such records, else by NSEC3.
 *
 * Limitations: says what is proved, not whether that is what the answer claims; the caller compares.
 */
import type { Name } from '../dns/name.ts';
import type { WorkBudget } from './budget.ts';
import type { DenialRecords } from './denial-records.ts';
import { missing, wrong } from './denial-result.ts';
import type { CutDenial, Denial, DenialFault } from './denial-result.ts';
import { proveNoCloserByNsec, proveNoDataByNsec, proveNoDsByNsec, proveNoNameByNsec } from './nsec.ts';
import { proveNoCloserByNsec3, proveNoDataByNsec3, proveNoDsByNsec3, proveNoNameByNsec3 } from './nsec3.ts';

export { readDenialRecords } from './denial-records.ts';
export type { DenialRecords, Nsec3Record, NsecRecord } from './denial-records.ts';
export type { CutDenial, Denial, DenialFault } from './denial-result.ts';

/** The name does not exist, and no wildcard stands in for it. */
export function proveNoName(name: Name, records: DenialRecords, budget: WorkBudget): Denial {
  return byEither<Denial>(
    name,
    records,
    () => proveNoNameByNsec(name, records),
    () => proveNoNameByNsec3(name, records, budget),
  );
}

/** The name, or the wildcard that stands in for it, exists and has no records of the type, and is no alias. */
export function proveNoData(name: Name, type: number, records: DenialRecords, budget: WorkBudget): Denial {
  return byEither<Denial>(
    name,
    records,
    () => proveNoDataByNsec(name, type, records),
    () => proveNoDataByNsec3(name, type, records, budget),
  );
}

/** What the zone above says about a zone cut at a name, to a question for its DS records that had no answer. */
export function proveNoDs(name: Name, records: DenialRecords, budget: WorkBudget): CutDenial {
  // RFC 4035 section 3.1.4.1: DS records belong to the zone above; the apex says nothing about its own.
  if (name.equals(records.zone)) return wrong(`DS records of ${name.toString()} belong to the zone above`);
  return byEither<CutDenial>(
    name,
    records,
    () => proveNoDsByNsec(name, records),
    () => proveNoDsByNsec3(name, records, budget),
  );
}

/** Nothing in the zone is closer to the name than the wildcard from which a positive answer was expanded. */
export function proveNoCloser(
  name: Name,
  wildcard: Name,
  records: DenialRecords,
  budget: WorkBudget,
): Denial {
  const isExpansion =
    wildcard.isBelow(records.zone) &&
    name.isBelow(wildcard.parent()) &&
    wildcard.labels()[0]?.equals(asterisk) === true;
  if (!isExpansion) return wrong(`${name.toString()} does not come from ${wildcard.toString()}`);
  return byEither<Denial>(
    name,
    records,
    () => proveNoCloserByNsec(name, wildcard, records),
    () => proveNoCloserByNsec3(name, wildcard, records, budget),
  );
}

const asterisk = Buffer.from('*');

/** A zone on its way from one kind of record to the other may answer with either, or with both. */
function byEither<T extends { readonly kind: string }>(
  name: Name,
  { zone, nsec, nsec3 }: DenialRecords,
  byNsec: () => T,
  byNsec3: () => T,
): T | DenialFault {
  if (!name.isAtOrBelow(zone)) return wrong(`${name.toString()} is not in the zone ${zone.toString()}`);
  if (nsec.length === 0 && nsec3.length === 0) return missing('no NSEC or NSEC3 record came with the answer');
  const first = nsec.length > 0 ? byNsec() : byNsec3();
  return first.kind === 'bogus' && nsec.length > 0 && nsec3.length > 0 ? byNsec3() : first;
}
