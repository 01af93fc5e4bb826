/** The noes of gates whose requests are answered by one message each, as clients hear them. */
import type { DecisionReason } from '../acl/model.ts';
import type { QueryOddity } from '../answer/query-reader.ts';
import { EdeCode, Rcode } from '../dns/constants.ts';

/** A response code with an Extended DNS Error (RFC 8914). */
export interface Refusal {
  /** For metrics and log. */
  readonly reason: string;
  readonly rcode: number;
  readonly infoCode?: number;
  /** For the client's operator; says nothing about us that the response code does not. */
  readonly text?: string;
  /** The client hears nothing at all. */
  readonly isSilent?: boolean;
}

const prohibited = { rcode: Rcode.REFUSED, infoCode: EdeCode.PROHIBITED } as const;
const notSupported = { rcode: Rcode.REFUSED, infoCode: EdeCode.NOT_SUPPORTED } as const;
const busy = { rcode: Rcode.SERVFAIL, infoCode: EdeCode.OTHER } as const;

export const noTransfers: Refusal = {
  reason: 'transfer',
  ...notSupported,
  text: 'no zones are transferred here',
};
export const otherClass: Refusal = { reason: 'class', ...notSupported, text: 'only class IN is answered' };
export const tooFast: Refusal = { reason: 'too-fast', ...busy, text: 'too many questions; try again later' };
export const tooManyAtOnce: Refusal = {
  reason: 'too-many-at-once',
  ...busy,
  text: 'too many questions at once; try again later',
};

/** What is not of the form of a question; undefined: silence. */
export const oddities: Readonly<Record<QueryOddity, Refusal | undefined>> = {
  'not-a-query': undefined,
  malformed: { reason: 'malformed', rcode: Rcode.FORMERR },
  opcode: { reason: 'opcode', rcode: Rcode.NOTIMP },
  'edns-version': { reason: 'edns-version', rcode: Rcode.BADVERS },
  records: {
    reason: 'records',
    rcode: Rcode.FORMERR,
    infoCode: EdeCode.OTHER,
    text: 'a question with records, or TSIG',
  },
};

/** What a client is told when the access list does not let it. Which rule, and why, is for the log. */
export function accessRefusal(reason: DecisionReason): Refusal {
  if (reason === 'too-fast') return tooFast;
  if (reason === 'too-many-at-once') return tooManyAtOnce;
  if (reason === 'access-unavailable') {
    const text = 'it cannot be decided now what this client may do; try again later';
    return { reason, rcode: Rcode.SERVFAIL, infoCode: EdeCode.NOT_READY, text };
  }
  return { reason, ...prohibited, text: 'this client may not ask for this' };
}
