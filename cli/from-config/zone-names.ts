/** Names of zones and keys in one form, however a configuration writes them. */
import { DnsFormatError } from '../../core/dns/errors.ts';
import { Name } from '../../core/dns/name.ts';

/** Lower case, escapes as `Name` writes them, no trailing dot; what is no name at all as it came, in lower case. */
export function normalName(text: string): string {
  return readOldName(text)?.toString().toLowerCase() ?? text.toLowerCase();
}

/** The name; undefined if it is none. */
export function readOldName(text: string): Name | undefined {
  try {
    return Name.parse(text);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return undefined;
  }
}

/** Zones that a server has for itself and that have nothing to hide (RFC 6303 section 4, RFC 1912 section 4.1). */
export function isOwnZone(zone: string): boolean {
  return ownZones.has(zone);
}

const ownZones: ReadonlySet<string> = new Set([
  'localhost',
  'localhost.localdomain',
  'localdomain',
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '0.0.127.in-addr.arpa',
  '1.0.0.127.in-addr.arpa',
  '255.in-addr.arpa',
  `1.${'0.'.repeat(31)}ip6.arpa`,
  `${'0.'.repeat(32)}ip6.arpa`,
]);
