/** A TLSA record to publish, as the facts that commands print. */
import { describeTlsa } from '../core/dane/tlsa.ts';
import { RrClass, RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { presentRecord } from '../core/dns/present.ts';
import { encodeTlsa } from '../core/dns/rdata.ts';
import type { Tlsa } from '../core/dns/rdata.ts';

/**
 * Seconds. An hour: a key that must go is gone an hour later, and a resolver asks once an hour (RFC 7671 section 13
 * wants the TTLs of TLSA records short).
 */
const ttlSeconds = 3600;

/** One record, in words, in fields and as a line of a zone file. */
export interface RecordFacts {
  readonly owner: string;
  readonly ttlSeconds: number;
  /** In the words of RFC 7218, as 'DANE-EE SPKI SHA2-256'. */
  readonly kind: string;
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  /** Certificate association data in hex. */
  readonly data: string;
  /** The line for the zone file. */
  readonly record: string;
}

export function describeRecord(owner: Name, tlsa: Tlsa): RecordFacts {
  return {
    owner: owner.toString(),
    ttlSeconds,
    kind: describeTlsa(tlsa),
    usage: tlsa.usage,
    selector: tlsa.selector,
    matchingType: tlsa.matchingType,
    data: tlsa.data.toString('hex'),
    record: presentRecord({
      name: owner,
      type: RrType.TLSA,
      class: RrClass.IN,
      ttl: ttlSeconds,
      rdata: encodeTlsa(tlsa),
    }),
  };
}
