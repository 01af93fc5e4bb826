/**
 * What a client claims to be, before anything is proved.
 *
 * A name comes from one of two sources: the extension dane_clientid, in which the client says it (draft-ietf-dance-client-auth
 * section 7), or the dNSNames of its certificate (subjectAltName; the Subject is never looked at, RFC 8310 section 8.1). The
 * listener says which it takes; a name that the client says decides (section 8.2), and no other is tried, so that a client
 * whose name fails does not come in by another.
 *
 * A certificate may hold many names; each would cost a DNS lookup that the client pays nothing for, so only names which the
 * access list knows are looked up, and only the first few of them (DANCE architecture: allow-list before lookup).
 */
import type { Name } from '../dns/name.ts';
import { readClientName } from './client-name.ts';
import type { NoIdentityReason } from './types.ts';

/** Where a listener takes a client's name from. */
export const claimSources = ['extension', 'certificate-name'] as const;
export type ClaimSource = (typeof claimSources)[number];

/** What a client showed of names. */
export interface ShownNames {
  /** Octets of the ClientName in the extension, unchecked; undefined when the client did not send it. */
  readonly clientId?: Buffer | undefined;
  /** dNSNames of the certificate; none with a raw public key. */
  readonly dnsNames: readonly Name[];
}

/** How claims are taken. */
export interface ClaimRules {
  readonly claims: readonly ClaimSource[];
  readonly dialect: 'draft-13' | 'draft-09';
}

/** Names of one source, in the client's order; at least one. */
export interface Claims {
  readonly source: ClaimSource;
  readonly names: readonly Name[];
}

export type ClaimVerdict =
  Claims | { readonly source?: undefined; readonly reason: NoClaim; readonly detail: string };
type NoClaim = Extract<NoIdentityReason, 'no-claim' | 'bad-name'>;

/** Which names a client claims, or why none. Asks nobody. */
export function claimsOf({ clientId, dnsNames }: ShownNames, { claims, dialect }: ClaimRules): ClaimVerdict {
  if (clientId !== undefined && claims.includes('extension')) {
    if (clientId.length === 0 && dialect === 'draft-09') return derivedClaim(dnsNames);
    // Draft section 8.2: the name is taken from the extension, also where a certificate has others.
    const { name, wrong } = readClientName(clientId);
    if (name === undefined) return { reason: 'bad-name', detail: `the name ${wrong}` };
    return { source: 'extension', names: [name] };
  }
  if (claims.includes('certificate-name') && dnsNames.length > 0) {
    return { source: 'certificate-name', names: dnsNames };
  }
  return { reason: 'no-claim', detail: missing(claims) };
}

/** draft-ietf-dance-tls-clientid-07: an empty extension asks to take the name from the certificate. */
function derivedClaim(dnsNames: readonly Name[]): ClaimVerdict {
  // Of several the client must say one.
  if (dnsNames.length === 1) return { source: 'extension', names: dnsNames };
  const has = dnsNames.length === 0 ? 'no dNSName' : `${String(dnsNames.length)} dNSNames`;
  return { reason: 'no-claim', detail: `the name in the extension is empty and the certificate has ${has}` };
}

function missing(claims: readonly ClaimSource[]): string {
  if (claims.length > 1) return '';
  return claims[0] === 'extension' ? 'the extension was not sent' : 'there is no dNSName in a certificate';
}

/** At most so many names of one certificate are looked up. */
export const maximumClaims = 4;

/**
 * The names that may be looked up for this client: those among `names` that `admits` knows, without repetition.
 * At most `maximumNamesAsked` are shown to the access list and at most `maximumClaims` come back.
 */
export async function admittedClaims(
  names: readonly Name[],
  admits: (name: Name) => Promise<boolean>,
): Promise<readonly Name[]> {
  const distinct = new Map<string, Name>();
  for (const name of names.slice(0, maximumNamesAsked)) {
    if (!distinct.has(name.key)) distinct.set(name.key, name);
  }
  const asked = [...distinct.values()];
  // All at once: the list may be on the other side of a network.
  const known = await Promise.all(asked.map(admits));
  return asked.filter((_, index) => known[index]).slice(0, maximumClaims);
}

/** So many names of one certificate are shown to the access list, which may be on the other side of a network. */
export const maximumNamesAsked = 32;
