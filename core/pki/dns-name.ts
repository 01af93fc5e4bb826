/**
 * Between the dNSName of a certificate (RFC 5280 section 4.2.1.6) and a domain name.
 *
 * A dNSName is text, a domain name is labels of octets, and what lies between has let in many an impostor: a NUL that
 * ends the text for one reader only, a dot inside a label, a wildcard. So only text that has one reading is taken:
 * labels of letters, digits, hyphens and, beyond RFC 5280 but used by DANE clients (`_xfr.ns2.example.net`,
 * draft-ietf-dance-client-auth-13 section 10), underscores. A wildcard is no name: it is matched, never claimed.
 *
 * Limitations: A-labels are taken as they are and not checked for being valid Punycode; names with other octets in
 * their labels exist in the DNS but not in certificates.
 */
import { maxLabelOctets, maxNameOctets, Name } from '../dns/name.ts';

/** A dNSName that names are compared with. */
export interface DnsPattern {
  /** The name in lower case, without the wildcard label. */
  readonly text: string;
  /** Whether the left-most label is `*`, which stands for any one label. */
  readonly isWildcard: boolean;
}

/** Longest dNSName: the first length octet and the root label of the wire are not in the text. */
const maxTextLength = maxNameOctets - 2;
// RFC 5890 section 2.3.1: a hyphen neither first nor last.
const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/;
const wildcard = '*.';

/** The domain name in the octets of a dNSName, or undefined if they are anything but letters, digits, `-`, `_`, dots. */
export function nameFromDnsName(octets: Buffer): Name | undefined {
  if (octets.length === 0 || octets.length > maxTextLength) return undefined;
  // latin1 keeps every octet one character, so that what the pattern refuses cannot hide in a decoder.
  const labels = octets.toString('latin1').split('.');
  if (!labels.every(isLabel)) return undefined;
  return Name.fromLabels(labels.map((text) => Buffer.from(text, 'latin1')));
}

/** The dNSName for a domain name, or undefined if no certificate can carry that name. */
export function dnsNameFromName(name: Name): string | undefined {
  const labels = name.labels().map((octets) => octets.toString('latin1'));
  return labels.length > 0 && labels.every(isLabel) ? labels.join('.') : undefined;
}

/** A dNSName as a pattern; undefined if it is neither a name nor a name behind `*.`. */
export function patternFromDnsName(octets: Buffer): DnsPattern | undefined {
  if (octets.length > maxTextLength) return undefined;
  const whole = octets.toString('latin1').toLowerCase();
  const isWildcard = whole.startsWith(wildcard);
  const text = isWildcard ? whole.slice(wildcard.length) : whole;
  if (!isDnsText(text)) return undefined;
  // A wildcard for everything below a top-level domain is nobody's to give; OpenSSL takes none either.
  return isWildcard && !text.includes('.') ? undefined : { text, isWildcard };
}

/** Whether text is labels with dots between. */
export function isDnsText(text: string): boolean {
  return text.split('.').every(isLabel);
}

/** Whether the pattern is that name, or a wildcard for it. RFC 9525 section 6.3. */
export function isNameMatched(pattern: DnsPattern, name: Name): boolean {
  const text = dnsNameFromName(name)?.toLowerCase();
  if (text === undefined) return false;
  if (!pattern.isWildcard) return text === pattern.text;
  const dot = text.indexOf('.');
  // RFC 9525 section 6.3: `*` stands for exactly one label. It was given for hosts: not for `_xfr`, whose key may be
  // somebody else's than that of the host beside it.
  return dot > 0 && text.slice(dot + 1) === pattern.text && !text.slice(0, dot).includes('_');
}

function isLabel(text: string): boolean {
  return text.length <= maxLabelOctets && label.test(text);
}
