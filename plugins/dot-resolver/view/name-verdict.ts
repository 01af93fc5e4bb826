/** What the lists of a view say of a name, and the answers to names that they say no to. */
import {
  EdeCode,
  Name,
  Rcode,
  RrClass,
  RrType,
  encodeSoa,
  type ResourceRecord,
} from '../../../core/index.ts';
import type { LocalAnswer } from './local-answer.ts';
import type { NameSet } from './name-set.ts';
import type { ViewAnswer } from './query.ts';
import type { ViewConfig } from './view-config.ts';

/** A no. `listed` is the name in the list that says it; undefined if the name is not among those that are allowed. */
export interface NameVerdict {
  readonly listed: Name | undefined;
}

/** Lists of names; one that is not there says nothing. */
export interface NameLists {
  readonly blocked: NameSet | undefined;
  readonly allowed: NameSet | undefined;
}

/** Judges the name at `at`, uncompressed; undefined is a yes. Of two names in the lists the longer decides, of equal ones the blocked. */
export function judgeName(
  { blocked, allowed }: NameLists,
  octets: Buffer,
  at: number,
): NameVerdict | undefined {
  const blockedAt = blocked?.closest(octets, at) ?? -1;
  const allowedAt = allowed?.closest(octets, at) ?? -1;
  if (blockedAt >= 0 && (allowedAt < 0 || blockedAt <= allowedAt))
    return { listed: nameAt(octets, blockedAt) };
  return allowed === undefined || allowedAt >= 0 ? undefined : { listed: undefined };
}

/** The answer to a name that was judged so; what aliases led there stays in it. */
export function refusal(
  answer: LocalAnswer,
  { listed }: NameVerdict,
  blockAnswer: ViewConfig['block-answer'],
): ViewAnswer {
  if (listed === undefined) {
    return answer.finish(Rcode.REFUSED, [], {
      infoCode: EdeCode.PROHIBITED,
      text: 'not among the names that are answered here',
    });
  }
  const ede = { infoCode: EdeCode.BLOCKED, text: 'on a list of blocked names' };
  if (blockAnswer === 'refused') return answer.finish(Rcode.REFUSED, [], ede);
  const rcode = blockAnswer === 'nxdomain' ? Rcode.NXDOMAIN : Rcode.NOERROR;
  return answer.finish(rcode, [blockedSoa(listed)], ede);
}

/** Seconds for which stubs keep a no: the list may be another one tomorrow. */
const blockedTtl = 300;

/** Without a SOA record nobody may keep a denial (RFC 2308 section 5), and each page view would ask again. */
function blockedSoa(name: Name): ResourceRecord {
  const rdata = encodeSoa({
    mname: name,
    rname: nobody,
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86_400,
    minimum: blockedTtl,
  });
  return { name, type: RrType.SOA, class: RrClass.IN, ttl: blockedTtl, rdata };
}

/** As RFC 6303 section 3 has it for zones that are empty. */
const nobody = Name.parse('nobody.invalid');

function nameAt(octets: Buffer, at: number): Name {
  let end = at;
  while ((octets[end] ?? 0) !== 0) end += (octets[end] ?? 0) + 1;
  return Name.fromWire(octets.subarray(at, end + 1));
}
