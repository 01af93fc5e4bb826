/**
 * Who a server must be, and by what it has to prove it: the strict profile of RFC 8310 section 5. There is no weaker one.
 *
 *  - DANE (RFC 8310 section 8.2): TLSA records of `_PORT._tcp.NAME`.
 *  - PKIX (section 8.1): a path to one of our roots, and the name among the subjectAltNames.
 *  - Pins (RFC 7858 section 4.2): SHA-256 of the server's SubjectPublicKeyInfo.
 *
 * A name and pins: both must hold (RFC 8310 section 6.4). Where secure TLSA records exist they decide, and nothing takes
 * their place.
 *
 * Limitations: a pin is of the server's own key, not of an authority above it. The name is taken as it is: an alias of
 * the host does not make its target a reference identifier (RFC 7671 section 7, a SHOULD), though aliases at the TLSA
 * name itself are followed.
 */
import type { Name } from '../dns/name.ts';
import type { Certificate } from '../pki/certificate.ts';
import { dnsNameFromName } from '../pki/dns-name.ts';

export interface ServerPolicy {
  /** Authentication domain name (RFC 8310 section 2): what the server must be; also said to it by SNI. */
  readonly name?: Name | undefined;
  /**
   * `required`: DANE or nothing (RFC 8310 section 11). `if-published`: where the DNS says, and proves, that DANE does not
   * apply, PKIX serves if there are roots. `off`: no TLSA record is looked up.
   */
  readonly dane: 'required' | 'if-published' | 'off';
  /** Anchors for PKIX, and for TLSA records of the usages PKIX-TA and PKIX-EE. */
  readonly roots?: readonly Certificate[] | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo each; one of them must be the server's. */
  readonly pins?: readonly Buffer[] | undefined;
}

const pinOctets = 32;

/** A pin as base64 (RFC 7858 section 4.2). Throws RangeError with words that follow the quoted text. */
export function parsePin(text: string): Buffer {
  const octets = Buffer.from(text, 'base64');
  const isBase64 = octets.toString('base64') === text;
  if (!isBase64 || octets.length !== pinOctets) {
    throw new RangeError('is not a SHA-256 digest in base64, which has 44 characters and ends with =');
  }
  return octets;
}

/** Throws RangeError, in words for the operator, for a policy that no server could satisfy, or everyone. */
export function checkPolicy({ name, dane, roots = [], pins = [] }: ServerPolicy): void {
  if (name === undefined) {
    if (dane !== 'off') throw new RangeError('DANE needs the name of the server');
    if (pins.length === 0) throw new RangeError('without a name the server can be proved by pins only');
    return;
  }
  // RFC 6698 section 3: a host name; it is compared with dNSNames and stands in SNI.
  if (dnsNameFromName(name) === undefined) throw new RangeError(`${name.toString()} is no name of a server`);
  if (dane === 'off' && roots.length === 0 && pins.length === 0) {
    throw new RangeError('there is nothing by which the server could be proved: DANE, roots, or pins');
  }
}
