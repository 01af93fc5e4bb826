/**
 * The key schedule of TLS 1.3 with SHA-256 and AES-128-GCM (RFC 8446 sections 4.4.1, 4.4.4 and 7.1).
 *
 * Limitations: no PSK, no exporter, no resumption, no key update.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ScriptedTlsError, uint, vector } from './octets.ts';

const hashOctets = 32;
const zeros = Buffer.alloc(hashOctets);
const nothing = Buffer.alloc(0);

/** The hash of all handshake messages so far, headers included. */
export class Transcript {
  readonly #hash = createHash('sha256');

  add(message: Buffer): this {
    this.#hash.update(message);
    return this;
  }

  digest(): Buffer {
    return this.#hash.copy().digest();
  }
}

/** One secret for what each end sends. */
export interface TrafficSecrets {
  readonly client: Buffer;
  readonly server: Buffer;
}

export interface HandshakeSecrets extends TrafficSecrets {
  /** The "Master Secret" of RFC 8446. */
  readonly master: Buffer;
}

const earlySecret = extract(zeros, zeros);
const afterEarlySecret = deriveSecret(earlySecret, 'derived', new Transcript().digest());

/** From the shared secret of the key exchange, and the transcript up to ServerHello. */
export function handshakeSecrets(shared: Buffer, transcript: Buffer): HandshakeSecrets {
  const secret = extract(afterEarlySecret, shared);
  return {
    client: deriveSecret(secret, 'c hs traffic', transcript),
    server: deriveSecret(secret, 's hs traffic', transcript),
    master: extract(deriveSecret(secret, 'derived', new Transcript().digest()), zeros),
  };
}

/** From the transcript up to the server's Finished. */
export function applicationSecrets(master: Buffer, transcript: Buffer): TrafficSecrets {
  return {
    client: deriveSecret(master, 'c ap traffic', transcript),
    server: deriveSecret(master, 's ap traffic', transcript),
  };
}

/** Key and nonce base of AES-128-GCM. */
export function trafficKeys(secret: Buffer): { readonly key: Buffer; readonly iv: Buffer } {
  return { key: expandLabel(secret, 'key', nothing, 16), iv: expandLabel(secret, 'iv', nothing, 12) };
}

/** What stands in the Finished of the end whose handshake traffic secret it is. */
export function finishedData(trafficSecret: Buffer, transcript: Buffer): Buffer {
  return createHmac('sha256', expandLabel(trafficSecret, 'finished', nothing, hashOctets))
    .update(transcript)
    .digest();
}

/** Throws ScriptedTlsError unless it is the server's Finished for this transcript. */
export function checkFinished(trafficSecret: Buffer, transcript: Buffer, body: Buffer): void {
  const expected = finishedData(trafficSecret, transcript);
  if (body.length !== expected.length || !timingSafeEqual(body, expected)) {
    throw new ScriptedTlsError("the server's Finished does not fit the handshake");
  }
}

function extract(salt: Buffer, keyMaterial: Buffer): Buffer {
  return createHmac('sha256', salt).update(keyMaterial).digest();
}

function deriveSecret(secret: Buffer, label: string, transcript: Buffer): Buffer {
  return expandLabel(secret, label, transcript, hashOctets);
}

/** HKDF-Expand-Label; nothing here is longer than the hash, so that one round of HKDF-Expand is enough. */
function expandLabel(secret: Buffer, label: string, context: Buffer, octets: number): Buffer {
  const info = Buffer.concat([uint(2, octets), vector(1, Buffer.from(`tls13 ${label}`)), vector(1, context)]);
  return createHmac('sha256', secret).update(info).update(uint(1, 1)).digest().subarray(0, octets);
}
