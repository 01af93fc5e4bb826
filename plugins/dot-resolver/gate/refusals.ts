/** The noes of the gate of dot-resolver that others do not have. */
import {
  EdeCode,
  Rcode,
  resolverFailureCodes,
  type Refusal,
  type SourceFailure,
} from '../../../core/index.ts';

export const noRecursion: Refusal = {
  reason: 'no-recursion',
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'only questions with RD are answered: what others have asked is not told',
};
export const unknownView: Refusal = {
  reason: 'unknown-view',
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NOT_READY,
  text: 'the view of this client is not set up',
};

/** Which resolver it is, is not the client's business. */
export function upstreamFailed({ isTimeout, kind }: SourceFailure): Refusal {
  return {
    reason: isTimeout ? 'upstream-silent' : 'upstream-failed',
    rcode: Rcode.SERVFAIL,
    infoCode: resolverFailureCodes[kind],
    text: isTimeout
      ? 'the resolver behind this one did not answer in time'
      : 'no resolver behind this one answers',
  };
}
