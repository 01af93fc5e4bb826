/**
 * The name that a client says in the extension dane_clientid: from the octets of ClientName to a domain name, or why it is
 * none (draft-ietf-dance-client-auth-13 section 7).
 *
 * Draft section 2 has three formats, and leaves it to the client which; to us each is a domain name like any other.
 *
 * The octets are the text of RFC 1035 section 5.1 in ASCII, without the dot at the end. This is the first thing that is done
 * with them, so what is refused here reaches neither the access list nor the DNS. Pure and total.
 *
 * Limitations: an A-label must decode as Punycode to something that is not ASCII; whether IDNA allows those characters
 * is not judged. An octet above 0x7e is refused as it stands, and accepted as `\DDD`, which can write any DNS name.
 */
import { DnsFormatError } from '../dns/errors.ts';
import { Name } from '../dns/name.ts';
import { decodePunycode } from './punycode.ts';

/** The longest ClientName, in octets of text: its length is one octet. */
export const maximumClientNameOctets = 255;

export type ClientName =
  | { readonly name: Name; readonly wrong?: undefined }
  | {
      readonly name?: undefined;
      /** For the log; goes on after "the name". */
      readonly wrong: string;
    };

/** Reads the octets of a ClientName, its length octet taken off. */
export function readClientName(octets: Buffer): ClientName {
  if (octets.length === 0) return { wrong: 'is empty' };
  if (octets.length > maximumClientNameOctets) return { wrong: 'has more than 255 octets' };
  // Draft section 7: ASCII only, so no U-labels; and neither NUL nor a space can hide the end of the name from a reader.
  const text = octets.toString('latin1');
  const odd = text.search(notPrintable);
  if (odd !== -1)
    return { wrong: `has the octet ${hex(octets.readUInt8(odd))}, which is no printable ASCII` };
  if (text === '.') return { wrong: 'is the root' };
  if (text.endsWith('.') && endsWithDot.test(text)) return { wrong: 'ends with a dot' };
  let name: Name;
  try {
    name = Name.parse(text);
  } catch (error) {
    if (error instanceof DnsFormatError) return { wrong: `is no domain name: ${error.message}` };
    throw error;
  }
  // Nearly no name has either, and then there is nothing to look for in its labels.
  if (!name.key.includes('*') && !name.key.includes('xn--')) return { name };
  for (const label of name.labels()) {
    const wrong = wrongLabel(label);
    if (wrong !== undefined) return { wrong };
  }
  return { name };
}

const notPrintable = /[^!-~]/;
/** A dot that is not escaped: an even number of backslashes before it. */
const endsWithDot = /(?<!\\)(?:\\\\)*\.$/;

function wrongLabel(label: Buffer): string | undefined {
  // RFC 4592 section 2.1.1: an asterisk label is the owner of records for many names, and itself nobody's.
  if (label.length === 1 && label[0] === 0x2a) return 'has the label *, which is no name of anybody';
  const text = label.toString('latin1').toLowerCase();
  // Draft section 7: labels of internationalized names are A-labels (RFC 5890 section 2.3.2.1).
  if (text.startsWith('xn--') && !isALabel(text))
    return 'has a label that begins with xn-- and is no A-label';
  return undefined;
}

function isALabel(text: string): boolean {
  // RFC 5890 section 2.3.1: letters, digits and hyphens, none of these at an end.
  if (!/^[a-z0-9-]*[a-z0-9]$/.test(text)) return false;
  const points = decodePunycode(text.slice('xn--'.length));
  return points?.some((point) => point > 0x7f) === true;
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}
