/**
 * Whom `danced probe` connects to: HOST[:PORT] as an address or a name, and the addresses of a name.
 */
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseEndpoint } from '../core/config/endpoint.ts';
import { RrType } from '../core/dns/constants.ts';
import { DnsFormatError } from '../core/dns/errors.ts';
import { Name } from '../core/dns/name.ts';
import { parseA, parseAaaa, parseOrNothing } from '../core/dns/rdata.ts';
import { dnsNameFromName } from '../core/pki/dns-name.ts';
import type { LookupResult, Resolver } from '../core/resolver/resolver.ts';

/** An address or a name, and a port. */
export interface ProbeTarget {
  readonly host: { readonly address: string } | { readonly name: Name };
  readonly port: number;
}

/** RFC 7858 section 3.1, RFC 9103 section 7.3: the port of DNS over TLS. */
const defaultPort = 853;
/** Addresses of a name that are tried, one after the other. */
const mostAddresses = 4;

/** Reads HOST[:PORT]. Throws commander's InvalidArgumentError. */
export function parseTargetArgument(text: string): ProbeTarget {
  const [, host = '', port = String(defaultPort)] = /^([^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const name = isIP(host) === 0 ? hostName(host) : undefined;
  if (name !== undefined) {
    const number = Number(port);
    if (number === 0 || number > 65_535) throw new InvalidArgumentError('There is no such port.');
    return { host: { name }, port: number };
  }
  try {
    const { address, port: number } = parseEndpoint(text, defaultPort);
    if (number === 0) throw new RangeError('has port 0, at which nobody can be asked');
    return { host: { address }, port: number };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(
      'It is neither the name of a server nor an address: ns1.example.com, 192.0.2.1:853 or [2001:db8::1]:853 would be right.',
    );
  }
}

function hostName(text: string): Name | undefined {
  try {
    const name = Name.parse(text);
    return dnsNameFromName(name) === undefined ? undefined : name;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** Addresses to try, and in words how they were found; none: why not. */
export interface FoundAddresses {
  readonly addresses: readonly string[];
  readonly detail: string;
}

/** The addresses of a target. Those of a name need no DNSSEC: whoever answers there must prove who it is. */
export async function findAddresses({ host }: ProbeTarget, resolver: Resolver): Promise<FoundAddresses> {
  if ('address' in host) return { addresses: [host.address], detail: host.address };
  const { name } = host;
  const [six, four] = await Promise.all([
    resolver.lookup(name, RrType.AAAA),
    resolver.lookup(name, RrType.A),
  ]);
  const usable = [six, four].filter(({ status }) => status === 'secure' || status === 'insecure');
  const addresses = usable
    .flatMap(({ records }) => records)
    .map(({ type, rdata }) => parseOrNothing(rdata, type === RrType.AAAA ? parseAaaa : parseA))
    .filter((address) => address !== undefined)
    .slice(0, mostAddresses);
  if (addresses.length > 0) return { addresses, detail: addresses.join(', ') };
  const failed = [six, four].find(({ status }) => status === 'bogus' || status === 'indeterminate');
  return { addresses, detail: failed ? lookupTrouble(failed) : `${name.toString()} has no address` };
}

/** Why a lookup cannot be used; where it did not get beyond the trust anchor, that is what to look at. */
export function lookupTrouble({ detail, verdict }: LookupResult): string {
  const last = verdict?.steps.at(-1);
  const isAtAnchor = last?.kind === 'anchor' && last.status !== 'secure';
  return isAtAnchor || verdict?.reason === 'no-anchor'
    ? `${detail}; are the trust anchors those of this resolver’s root? (--anchor)`
    : detail;
}
