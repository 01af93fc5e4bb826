/**
 * Words of the command line that several commands read. Each function takes the text of one argument and gives the
 * value, or throws commander's InvalidArgumentError, whose message completes "argument 'x' is invalid."
 */
import { domainToASCII } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { DnsFormatError } from '../core/dns/errors.ts';
import { Name } from '../core/dns/name.ts';
import { dnsNameFromName } from '../core/pki/dns-name.ts';

/** A domain name other than the root, in A-labels (RFC 5890 section 2.3.2.1). */
export function parseNameArgument(text: string): Name {
  if (/[^\x20-\x7e]/.test(text)) throw new InvalidArgumentError(notAscii(text));
  let name: Name;
  try {
    name = Name.parse(text);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    throw new InvalidArgumentError(`It is not a domain name: ${error.message}.`);
  }
  if (name.labelCount === 0) throw new InvalidArgumentError('The root is nobody’s name.');
  return name;
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
