/**
 * Does an answer without records prove that there are none (RFC 4035 section 5.4, RFC 5155 section 8)?
 *
 * The response code is a claim, not a proof: where it and the proof differ, what counts is what is proved.
 */
import { Rcode } from '../dns/constants.ts';
import type { WorkBudget } from './budget.ts';
import { proveNoData, proveNoName } from './denial.ts';
import type { Denial, DenialRecords } from './denial.ts';
import type { Inquiry } from './verdict.ts';

/** A denial, and the response code that it proves; an insecure one proves none, so that the claim stands. */
export type Absence = Denial & { readonly rcode?: number };

/** Tries what the response code claims first. */
export function proveAbsence(
  { name, type }: Inquiry,
  claimed: number,
  records: DenialRecords,
  budget: WorkBudget,
): Absence {
  const noName = (): Absence => withRcode(proveNoName(name, records, budget), Rcode.NXDOMAIN);
  const noData = (): Absence => withRcode(proveNoData(name, type, records, budget), Rcode.NOERROR);
  const [first, second] = claimed === Rcode.NXDOMAIN ? [noName, noData] : [noData, noName];
  const absence = first();
  if (absence.kind !== 'bogus' || absence.reason === 'work-limit') return absence;
  const other = second();
  return other.kind === 'bogus' ? absence : other;
}

function withRcode(denial: Denial, rcode: number): Absence {
  return denial.kind === 'secure' ? { ...denial, rcode } : denial;
}
