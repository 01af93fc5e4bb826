/**
 * The proof of what an application was handed: a certificate or raw public key, and a name, of a client that somebody else
 * spoke TLS with.
 *
 * Possession of the private key is not proved here and cannot be: that was the business of who spoke TLS. Everything else is
 * as at a listener: name, admission, lookup, match (core/server/identify.ts), under the same limits.
 */
import type { ClaimSource } from '../dane/claims.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { noIdentityReasons, type NoIdentityReason, type PeerCredentials } from '../dane/types.ts';
import { checkSubjectPublicKeyInfo } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { identify, type ProofMeans } from '../server/identify.ts';
import type { ConnectionLimits } from '../server/limits.ts';
import { Places } from '../server/places.ts';
import { readCertificate } from '../tls/shown-credentials.ts';

/**
 * What was handed on. A name that is given is the only one that is tried, as the name in the extension dane_clientid is;
 * without it, the dNSNames of the certificate are, those of them that the access list knows.
 */
export type HandedOn =
  | {
      /** DER of the client's own certificate. */
      readonly certificate: Buffer;
      /** DER of the others that the client sent, in its order; only usages with a path need them. */
      readonly chain?: readonly Buffer[];
      /** The octets that the client sent, or text. */
      readonly name?: Buffer | string;
      readonly publicKey?: undefined;
    }
  | {
      /** DER SubjectPublicKeyInfo: a raw public key (RFC 7250). */
      readonly publicKey: Buffer;
      readonly name: Buffer | string;
      readonly certificate?: undefined;
    };

/** Reasons that a listener does not know, besides those of `noIdentityReasons`. */
export const handedOnReasons = {
  'not-from-proxy': 'it does not come from the address of a named proxy, and what it says counts for nothing',
  'bad-header': 'the header is malformed, or says what cannot be',
  'proxy-itself': 'the proxy speaks for itself, as in a health check, and for no client',
  gone: 'the connection ended before the client was identified',
  timeout: 'header and proof were not finished within handshake-time',
  busy: 'as many proofs are under way as handshakes are allowed',
} as const;
export type HandedOnReason = keyof typeof handedOnReasons | NoIdentityReason;

/** The client, or why it is not known. */
export type ProofResult =
  | { readonly identity: ClientIdentity; readonly source: ClaimSource; readonly reason?: undefined }
  | NotProved;

export interface NotProved {
  readonly identity?: undefined;
  readonly reason: HandedOnReason;
  /** What the reason means. */
  readonly why: string;
  /** What is special about this case, for the log; may be empty, and may quote the client. */
  readonly detail: string;
}

/** A "no". */
export function notProved(reason: HandedOnReason, detail = ''): NotProved {
  const why = reason in noIdentityReasons ? noIdentityReasons[reason as NoIdentityReason] : '';
  return { reason, why: why || handedOnReasons[reason as keyof typeof handedOnReasons], detail };
}

/** What a client showed, from what was handed on. Throws CertificateFormatError. */
function credentialsOf(handed: HandedOn): PeerCredentials {
  if (handed.publicKey !== undefined) {
    checkSubjectPublicKeyInfo(handed.publicKey);
    return { subjectPublicKeyInfo: handed.publicKey, dnsNames: [], chain: [] };
  }
  const { certificate, chain = [] } = handed;
  // How much of the chain is looked at, core/dane bounds.
  return { ...readCertificate(certificate), chain };
}

export class Prover {
  readonly means: ProofMeans;
  readonly #limits: ConnectionLimits;
  readonly #places = new Places();
  readonly #onDefect: (error: unknown) => void;

  constructor(means: ProofMeans, limits: ConnectionLimits, onDefect: (error: unknown) => void) {
    this.means = means;
    this.#limits = limits;
    this.#onDefect = onDefect;
  }

  get limits(): ConnectionLimits {
    return this.#limits;
  }

  /**
   * Does work that ends in a proof, under the bounds of a handshake: one place, one deadline. The place is held until the work
   * has really ended, so that nobody who does not wait has any number of lookups under way.
   */
  async bounded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | NotProved> {
    const all = this.#limits.handshakes;
    if (!this.#places.take('', all, all)) return notProved('busy');
    const abort = new AbortController();
    const { promise: late, resolve } = Promise.withResolvers<NotProved>();
    const timer = setTimeout(() => {
      // Given a reason, it does not make an error with a stack.
      abort.abort('handshake-time');
      resolve(notProved('timeout'));
    }, this.#limits['handshake-time']);
    const working = work(abort.signal);
    const done = working.finally(() => {
      clearTimeout(timer);
      this.#places.free('');
    });
    // Nobody may be left who hears of it.
    done.catch((error: unknown) => {
      if (abort.signal.aborted) this.#onDefect(error);
    });
    return Promise.race([done, late]);
  }

  /** Who it is; to be called within `bounded`. */
  async identify(handed: HandedOn, peer: PeerCredentials, signal: AbortSignal): Promise<ProofResult> {
    const { name } = handed;
    // UTF-8, so that a character that is not ASCII is refused as octets that are not.
    const clientId = typeof name === 'string' ? Buffer.from(name, 'utf8') : name;
    const verdict = await identify({ credentials: peer, clientId }, this.means, {
      // The first that is there counts, and no other is tried.
      claims: ['extension', 'certificate-name'],
      dialect: 'draft-13',
      longestProofMs: this.#limits['proof-time'],
      signal,
    });
    if (verdict.identity && verdict.source !== undefined) {
      return { identity: verdict.identity, source: verdict.source };
    }
    if (verdict.identity) throw new TypeError('an identity without a claim');
    const { reason, detail, claims } = verdict;
    if (reason === 'no-claim')
      return notProved(reason, 'there is no dNSName in the certificate, and no name');
    return notProved(reason, detail || claims);
  }

  /** Proves what was handed on. Rejects for defects of ours only. */
  async prove(handed: HandedOn): Promise<ProofResult> {
    const peer = readCredentials(handed);
    if ('reason' in peer) return peer;
    return this.bounded((signal) => this.identify(handed, peer, signal));
  }
}

/** The credentials, or the "no" for those that cannot be read. */
export function readCredentials(handed: HandedOn): PeerCredentials | NotProved {
  try {
    return credentialsOf(handed);
  } catch (error) {
    if (error instanceof CertificateFormatError) return notProved('bad-certificate', error.message);
    throw error;
  }
}
