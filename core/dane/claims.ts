/**
 * What a client claims to be, before anything is proved.
 *
 * The claim is a dNSName of its certificate (subjectAltName; the Subject is never looked at, RFC 8310 section 8.1). A
 * certificate may hold many; each would cost a DNS lookup that the client pays nothing for, so only names which the
 * access list knows are claims, and only the first few of them (DANCE architecture: allow-list before lookup).
 *
 * Limitations: the dane_clientid extension, by which a client says its name itself, is not read here.
 */
import type { Name } from '../dns/name.ts';

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
  const claims = new Map<string, Name>();
  for (const name of names.slice(0, maximumNamesAsked)) {
    if (claims.size === maximumClaims) break;
    if (!claims.has(name.key) && (await admits(name))) claims.set(name.key, name);
  }
  return [...claims.values()];
}

/** So many names of one certificate are shown to the access list, which may be on the other side of a network. */
export const maximumNamesAsked = 32;
