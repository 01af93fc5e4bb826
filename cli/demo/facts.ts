/** What an act of the demo gives: facts, as `--json` prints them and words.ts tells them. */
import type { ResourceRecord } from '../../core/dns/message.ts';
import type { TransferResult } from '../../lab/secondary.ts';
import type { ZoneCopy } from './zone-copy.ts';

export type ActKey = 'stranger' | 'wrong-key' | 'right-key' | 'withdrawn';

/** One request as the client saw it. */
export interface RequestFacts {
  readonly type: 'AXFR' | 'IXFR';
  /** The serial that an IXFR starts from. */
  readonly fromSerial?: number;
  readonly outcome: TransferResult['outcome'];
  readonly form?: TransferResult['form'];
  readonly rcode?: number;
  /** Records in the answer, SOA records each time they come. */
  readonly records: number;
  readonly messages: number;
  readonly octets: number;
  readonly serial?: number;
  /** The client's copy of the zone after this request, for one that was answered. */
  readonly copy?: CopyFacts;
}

/** What the client's copy of the zone came to. */
export interface CopyFacts {
  readonly records: number;
  readonly equalsPrimary: boolean;
}

/** What came of one act. */
export interface ActFacts {
  readonly act: ActKey;
  readonly expected: 'refused' | 'allowed';
  /** `refused`: the client got no record; `broken`: some, or not of every request. */
  readonly outcome: 'refused' | 'allowed' | 'broken';
  /** Whether everything was as it should be. */
  readonly asExpected: boolean;
  readonly client: string;
  /** The client's key, as a TLSA record has it. */
  readonly keyShown: string;
  /** The TLSA record that the DNS has under the client's name at that moment. */
  readonly keyPublished?: string;
  readonly requests: readonly RequestFacts[];
  /** The gate's reason, from its log: a word and what it means. */
  readonly reason?: string;
  readonly why?: string;
  /** The proof that the gate found, from its log. */
  readonly proof?: string;
  /** Questions that reached the resolver, as 'name TYPE'. */
  readonly dnsQueries: readonly string[];
}

/** What the requests of an act came to. */
export function outcomeOf(results: readonly TransferResult[]): ActFacts['outcome'] {
  if (results.every(({ outcome }) => outcome === 'complete')) return 'allowed';
  return results.every(({ records }) => records.length === 0) ? 'refused' : 'broken';
}

/** A request with its result, for people and programs. */
export function requestFacts(
  type: 'AXFR' | 'IXFR',
  result: TransferResult,
  fromSerial?: number,
): RequestFacts {
  const { outcome, form, rcode, records, messageCount, octetCount, serial } = result;
  return {
    type,
    outcome,
    records: records.length,
    messages: messageCount,
    octets: octetCount,
    ...defined({ fromSerial, form, rcode, serial }),
  };
}

/** A copy held against the primary's zone. */
export function copyFacts(copy: ZoneCopy, zoneRecords: readonly ResourceRecord[]): CopyFacts {
  return { records: copy.size, equalsPrimary: copy.equals(zoneRecords) };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
