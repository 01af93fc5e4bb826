/**
 * Keys of TSIG (RFC 8945): a name, an algorithm and a secret that two servers share. Names of keys and algorithms are compared,
 * and go into the MAC, in canonical form. Pure.
 *
 * Limitations: the HMACs with SHA-1 and SHA-2, no HMAC-MD5 and no GSS-TSIG; keys are made elsewhere (no TKEY).
 */
import { Name } from '../dns/name.ts';

interface AlgorithmRow {
  /** Of node:crypto. */
  readonly hash: string;
  /** What the record says (RFC 8945 section 6). */
  readonly wireName: Name;
  /** Of the whole keyed hash. */
  readonly hashOctets: number;
  /** Of the MAC that we send, and the least that we take (RFC 8945 section 7). */
  readonly macOctets: number;
}

function row(hash: string, hashOctets: number, macOctets = hashOctets): AlgorithmRow {
  // A truncated MAC goes by the name of the whole one, as BIND has it; its size says what it is (RFC 8945 section 5.2.2.1).
  return { hash, wireName: Name.parse(`hmac-${hash}`), hashOctets, macOctets };
}

/**
 * Algorithms by the names that configurations use; `-128` and the like are bits of a truncated MAC. SHA-1 must be known (RFC 8945
 * section 6) and should not be chosen.
 */
export const tsigAlgorithms = {
  'hmac-sha1': row('sha1', 20),
  'hmac-sha1-96': row('sha1', 20, 12),
  'hmac-sha224': row('sha224', 28),
  'hmac-sha256': row('sha256', 32),
  'hmac-sha256-128': row('sha256', 32, 16),
  'hmac-sha384': row('sha384', 48),
  'hmac-sha384-192': row('sha384', 48, 24),
  'hmac-sha512': row('sha512', 64),
  'hmac-sha512-256': row('sha512', 64, 32),
} as const satisfies Readonly<Record<string, AlgorithmRow>>;

export type TsigAlgorithm = keyof typeof tsigAlgorithms;

export interface TsigKey {
  readonly name: Name;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

/** Less can be guessed. RFC 8945 section 8 recommends as much as the hash has. */
const leastSecretOctets = 16;

/** Reads a secret in base64, white space around and in it allowed. Throws RangeError with words that follow "the secret". */
export function parseTsigSecret(text: string): Buffer {
  const plain = text.replace(/\s+/g, '');
  const octets = Buffer.from(plain, 'base64');
  if (plain === '' || octets.toString('base64') !== plain) throw new RangeError('is not base64');
  if (octets.length < leastSecretOctets) {
    const needed = `at least ${String(leastSecretOctets)} are needed`;
    throw new RangeError(`has ${String(octets.length)} octets, and ${needed}`);
  }
  return octets;
}

/** Why a message is not taken for what a holder of the key has sent. */
export type TsigReason =
  /** Another key or algorithm than was agreed on. */
  | 'bad-key'
  /** The MAC is another one. */
  | 'bad-sig'
  /** Signed too long ago, or in the future, or before what came earlier. */
  | 'bad-time'
  /** The MAC is shorter than the key's algorithm has it. */
  | 'bad-trunc'
  /** There is no signature where there has to be one. */
  | 'missing'
  /** A record of TSIG that cannot be read. */
  | 'malformed'
  /** The server does not take our signature, with the error of RFC 8945 section 3. */
  | `refused-by-server:${string}`;

/** A message that is not signed as it has to be. */
export class TsigError extends Error {
  override readonly name = 'TsigError';
  readonly code = 'TSIG_ERROR';
  readonly blame = 'peer';
  readonly reason: TsigReason;

  constructor(reason: TsigReason, words: string) {
    super(words);
    this.reason = reason;
  }

  /** What the message says. */
  get words(): string {
    return this.message;
  }
}
