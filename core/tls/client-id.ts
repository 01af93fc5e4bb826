/**
 * The TLS extension dane_clientid (draft-ietf-dance-client-auth section 7): a client says, encrypted, which name it has.
 *
 *     struct { opaque ClientName<0..2^8-1>; }
 *
 * A server asks with a name of no octets in its CertificateRequest; a client answers in its Certificate with the owner name
 * of its TLSA record, in presentation format (RFC 1035 section 5.1) without the trailing dot.
 *
 * Two dialects: `draft-13` is the draft as it stands. `draft-09` is what came before: the body of the extension may be
 * wholly empty, the name may be left to the certificate, and it works with TLS 1.2, where the name is in the clear.
 *
 * Pure. Limitations: what the name may be is checked in core/dane/client-name.ts.
 */
import type { Name } from '../dns/name.ts';

export const dialects = ['draft-13', 'draft-09'] as const;
export type Dialect = (typeof dialects)[number];

/** IANA has assigned no number; this one is of the range for private use (RFC 8446 section 11). */
export const defaultExtensionType = 0xff5b;

const largestName = 255;

/** What a server sends to ask for the name: a vector without octets; in draft-09 nothing at all. */
export function askingBody(dialect: Dialect): Buffer {
  return dialect === 'draft-13' ? Buffer.from([0]) : Buffer.alloc(0);
}

/** The body with a client's name. Throws RangeError when the name takes more than 255 octets, or is the root. */
export function encodeClientName(name: Name): Buffer {
  const text = Buffer.from(name.toString(), 'latin1');
  if (name.labelCount === 0) throw new RangeError("the root is nobody's name");
  if (text.length > largestName) {
    throw new RangeError(
      `the name takes ${text.length} octets in the TLS extension, and ${largestName} is the most`,
    );
  }
  return Buffer.concat([Buffer.from([text.length]), text]);
}

/** The octets of the name in a body whose vector the addon has checked; none: the client leaves it to its certificate. */
export function clientNameOf(body: Buffer): Buffer {
  return body.subarray(1);
}
