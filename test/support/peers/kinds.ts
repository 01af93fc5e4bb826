/** The primaries and secondaries of others by their names in titles. */
import { startPowerdnsSecondary } from './powerdns.ts';
import { startBindPrimary, startKnotPrimary, startNsdPrimary, type StartPrimary } from './primaries.ts';
import {
  startBindSecondary,
  startKnotSecondary,
  startNsdSecondary,
  type Secondary,
  type StartSecondary,
} from './secondaries.ts';
import { startUnboundAuthZone, type AuthZone } from './unbound-auth-zone.ts';
import { digestOf, servedDigest, type ZoneDigest } from './zone-series.ts';

export const primaryKinds: Readonly<Record<string, StartPrimary>> = {
  BIND: startBindPrimary,
  NSD: startNsdPrimary,
  'Knot DNS': startKnotPrimary,
};

/** Those that speak XoT themselves: Knot DNS does from 3.4 on, Debian 12 has 3.2. */
export const nativeKinds: Readonly<Record<string, StartSecondary>> = {
  BIND: startBindSecondary,
  NSD: startNsdSecondary,
};

/** Those that take a zone from a plain server on loopback, which is what the agent is to them. */
export const plainKinds: Readonly<Record<string, StartSecondary>> = {
  ...nativeKinds,
  'Knot DNS': startKnotSecondary,
  PowerDNS: startPowerdnsSecondary,
  Unbound: startUnboundAuthZone,
};

/** How each says that it got differences: in words, or by the few octets of them. */
const differencesCame: Readonly<Record<string, RegExp>> = {
  BIND: /got incremental response/g,
  NSD: /received update to serial \d+ at \S+ from \S+ of \d{1,5} bytes/g,
  'Knot DNS': /IXFR, incoming, remote \S+, finished, \S+ seconds, 1 messages/g,
  PowerDNS: /got \d delta, zone committed/g,
  Unbound: /last IXFR packet/g,
};

/** How often a secondary has got differences in place of a zone, by its own log. */
export function incrementalTransfers(kind: string, { program }: Secondary): number {
  return program.log.match(differencesCame[kind]!)?.length ?? 0;
}

/** What a secondary has of its zone; Unbound hands none out, so it is the file that it writes. */
export async function digestAt(
  secondary: Secondary | AuthZone,
  apex: string,
): Promise<ZoneDigest | undefined> {
  return 'records' in secondary ? digestOf(secondary.records()) : servedDigest(secondary.port, apex);
}
