/** The noes of the gate of recursive-auth that others do not have. */
import {
  EdeCode,
  failureCodes,
  Rcode,
  tooFast,
  tooManyAtOnce,
  type Refusal,
  type SourceFailure,
} from '../../../core/index.ts';
import type { ShedPolicy } from './config.ts';

const refused = { rcode: Rcode.REFUSED } as const;

const otherZone: Refusal = {
  reason: 'zone',
  ...refused,
  infoCode: EdeCode.PROHIBITED,
  text: 'this client may not ask for this zone',
};
/** Not SERVFAIL, which a resolver would take for the answer of the zone (RFC 9520 section 2). */
const overloaded: Refusal = {
  reason: 'overload',
  ...refused,
  infoCode: EdeCode.NETWORK_ERROR,
  text: 'the servers are busy; try again later, or another server',
};

/** Which server it is, is not the client's business. */
export function upstreamFailed({ isTimeout, kind }: SourceFailure): Refusal {
  return {
    reason: isTimeout ? 'upstream-silent' : 'upstream-failed',
    rcode: Rcode.SERVFAIL,
    infoCode: failureCodes[kind],
    text: isTimeout
      ? 'the authoritative server behind this one did not answer in time'
      : 'no authoritative server behind this one answers',
  };
}

/** What a class is told. */
export interface ClassRefusals {
  readonly zone: Refusal;
  readonly overloaded: Refusal;
  readonly tooFast: Refusal;
  readonly tooManyAtOnce: Refusal;
}

const told: ClassRefusals = {
  zone: otherZone,
  overloaded,
  tooFast: { ...tooFast, ...refused, infoCode: EdeCode.PROHIBITED },
  tooManyAtOnce: { ...tooManyAtOnce, ...refused, infoCode: EdeCode.PROHIBITED },
};
/** That it may not have a zone is said in any case: that costs nothing, and who is not told would ask again. */
const dropped: ClassRefusals = {
  zone: otherZone,
  overloaded: { ...told.overloaded, isSilent: true },
  tooFast: { ...told.tooFast, isSilent: true },
  tooManyAtOnce: { ...told.tooManyAtOnce, isSilent: true },
};

export function refusalsOf(shed: ShedPolicy): ClassRefusals {
  return shed === 'drop' ? dropped : told;
}
