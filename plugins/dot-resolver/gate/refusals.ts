/** The noes of the gate of dot-resolver that others do not have. */
import { EdeCode, Rcode, type Refusal } from '../../../core/index.ts';

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
export const upstreamFailed: Refusal = {
  reason: 'upstream-failed',
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NETWORK_ERROR,
  text: 'no resolver behind this one answers',
};
export const upstreamSilent: Refusal = {
  reason: 'upstream-silent',
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NO_REACHABLE_AUTHORITY,
  text: 'the resolver behind this one did not answer in time',
};
