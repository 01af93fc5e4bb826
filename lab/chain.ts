/**
 * The way from the root key down to an answer, asked for step by step and validated at each (RFC 4035 section 5).
 *
 * At every label the DS record is asked of the zone reached so far: it leads into a signed zone, or the proof that
 * there is none leads into an unsigned one, or shows that there is no cut here.
 *
 * Limitations: no cache, so that every change of the lab's zones is seen at once; it knows the server of each zone
 * beforehand and does not read NS records. NSEC3 is not read: such a denial is never proved, and an unsigned zone
 * below one that is signed with NSEC3 is taken for bogus.
 */
import { EdeCode, Rcode, RrType, rrTypeName } from '../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../core/dns/message.ts';
import { Name } from '../core/dns/name.ts';
import { parseName } from '../core/dns/rdata.ts';
import type { Inquiry } from './ask.ts';
import { provedByNsec } from './denial.ts';
import type { Denial } from './denial.ts';
import { BogusError, signedRrsets, verifyRrset, verifyZoneKeys } from './validator.ts';
import type { ZoneKeys } from './validator.ts';
import { pathDown } from './zone.ts';
import type { RrSet } from './zone.ts';

/** What was found, and how much of it is proved. */
export interface Resolution {
  readonly rcode: number;
  readonly isSecure: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
}

/** A server that can be asked. Rejects when there is no answer. */
export type Upstream = (inquiry: Inquiry) => Promise<Message>;

/** Where to begin, whom to ask, and what time it is. */
export interface ResolverView {
  /** RDATA of the DS records of the root. */
  readonly anchors: readonly Buffer[];
  /** Asks the server of the deepest known zone that a name is in. */
  readonly serverOf: (name: Name) => Upstream;
  readonly nowSeconds: number;
}

/** A zone on the way down; without keys it is insecure. */
interface Step {
  readonly zone: Name;
  readonly keys: ZoneKeys | undefined;
}

/** RFC 1034 section 3.6.2 knows no limit; a loop needs one. */
const maxAliases = 8;

/** Finds and validates. Throws BogusError, or what the server throws that does not answer. */
export async function resolve(
  view: ResolverView,
  name: Name,
  type: number,
  aliasesLeft = maxAliases,
): Promise<Resolution> {
  const step = await descend(view, type === RrType.DS && name.labelCount > 0 ? name.parent() : name);
  const response = await askZone(view, step, name, type);
  const found = validated(view, step, response.answers).filter(
    ({ rrset }) => rrset.name.equals(name) && [type, RrType.CNAME].includes(rrset.type),
  );
  const isSecure = step.keys !== undefined;
  const { answers, authorities } = response;
  if (found.some(({ rrset }) => rrset.type === type)) {
    // The authority section can hold the proof that no closer name than a wildcard exists (RFC 4035 section 5.3.4).
    return { rcode: response.header.rcode, isSecure, answers: recordsOfName(answers, name), authorities };
  }
  const alias = found[0]?.rrset.rdatas[0];
  if (alias === undefined) {
    const isProved = isSecure && proved(view, step, response, name, type) !== 'nothing';
    return { rcode: response.header.rcode, isSecure: isProved, answers: [], authorities };
  }
  if (aliasesLeft === 0) throw new Error(`too many aliases at ${name.toString()}`);
  const rest = await resolve(view, parseName(alias), type, aliasesLeft - 1);
  return {
    ...rest,
    isSecure: isSecure && rest.isSecure,
    answers: [...recordsOfName(answers, name), ...rest.answers],
  };
}

/** The deepest zone that a name is in, with its keys, if the chain down to it is secure. */
async function descend(view: ResolverView, name: Name): Promise<Step> {
  let step = await enter(view, Name.root, view.anchors);
  for (const candidate of pathDown(Name.root, name).slice(1)) {
    if (step.keys === undefined) break;
    const response = await askZone(view, step, candidate, RrType.DS);
    const [found] = validated(view, step, response.answers);
    if (found?.rrset.type === RrType.DS) step = await enter(view, candidate, found.rrset.rdatas);
    // An alias owns nothing else (RFC 2181 section 10.1), so there is no cut at it.
    else if (found?.rrset.type !== RrType.CNAME) {
      const denial = proved(view, step, response, candidate, RrType.DS);
      if (denial === 'unsigned-cut') return { zone: candidate, keys: undefined };
      if (denial === 'no-name') break;
    }
  }
  return step;
}

/** Goes into a zone by the DS records that its parent has for it. */
async function enter(view: ResolverView, zone: Name, ds: readonly Buffer[]): Promise<Step> {
  const response = await askZone(view, { zone, keys: undefined }, zone, RrType.DNSKEY);
  const dnskeys = signedRrsets(response.answers).find(({ rrset }) => rrset.type === RrType.DNSKEY);
  return { zone, keys: verifyZoneKeys(zone, ds, dnskeys, view.nowSeconds) };
}

/**
 * The server of an insecure zone may be deeper than the chain looked; then the name itself says where it is, or the one
 * above it for a DS record (RFC 4035 section 2.4).
 */
async function askZone(view: ResolverView, step: Step, name: Name, type: number): Promise<Message> {
  const where = type === RrType.DS && name.labelCount > 0 ? name.parent() : name;
  const upstream = view.serverOf(step.keys === undefined ? where : step.zone);
  const response = await upstream({ name, type, dnssecOk: true });
  const { rcode } = response.header;
  if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) return response;
  throw new Error(
    `the server of ${step.zone.toString()} answers ${name.toString()} with RCODE ${String(rcode)}`,
  );
}

/** The RRsets of a section, every one validated if the zone is secure. */
function validated(
  view: ResolverView,
  { keys }: Step,
  records: readonly ResourceRecord[],
): ReturnType<typeof signedRrsets> {
  const rrsets = signedRrsets(records);
  if (keys !== undefined) {
    for (const { rrset, signatures } of rrsets) verifyRrset(rrset, signatures, keys, view.nowSeconds);
  }
  return rrsets;
}

/** What the authority section proves; "nothing" only for NSEC3. Throws BogusError when the proof is missing. */
function proved(view: ResolverView, step: Step, response: Message, name: Name, type: number): Denial {
  const isOwn = ({ type: each }: RrSet): boolean => each === RrType.SOA || each === RrType.NSEC;
  const { authorities } = response;
  if (authorities.some((record) => record.type === RrType.NSEC3)) return 'nothing';
  const own = signedRrsets(authorities).filter(({ rrset }) => isOwn(rrset));
  if (step.keys === undefined) return 'nothing';
  for (const { rrset, signatures } of own) verifyRrset(rrset, signatures, step.keys, view.nowSeconds);
  const nsecs = own.map(({ rrset }) => rrset).filter((rrset) => rrset.type === RrType.NSEC);
  const denial = provedByNsec(name, type, nsecs);
  const isFit = response.header.rcode === Rcode.NXDOMAIN ? denial === 'no-name' : denial !== 'no-name';
  if (denial !== 'nothing' && isFit) return denial;
  const what = `that ${name.toString()} has no ${rrTypeName(type)} record`;
  throw new BogusError(`${step.zone.toString()} does not prove ${what}`, EdeCode.NSEC_MISSING);
}

function recordsOfName(records: readonly ResourceRecord[], name: Name): ResourceRecord[] {
  return records.filter((record) => record.name.equals(name));
}
