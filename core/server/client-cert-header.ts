/**
 * HTTP fields in which a TLS-terminating proxy hands on its client's certificate: Client-Cert and Client-Cert-Chain
 * (RFC 9440), structured fields of RFC 9651 (RFC 8941 before it), and Client-Dane-Name for the name.
 *
 * Structure only. Any client can write these fields. They count for nothing unless the request came from the address of
 * a proxy that was named beforehand and that removes what its clients send under these names (RFC 9440 sections 2.4 and 4);
 * both are for the caller to see to. The certificates are octets here, not looked into.
 *
 * Limitations: stricter than RFC 9651 in two points. Base64 must be the one text that its octets have: padded, without
 * spare bits (section 4.2.7 has parsers rather be lenient here). And parameters are refused: RFC 9440 defines none,
 * so nobody here would know what one says about the certificate.
 */
import type { LimitsTable } from '../config/limits-table.ts';

/**
 * The field with the client's name: a String (RFC 9651 section 3.3.3) that is the name of its `dane_clientid` extension.
 * Not registered with IANA.
 */
export const clientNameHeader = 'client-dane-name';

/** The bounds on what is taken from the fields. Node itself takes 16 KiB of header fields unless told otherwise. */
export const clientCertLimits = {
  'certificate-octets': {
    default: 8192,
    min: 1024,
    max: 65_535,
    unit: 'octets',
    reason:
      'one certificate in DER; those of clients have one to two thousand octets, with RSA of 4096 bits too',
  },
  'chain-certificates': {
    default: 8,
    min: 0,
    max: 16,
    unit: 'count',
    reason: 'entries of Client-Cert-Chain; chains have one to four, and the search for a path looks at 16',
  },
} as const satisfies LimitsTable;

export type ClientCertLimits = Readonly<Record<keyof typeof clientCertLimits, number>>;

const maxNameOctets = 255;

/** As node:http gives them (`headers`, or `headersDistinct` to see what was repeated): the names in lower case. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the fields say the client showed: DER, the client's own certificate, then the others in the order of TLS. */
export interface ClientCertFields {
  readonly certificate: Buffer;
  readonly chain: readonly Buffer[];
}

/** A field that is not what its standard says. The request is to be refused (400), not served without the field. */
export class ClientCertHeaderError extends Error {
  override readonly name = 'ClientCertHeaderError';
  readonly code = 'SERVER_CLIENT_CERT';
  readonly blame = 'peer';
  /** The field, in lower case. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** The certificates, or undefined where there is no Client-Cert. Throws ClientCertHeaderError. */
export function readClientCert(
  headers: HeaderFields,
  limits: ClientCertLimits = defaultLimits,
): ClientCertFields | undefined {
  const certificateText = readSingle(headers, certificateField);
  const chain = readChain(headers, limits);
  if (certificateText === undefined) {
    // RFC 9440 section 2.3: no chain without the certificate.
    if (chain.length > 0)
      throw new ClientCertHeaderError(chainField, `there is no ${certificateField} with it`);
    return undefined;
  }
  // RFC 9440 section 2.2: one Byte Sequence, never a list.
  const certificate = parseCertificate(trimBlanks(certificateText), certificateField, limits);
  if (chain.some((other) => other.equals(certificate))) {
    // RFC 9440 section 2.3: without the certificate that is in Client-Cert already.
    throw new ClientCertHeaderError(
      chainField,
      `the certificate of ${certificateField} must not be in it again`,
    );
  }
  return { certificate, chain };
}

/**
 * The octets of the name, as the proxy got them, or undefined where there is no such field. None to 255, printable
 * ASCII; not checked to be a name. Throws ClientCertHeaderError.
 */
export function readClientName(headers: HeaderFields): Buffer | undefined {
  const text = readSingle(headers, clientNameHeader);
  if (text === undefined) return undefined;
  // RFC 9651 section 3.3.3: visible ASCII and spaces between quotes, of which only quote and backslash are escaped.
  if (text.length > 2 * maxNameOctets + 64) throw tooLong(clientNameHeader, 'the whole field');
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(trimBlanks(text))?.[1];
  if (quoted === undefined) {
    throw new ClientCertHeaderError(
      clientNameHeader,
      'not one string in double quotes (RFC 9651 section 3.3.3)',
    );
  }
  const name = quoted.replace(/\\(.)/g, '$1');
  if (name.length > maxNameOctets)
    throw tooLong(clientNameHeader, `a name of more than ${maxNameOctets} octets`);
  return Buffer.from(name, 'latin1');
}

const certificateField = 'client-cert';
const chainField = 'client-cert-chain';
const defaultLimits: ClientCertLimits = {
  'certificate-octets': clientCertLimits['certificate-octets'].default,
  'chain-certificates': clientCertLimits['chain-certificates'].default,
};

/** The one line of a field that may come once. Node joins repeated ones with a comma, which no single item has. */
function readSingle(headers: HeaderFields, field: string): string | undefined {
  const lines = readLines(headers, field);
  if (lines.length > 1) throw new ClientCertHeaderError(field, 'comes more than once');
  return lines[0];
}

function readLines(headers: HeaderFields, field: string): readonly string[] {
  const value = Object.hasOwn(headers, field) ? headers[field] : undefined;
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** RFC 9440 section 2.3: a List of Byte Sequences, perhaps in many lines, which count as one (RFC 9110 section 5.3). */
function readChain(headers: HeaderFields, limits: ClientCertLimits): Buffer[] {
  const lines = readLines(headers, chainField);
  const maxCertificates = limits['chain-certificates'];
  // Before anything is taken apart: so many certificates, each with its comma and some blanks.
  const maxLength = (maxCertificates + 1) * (maxTextLength(limits) + 8);
  if (lines.reduce((sum, line) => sum + line.length + 1, 0) > maxLength)
    throw tooLong(chainField, 'the whole field');
  const text = trimBlanks(lines.join(','));
  // RFC 9651 section 4.2.1: an empty List is one too.
  if (text === '') return [];
  const members = text.split(',');
  if (members.length > maxCertificates)
    throw tooLong(chainField, `more than ${maxCertificates} certificates`);
  return members.map((member) => parseCertificate(trimBlanks(member), chainField, limits));
}

/** RFC 9440 section 2.1: base64 between colons, without blanks or line ends. */
function parseCertificate(text: string, field: string, limits: ClientCertLimits): Buffer {
  const maxOctets = limits['certificate-octets'];
  if (text.length > maxTextLength(limits))
    throw tooLong(field, `a certificate of more than ${maxOctets} octets`);
  if (text.length < 2 || !text.startsWith(':') || !text.endsWith(':')) {
    throw new ClientCertHeaderError(
      field,
      'not base64 between two colons; without a certificate, leave the field out',
    );
  }
  const base64 = text.slice(1, -1);
  const octets = Buffer.from(base64, 'base64');
  // Buffer.from skips what it does not understand; base64 that has one reading only comes out as it went in.
  if (octets.length === 0 || octets.toString('base64') !== base64) {
    throw new ClientCertHeaderError(
      field,
      'not base64 with its padding, of one octet at least (RFC 4648 section 4)',
    );
  }
  if (octets.length > maxOctets) throw tooLong(field, `a certificate of more than ${maxOctets} octets`);
  return octets;
}

/** Characters of the longest certificate, colons included. */
function maxTextLength(limits: ClientCertLimits): number {
  return 4 * Math.ceil(limits['certificate-octets'] / 3) + 2;
}

/** RFC 9110 section 5.5: blanks around a field are no part of it; RFC 9651 section 4.2.1: nor are those around a comma. */
// A loop: /[ \t]+$/ takes quadratic time where a stranger puts many blanks in the middle.
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charAt(start))) start++;
  while (end > start && isBlank(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}

function tooLong(field: string, what: string): ClientCertHeaderError {
  return new ClientCertHeaderError(field, `too long: ${what}`);
}
