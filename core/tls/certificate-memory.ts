/**
 * What the end-entity certificates of clients say, remembered: a client that comes again shows the same octets, and reading
 * them costs more than finding them.
 *
 * The whole of the octets is the key, so that no certificate is taken for another; only what was read without error is kept.
 * Nothing here says that a certificate is good, or that a client has its key.
 *
 * Limitations: chains are not remembered; strangers can push the certificates of others out, which are then read again.
 */
import { readCertificate, type ReadCertificate } from './shown-credentials.ts';

/** Certificates that are remembered; of more the one that was not shown for longest is forgotten. */
export const rememberedCertificates = 1024;
/** Octets of the longest certificate that is remembered; those of clients have some five hundred to two thousand. */
export const longestRemembered = 4096;

/** Names of a certificate that is remembered: each is some hundred octets, and a stranger can have hundreds signed by himself. */
export const mostNamesRemembered = 16;

export class CertificateMemory {
  /** By the octets as latin1, in the order of their last use. */
  readonly #read = new Map<string, ReadCertificate>();

  /** Certificates that are remembered. */
  get size(): number {
    return this.#read.size;
  }

  /** Reads a certificate (DER), or finds what was read of the same octets. Throws CertificateFormatError. */
  read(octets: Buffer): ReadCertificate {
    if (octets.length > longestRemembered) return readCertificate(octets);
    const key = octets.toString('latin1');
    let known = this.#read.get(key);
    // A copy: the octets are a part of a message, which would be kept whole.
    if (known === undefined) known = readCertificate(Buffer.from(octets));
    else this.#read.delete(key);
    if (known.dnsNames.length > mostNamesRemembered) return known;
    this.#read.set(key, known);
    if (this.#read.size > rememberedCertificates) this.#forgetOldest();
    return known;
  }

  #forgetOldest(): void {
    const [oldest] = this.#read.keys();
    if (oldest !== undefined) this.#read.delete(oldest);
  }
}
