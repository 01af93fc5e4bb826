/** What a client gets for a zone of which there is no version. */
import { EdeCode, Rcode } from '../../../core/index.ts';
import type { ZoneProblem } from '../cache/kept-zone.ts';
import type { Refusal } from '../request/request.ts';

/** The client's operator learns the kind of failure, not the address of the primary. */
export function notServed(problem: ZoneProblem | undefined): Refusal {
  const infoCode = problem?.infoCode ?? EdeCode.NOT_READY;
  return {
    rcode: Rcode.SERVFAIL,
    infoCode,
    text: words.get(infoCode) ?? 'the zone cannot be had from the primary',
  };
}

const words: ReadonlyMap<number, string> = new Map([
  [EdeCode.NOT_READY, 'the zone is being loaded'],
  [EdeCode.NO_REACHABLE_AUTHORITY, 'the primary cannot be reached'],
  [EdeCode.INVALID_DATA, 'the primary does not give the zone, or not as it should be'],
  [EdeCode.NETWORK_ERROR, 'the connection to the primary broke'],
]);
