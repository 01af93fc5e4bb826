/**
 * The addresses of a server's name. They need no DNSSEC: whoever answers there has to prove the name before anything is asked,
 * or is asked by somebody who expects no proof.
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { parseA, parseAaaa, parseOrNothing } from '../dns/rdata.ts';
import type { LookupResult, Resolver } from '../resolver/resolver.ts';

export interface FoundAddresses {
  /** IPv6 first; none if there are none, or they cannot be looked up. */
  readonly addresses: readonly string[];
  /** Milliseconds that they count, within bounds. */
  readonly lifeMs: number;
  /** Why there are none. */
  readonly detail: string;
}

/** Addresses of one name that are tried. */
const mostAddresses = 4;
/** Milliseconds that what was looked up counts, whatever its TTL. */
const leastLifeMs = 30_000;
const mostLifeMs = 3_600_000;

/** Milliseconds that what was looked up counts: its TTL, within bounds. */
export function lifeMsOf(ttlSeconds: number): number {
  return Math.min(Math.max(ttlSeconds * 1000, leastLifeMs), mostLifeMs);
}

/** Looks up both kinds. Never rejects for anything that the network does. */
export async function findAddresses(name: Name, resolver: Resolver): Promise<FoundAddresses> {
  const results = await Promise.all([resolver.lookup(name, RrType.AAAA), resolver.lookup(name, RrType.A)]);
  const addresses = addressesOf(results);
  const ttls = results.filter(({ records }) => records.length > 0).map(({ ttlSeconds }) => ttlSeconds);
  const lifeMs = lifeMsOf(ttls.length > 0 ? Math.min(...ttls) : 0);
  return { addresses, lifeMs, detail: addresses.length > 0 ? '' : whyNone(name, results) };
}

function addressesOf(results: readonly LookupResult[]): readonly string[] {
  const usable = results.filter(({ status }) => status === 'secure' || status === 'insecure');
  const all = usable
    .flatMap(({ records }) => records)
    .map(({ type, rdata }) => parseOrNothing(rdata, type === RrType.AAAA ? parseAaaa : parseA))
    .filter((address) => address !== undefined);
  // Of both families, if there are more than are tried.
  const six = all.filter((address) => address.includes(':'));
  const four = all.filter((address) => !address.includes(':'));
  const room = Math.max(mostAddresses / 2, mostAddresses - four.length);
  return [...six.slice(0, room), ...four].slice(0, mostAddresses);
}

function whyNone(name: Name, results: readonly LookupResult[]): string {
  const failed = results.find(({ status }) => status === 'bogus' || status === 'indeterminate');
  return failed === undefined
    ? `${name.toString()} has no address`
    : `the address of ${name.toString()} cannot be looked up (${failed.detail})`;
}
