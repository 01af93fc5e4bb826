/**
 * Does an answer without records prove that there are none (RFC 4035 section 5.4, RFC 5155 section 8)?
 *
 * The response code is a claim, not a proof: where it and the proof differ, what counts is what is proved.
 */
import { Rcode, RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { WorkBudget } from './budget.ts';
import { proveNoData, proveNoDs, proveNoName } from './denial.ts';
import type { Denial, DenialRecords } from './denial.ts';
import type { Inquiry } from './verdict.ts';

/** A denial, and the response code that it proves. */
export type Absence = Denial & { readonly rcode?: number };

/** Tries what the response code claims first. */
export function proveAbsence(
  { name, type }: Inquiry,
  claimed: number,
  records: DenialRecords,
  budget: WorkBudget,
): Absence {
  // The root has no zone above it: it denies its own DS record.
  if (type === RrType.DS && name.labelCount > 0) return noDs(name, records, budget);
  const noName = (): Absence => withRcode(proveNoName(name, records, budget), Rcode.NXDOMAIN);
  const noData = (): Absence => withRcode(proveNoData(name, type, records, budget), Rcode.NOERROR);
  const [first, second] = claimed === Rcode.NXDOMAIN ? [noName, noData] : [noData, noName];
  const absence = first();
  if (absence.kind !== 'bogus' || absence.reason === 'work-limit') return absence;
  const other = second();
  return other.kind === 'bogus' ? absence : other;
}

function noDs(name: Name, records: DenialRecords, budget: WorkBudget): Absence {
  const denial = proveNoDs(name, records, budget);
  const { kind, detail } = denial;
  switch (kind) {
    case 'bogus':
    case 'insecure':
      return denial;
    case 'opt-out':
      return { kind: 'insecure', reason: 'opt-out', detail };
    case 'no-name':
      return { kind: 'secure', detail, rcode: Rcode.NXDOMAIN };
    case 'no-cut':
    case 'insecure-delegation':
      return { kind: 'secure', detail, rcode: Rcode.NOERROR };
  }
}

/** An insecure denial proves nothing, so that the claim stands. */
function withRcode(denial: Denial, rcode: number): Absence {
  return denial.kind === 'secure' ? { ...denial, rcode } : denial;
}
