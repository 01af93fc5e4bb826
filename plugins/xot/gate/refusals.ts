/** The noes of the gate: what the client is told of each. */
import { EdeCode, Rcode, type DecisionReason } from '../../../core/index.ts';
import type { Refusal } from '../request/request.ts';

/** RFC 8914 section 4.19: the client is known, but not for this. */
const prohibited: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'this client may not transfer this zone',
};
/** RFC 8914 section 4.21: the client may have it, but not from here. */
export const notAuthoritative: Refusal = {
  rcode: Rcode.NOTAUTH,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'this zone is not served here',
};
/** The same of who is known by a TSIG key. */
export const notThisKey: Refusal = { ...prohibited, text: 'this key is not for this zone' };
/** RFC 9103 section 6.3.3: a limit on transfers is told by SERVFAIL. */
export const tooMany: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.OTHER,
  text: 'too many transfers at once; try again later',
};
const tooFast: Refusal = { ...tooMany, text: 'too many requests; try again later' };
/** RFC 8914 section 4.15. Not REFUSED: a secondary must keep its zone, and come again. */
const notReady: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NOT_READY,
  text: 'it cannot be decided now what this client may do; try again later',
};

/** What passes by itself, so that the client is to come again. */
const passing: Readonly<Partial<Record<DecisionReason, Refusal>>> = {
  'too-fast': tooFast,
  'too-many-at-once': tooMany,
  'access-unavailable': notReady,
};

/** What a client is told when the access list does not let it. Which rule, and why, is for the log. */
export function accessRefusal(reason: DecisionReason): Refusal {
  return passing[reason] ?? prohibited;
}
