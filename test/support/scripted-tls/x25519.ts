/** The key exchange of the scripted client: X25519 (RFC 8446 sections 4.2.8.2 and 7.4.2). */
import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';

/** A key share, and what it agrees on with another. */
export interface KeyShare {
  /** 32 octets. */
  readonly octets: Buffer;
  /** The shared secret with the peer's 32 octets. Throws if they are no public key. */
  readonly agree: (peer: Buffer) => Buffer;
}

export function makeKeyShare(): KeyShare {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    octets: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
    agree: (peer) => {
      const jwk = { kty: 'OKP', crv: 'X25519', x: peer.toString('base64url') };
      return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) });
    },
  };
}
