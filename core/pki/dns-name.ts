/**
 * Between the dNSName of a certificate (RFC 5280 section 4.2.1.6) and a domain name.
 *
 * A dNSName is text, a domain name is labels of octets, and what lies between has let in many an impostor: a NUL that
 * ends the text for one reader only, a dot inside a label, a wildcard. So only text that has one reading is taken:
 * labels of letters, digits, hyphens and, beyond RFC 5280 but used by DANE clients (`_xfr.ns2.example.net`,
 * draft-ietf-dance-client-auth-13 section 10), underscores.
 *
 * Limitations: A-labels are taken as they are and not checked for being valid Punycode; names with other octets in
 * their labels exist in the DNS but not in certificates.
 */
import { maxLabelOctets, maxNameOctets, Name } from '../dns/name.ts';

/** Longest dNSName: the first length octet and the root label of the wire are not in the text. */
const maxTextLength = maxNameOctets - 2;
// RFC 5890 section 2.3.1: a hyphen neither first nor last.
const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/;

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

function isLabel(text: string): boolean {
  return text.length <= maxLabelOctets && label.test(text);
}
