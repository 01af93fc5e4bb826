/** What the recursive resolver gets in place of an answer: response codes with Extended DNS Errors (RFC 8914). */
import {
  EdeCode,
  failureCodes,
  noTransfers,
  otherClass,
  Rcode,
  RrClass,
  RrType,
  type FailureKind,
  type QueryReader,
  type Refusal,
} from '../../../core/index.ts';

/** RFC 8914 section 4.19. */
export const notAllowed: Refusal = {
  reason: 'address-not-allowed',
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'this address may not ask here',
};

/** RFC 8914 section 4.21. */
export const noZone: Refusal = {
  reason: 'zone-not-served',
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'the agent asks for no zone that has this name: it is for the zones of its configuration alone',
};

/** RFC 4035 section 3.1.4.1: DS records are those of the zone above. */
export const askTheParent: Refusal = {
  reason: 'ds-of-parent',
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'the DS record of a zone is in the zone above it, for which the agent does not ask: ask its servers',
};

/** What is a question, but none that goes on. */
export function refusalOf({ type, class: rrClass }: QueryReader): Refusal | undefined {
  if (type === RrType.AXFR || type === RrType.IXFR) return noTransfers;
  return rrClass === RrClass.IN ? undefined : otherClass;
}

/** So that the whole reply fits into a datagram. */
const longestText = 300;

export function unreachable(detail: string, kind: FailureKind): Refusal {
  const short = detail.length > longestText ? `${detail.slice(0, longestText - 1)}…` : detail;
  return {
    reason: 'unreachable',
    rcode: Rcode.SERVFAIL,
    infoCode: failureCodes[kind],
    text: short,
  };
}

/** Our resolver asks us about the servers that it is to find. */
export const circleWords =
  'the agent looks for these servers itself, by a resolver (resolver.servers) that seems to ask the agent';
