/**
 * Words of the command line that several commands read. Each function takes the text of one argument and gives the
 * value, or throws commander's InvalidArgumentError, whose message completes "argument 'x' is invalid."
 */
import { domainToASCII } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { parseServer, type ServerText } from '../core/config/server-text.ts';
import { parseTime } from '../core/config/time.ts';
import { RrType, rrTypeFromName } from '../core/dns/constants.ts';
import { DnsFormatError } from '../core/dns/errors.ts';
import { Name } from '../core/dns/name.ts';
import { dnsNameFromName } from '../core/pki/dns-name.ts';

/** A domain name other than the root, in A-labels (RFC 5890 section 2.3.2.1). */
export function parseNameArgument(text: string): Name {
  const name = parseOwnerArgument(text);
  if (name.labelCount === 0) throw new InvalidArgumentError('The root is nobody’s name.');
  return name;
}

/** As parseNameArgument, the root included. */
export function parseOwnerArgument(text: string): Name {
  if (/[^\p{ASCII}]/u.test(text)) throw new InvalidArgumentError(notAscii(text));
  try {
    return Name.parse(text);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    throw new InvalidArgumentError(`It is not a domain name: ${error.message}.`);
  }
}

/** A type of records by its mnemonic, or as TYPE65280 (RFC 3597 section 5); not one that only a query has. */
export function parseTypeArgument(text: string): number {
  const type = rrTypeFromName(text);
  if (type === undefined) throw new InvalidArgumentError('A type as TLSA, or TYPE65280, would be right.');
  // RFC 6895 section 3.1: 128 to 255 are for queries and meta data, 41 is OPT.
  if (type === 0 || type === RrType.OPT || (type >= 128 && type <= 255)) {
    throw new InvalidArgumentError('No zone has records of this type.');
  }
  // RFC 4035 section 2.2: signatures are not signed, so there is nothing to validate.
  if (type === RrType.RRSIG) throw new InvalidArgumentError('Signatures are not signed themselves.');
  return type;
}

/** One resolver, added to those before it: ADDRESS[:PORT] or tls://ADDRESS[:PORT]#NAME. */
export function parseServerArgument(text: string, before: readonly ServerText[] = []): ServerText[] {
  try {
    return [...before, parseServer(text)];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(
      `It ${error.message}. ADDRESS[:PORT] or tls://ADDRESS[:PORT]#NAME would be right.`,
    );
  }
}

/** Milliseconds since the epoch (time.ts of core/config). */
export function parseTimeArgument(text: string): number {
  const ms = parseTime(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(
    '2026-12-01T12:00:00Z, 20261201120000 or seconds since the epoch would be right.',
  );
}

/** A domain name that can stand in a certificate. */
export function parseIdentityNameArgument(text: string): Name {
  const name = parseNameArgument(text);
  if (dnsNameFromName(name) === undefined) {
    throw new InvalidArgumentError(
      'In a certificate a name has letters, digits, underscores and, inside its labels, hyphens.',
    );
  }
  return name;
}

/** Reads a whole number between two bounds, both included. */
export function parseNumberArgument(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
    if (value === undefined || value < min || value > max) {
      throw new InvalidArgumentError(`A whole number from ${String(min)} to ${String(max)} would be right.`);
    }
    return value;
  };
}

function notAscii(text: string): string {
  const ascii = domainToASCII(text);
  const advice = ascii === '' ? '' : `, as ${ascii}`;
  return `The DNS has this name in its ASCII form (A-labels)${advice}.`;
}
