/** What a client gets for a zone of which there is no version. */
import { EdeCode, failureCodes, Rcode, type FailureKind } from '../../../core/index.ts';
import type { ZoneProblem } from '../cache/kept-zone.ts';
import type { Refusal } from '../request/request.ts';

/** The client's operator learns the kind of failure, not the address of the primary. */
export function notServed(problem: ZoneProblem | undefined): Refusal {
  if (problem === undefined) return loading;
  const { kind } = problem;
  return { rcode: Rcode.SERVFAIL, infoCode: failureCodes[kind], text: words[kind] };
}

const loading: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NOT_READY,
  text: 'the zone is being loaded',
};

const words: Readonly<Record<FailureKind, string>> = {
  unreachable: 'the primary cannot be reached',
  broken: 'the connection to the primary broke',
  unusable: 'the primary does not give the zone, or not as it should be',
  other: 'the zone cannot be had from the primary',
};
