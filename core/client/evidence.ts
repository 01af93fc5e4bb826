/**
 * What the DNS says about a server, gathered before we connect to it, so that the verdict inside of the handshake is a
 * matter of octets and time alone.
 */
import type { Name } from '../dns/name.ts';
import { RrType } from '../dns/constants.ts';
import { sortRecords } from '../dane/usable.ts';
import type { LookupResult, Resolver } from '../resolver/resolver.ts';
import { checkPolicy, type ServerPolicy } from './server-policy.ts';
import type { NoServerReason } from './reasons.ts';

/** What a server is judged by, besides the policy. */
export interface Evidence {
  /** RDATA of the secure TLSA records; undefined: DANE does not apply. */
  readonly tlsa: readonly Buffer[] | undefined;
  /** Milliseconds since the epoch: from then on the DNS must be asked again. Infinity if it was not asked. */
  readonly endsMs: number;
}

export type Gathered = { readonly lookup?: LookupResult } & (
  | { readonly evidence: Evidence }
  | { readonly evidence?: undefined; readonly reason: NoServerReason; readonly detail: string }
);

/** Owner of the TLSA records of a server (RFC 6698 section 3, RFC 8310 section 8.2). */
export function tlsaName(name: Name, port: number): Name {
  return name.prepend('_tcp').prepend(`_${String(port)}`);
}

/**
 * Asks the DNS what the policy needs to know.
 *
 * RFC 6698 section 4.1: what is bogus, or cannot be looked up, ends it: an attacker could have done that. Only a secure
 * denial, or a zone that is proved not to be signed, says that DANE does not apply.
 *
 * @throws RangeError for a policy that proves nothing
 */
export async function gatherEvidence(
  policy: ServerPolicy,
  port: number,
  resolver: Resolver,
  nowMs: () => number,
): Promise<Gathered> {
  checkPolicy(policy);
  if (policy.dane === 'off' || policy.name === undefined) {
    return { evidence: { tlsa: undefined, endsMs: Infinity } };
  }
  const lookup = await resolver.lookup(tlsaName(policy.name, port), RrType.TLSA);
  const { status, records, detail } = lookup;
  const endsMs = nowMs() + lookup.ttlSeconds * 1000;
  if (status === 'bogus') return { lookup, reason: 'server-bogus', detail };
  if (status === 'indeterminate') return { lookup, reason: 'server-lookup-failed', detail };
  if (status === 'secure' && records.length > 0) {
    return { lookup, evidence: { tlsa: records.map(({ rdata }) => rdata), endsMs } };
  }
  if (policy.dane === 'if-published' && policy.roots !== undefined && policy.roots.length > 0) {
    return { lookup, evidence: { tlsa: undefined, endsMs } };
  }
  return { lookup, reason: status === 'secure' ? 'server-no-tlsa' : 'server-insecure', detail };
}

/**
 * Whether a raw public key of the server could be judged. RFC 7671 section 5.1, RFC 8310 section 9: it is asked for only
 * where pins or "3 1 x" records are at hand; a path needs certificates.
 */
export function takesRawPublicKey({ dane, roots, pins }: ServerPolicy, { tlsa }: Evidence): boolean {
  if (tlsa !== undefined)
    return sortRecords(tlsa, { hasCertificate: false, hasRoots: false }).usable.length > 0;
  const isPathNeeded = dane !== 'off' || (roots !== undefined && roots.length > 0);
  return !isPathNeeded && pins !== undefined && pins.length > 0;
}
