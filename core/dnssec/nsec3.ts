/**
 * What NSEC3 records prove (RFC 5155 section 8, RFC 6840 section 4, RFC 9276 section 3.2).
 *
 * A record says: a name with this hash exists with these types, and no name of the zone has a hash between this one
 * and the next. To show that a name does not exist takes its closest encloser: the longest ancestor that does.
 */
import { RrType } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import type { WorkBudget } from './budget.ts';
import { deniesNothingBelow, isOptOut, whyNotDenied } from './denial-records.ts';
import type { DenialRecords, Nsec3Record } from './denial-records.ts';
import { missing, proved, wrong } from './denial-result.ts';
import type { CutDenial, Denial, DenialFault, Proved } from './denial-result.ts';
import { HashedNames } from './nsec3-hash.ts';

/** RFC 5155 section 8.4: the name does not exist, and no wildcard stands in for it. */
export function proveNoNameByNsec3(name: Name, records: DenialRecords, budget: WorkBudget): Denial {
  return withHashes(records, budget, (names) => {
    const found = findEncloser(name, records.zone, names);
    if (found.kind === 'bogus') return found;
    if (found.kind === 'exists') return exists(name);
    const { wildcard } = found;
    if (names.matching(wildcard) !== undefined) return exists(wildcard);
    if (names.covering(wildcard) === undefined) return notCovered(wildcard);
    return unlessOptOut(found, `${found.detail}; nor is there ${wildcard.toString()}`);
  });
}

/** RFC 5155 sections 8.5, 8.6 and 8.7: the name, or the wildcard that stands in for it, exists without the type. */
export function proveNoDataByNsec3(
  name: Name,
  type: number,
  records: DenialRecords,
  budget: WorkBudget,
): Denial {
  return withHashes(records, budget, (names) => {
    const found = findEncloser(name, records.zone, names);
    if (found.kind === 'bogus') return found;
    if (found.kind === 'exists') return noTypeAt(name, type, found.record);
    const { wildcard } = found;
    const source = names.matching(wildcard);
    if (source !== undefined) {
      const denial = noTypeAt(wildcard, type, source);
      return denial.kind === 'secure' ? unlessOptOut(found, `${found.detail}; ${denial.detail}`) : denial;
    }
    // RFC 5155 section 8.6, and section 7.1: names above unsigned delegations only may be left out as well.
    if (isOptOut(found.cover)) return unlessOptOut(found, found.detail);
    return missing(`no NSEC3 record is about ${name.toString()} or the wildcard ${wildcard.toString()}`);
  });
}

/** RFC 5155 sections 8.6 and 8.9: what the zone says about a cut at a name strictly below its apex. */
export function proveNoDsByNsec3(name: Name, records: DenialRecords, budget: WorkBudget): CutDenial {
  return withHashes<CutDenial>(records, budget, (names) => {
    const found = findEncloser(name, records.zone, names);
    if (found.kind === 'bogus') return found;
    if (found.kind === 'exists') return cutAt(name, found.record);
    // RFC 5155 section 8.9: an unsigned delegation may be here without a record of its own.
    if (isOptOut(found.cover)) return { kind: 'opt-out', detail: found.detail };
    const { wildcard } = found;
    const source = names.matching(wildcard);
    if (source !== undefined) {
      const denial = noTypeAt(wildcard, RrType.DS, source);
      return denial.kind === 'secure' ? { kind: 'no-cut', detail: denial.detail } : denial;
    }
    if (names.covering(wildcard) === undefined) return notCovered(wildcard);
    return { kind: 'no-name', detail: found.detail };
  });
}

/** RFC 5155 section 8.8: nothing closer to the name than the wildcard that the answer was expanded from. */
export function proveNoCloserByNsec3(
  name: Name,
  wildcard: Name,
  records: DenialRecords,
  budget: WorkBudget,
): Denial {
  return withHashes(records, budget, (names) => {
    // The next closer name has one label more than the closest encloser: as many as the wildcard.
    const nextCloser = Name.fromLabels(name.labels().slice(-wildcard.labelCount));
    if (names.matching(nextCloser) !== undefined) return exists(nextCloser);
    const cover = names.covering(nextCloser);
    if (cover === undefined) return notCovered(nextCloser);
    return unlessOptOut({ cover, nextCloser }, `no ${nextCloser.toString()} in a span of hashes`);
  });
}

/** RFC 5155 section 8.3: the closest encloser proof, or the record of the name itself. */
type Encloser =
  | { readonly kind: 'exists'; readonly record: Nsec3Record }
  | {
      readonly kind: 'absent';
      /** The record that covers the next closer name. */
      readonly cover: Nsec3Record;
      readonly nextCloser: Name;
      /** At the closest encloser. */
      readonly wildcard: Name;
      readonly detail: string;
    }
  | DenialFault;

function findEncloser(name: Name, zone: Name, names: HashedNames): Encloser {
  const itself = names.matching(name);
  if (itself !== undefined) return { kind: 'exists', record: itself };
  let nextCloser = name;
  while (nextCloser.isBelow(zone)) {
    const encloser = nextCloser.parent();
    const record = names.matching(encloser);
    if (record !== undefined) return absence(nextCloser, encloser, record, names);
    nextCloser = encloser;
  }
  return missing(`no NSEC3 record shows an ancestor of ${name.toString()} to exist`);
}

function absence(nextCloser: Name, encloser: Name, record: Nsec3Record, names: HashedNames): Encloser {
  // RFC 5155 section 8.3: a name without its next closer name being covered makes the response bogus.
  const cover = names.covering(nextCloser);
  if (cover === undefined) return notCovered(nextCloser);
  if (deniesNothingBelow(record.nsec3.types)) {
    return wrong(
      `${encloser.toString()} is a zone cut or has a DNAME: its zone cannot deny what is below it`,
    );
  }
  const detail = `no ${nextCloser.toString()} below ${encloser.toString()}, by their hashes`;
  return { kind: 'absent', cover, nextCloser, wildcard: encloser.prepend('*'), detail };
}

function cutAt(name: Name, record: Nsec3Record): CutDenial {
  const denial = noTypeAt(name, RrType.DS, record);
  if (denial.kind !== 'secure') return denial;
  // RFC 6840 section 4.4: only the NS bit says that there is a cut.
  const isCut = record.nsec3.types.includes(RrType.NS);
  return { kind: isCut ? 'insecure-delegation' : 'no-cut', detail: denial.detail };
}

function noTypeAt(name: Name, type: number, { nsec3 }: Nsec3Record): Proved | DenialFault {
  const fault = whyNotDenied(name, nsec3.types, type);
  if (fault !== undefined) return wrong(`the NSEC3 record of ${name.toString()} shows that ${fault}`);
  return proved(`the NSEC3 record of ${name.toString()} does not have the type`);
}

/** RFC 5155 section 9.2: an opt-out span may hide unsigned delegations, so what it covers is not proved absent. */
function unlessOptOut(found: { cover: Nsec3Record; nextCloser: Name }, detail: string): Denial {
  if (!isOptOut(found.cover)) return proved(detail);
  const words = `the NSEC3 record over ${found.nextCloser.toString()} leaves unsigned delegations out (opt-out)`;
  return { kind: 'insecure', reason: 'opt-out', detail: words };
}

/**
 * Gives the names to a proof, if their hashes may be computed. RFC 9276 section 3.2: with too many iterations nothing
 * is proved, and the answer is insecure; the signatures were verified before.
 */
function withHashes<T>(
  records: DenialRecords,
  budget: WorkBudget,
  prove: (names: HashedNames) => T,
): T | Extract<CutDenial, { kind: 'insecure' }> | DenialFault {
  const iterations = records.nsec3[0]?.nsec3.iterations ?? 0;
  const limit = budget.limits['nsec3-iterations'];
  if (iterations > limit) {
    const detail = `${String(iterations)} iterations in the NSEC3 records, and at most ${String(limit)} are computed`;
    return { kind: 'insecure', reason: 'nsec3-iterations', detail };
  }
  const names = new HashedNames(records, budget);
  const result = prove(names);
  if (!names.isOutOfWork) return result;
  return {
    kind: 'bogus',
    reason: 'work-limit',
    detail: 'the NSEC3 records would take more hashing than is allowed',
  };
}

function exists(name: Name): DenialFault {
  return wrong(`an NSEC3 record shows that ${name.toString()} exists`);
}

function notCovered(name: Name): DenialFault {
  return missing(`no NSEC3 record shows that ${name.toString()} does not exist`);
}
