/**
 * The Certificate message of TLS (RFC 8446 section 4.4.2, RFC 5246 section 7.4.2, RFC 7250 section 3), from which the
 * certificates are taken as the octets that were sent: DANE compares octets.
 *
 * Pure. Limitations: extensions of the entries are stepped over; the addon has read ours.
 */
import { CertificateFormatError } from '../pki/errors.ts';

/**
 * The entries of a message without its header, in their order: DER certificates, or one SubjectPublicKeyInfo.
 * An empty body is a message that was not sent. Throws CertificateFormatError.
 */
export function parseCertificateMessage(body: Buffer, version: 'TLSv1.3' | 'TLSv1.2'): Buffer[] {
  if (body.length === 0) return [];
  const message = new VectorReader(body);
  const hasExtensions = version === 'TLSv1.3';
  // RFC 8446 section 4.4.2: certificate_request_context<0..255>, empty in a handshake.
  if (hasExtensions && message.vector(1).length > 0) throw malformed();
  const list = new VectorReader(message.vector(3));
  message.end();
  const entries: Buffer[] = [];
  while (list.hasMore) {
    const entry = list.vector(3);
    if (entry.length === 0) throw malformed();
    entries.push(entry);
    if (hasExtensions) list.vector(2);
  }
  return entries;
}

/** Reads vectors with a length before them (RFC 8446 section 3.4). */
class VectorReader {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get hasMore(): boolean {
    return this.#at < this.#octets.length;
  }

  /** The octets of a vector whose length has so many octets; no copy. */
  vector(lengthOctets: 1 | 2 | 3): Buffer {
    const start = this.#at + lengthOctets;
    if (start > this.#octets.length) throw malformed();
    const end = start + this.#octets.readUIntBE(this.#at, lengthOctets);
    if (end > this.#octets.length) throw malformed();
    this.#at = end;
    return this.#octets.subarray(start, end);
  }

  end(): void {
    if (this.hasMore) throw malformed();
  }
}

function malformed(): CertificateFormatError {
  return new CertificateFormatError('a malformed Certificate message');
}
