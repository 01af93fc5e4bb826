/**
 * `ClientIdentity`: a verified domain name. A claim becomes an identity in one place only, `proveClient` in prove.ts.
 *
 * The constructor takes a key that does not leave core/dane, so no other code can make one, by accident or by
 * intention; access control accepts nothing else (an unforgeable "verified" type, as rustls has).
 */
import type { Name } from '../dns/name.ts';

/** Held by prove.ts alone; the architecture test keeps every other file from importing it. */
export const identityMaker: unique symbol = Symbol('core/dane makes identities');

/** A peer's domain name, proved. */
export class ClientIdentity {
  /** Owner name of the TLSA record that matched: the name by which access control knows the client. */
  readonly name: Name;
  /** The proof in the words of RFC 7218, as "DANE-EE SPKI SHA2-256": for logs. */
  readonly proof: string;
  /** Milliseconds since the epoch: from then on the proof must be made again. */
  readonly notAfter: number;
  // A private field makes the type nominal: an object of the same shape is not a ClientIdentity.
  readonly #proved = true;

  constructor(maker: typeof identityMaker, name: Name, proof: string, notAfter: number) {
    if (maker !== identityMaker) throw new TypeError('only core/dane makes a ClientIdentity');
    this.name = name;
    this.proof = proof;
    this.notAfter = notAfter;
    // Untyped code cannot rename a client either.
    Object.freeze(this);
  }

  /** Whether a value that came as a ClientIdentity is one; for boundaries with untyped code. */
  static isGenuine(value: unknown): value is ClientIdentity {
    return typeof value === 'object' && value !== null && #proved in value && value.#proved;
  }
}
