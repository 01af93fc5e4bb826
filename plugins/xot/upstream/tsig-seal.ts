/** TSIG on messages to a primary that are answered by one each, and its errors as those of a server (RFC 8945). */
import { DnsFormatError, signQuery, TsigError, TsigVerifier, type TsigKey } from '../../../core/index.ts';
import type { Seal } from './primary-queries.ts';
import { UpstreamError } from './upstream.ts';

/** For one message and its answer. */
export class TsigSeal implements Seal {
  readonly #label: string;
  readonly #key: TsigKey;
  readonly #nowMs: () => number;
  #verifier: TsigVerifier | undefined;

  constructor(label: string, { key, nowMs }: { readonly key: TsigKey; readonly nowMs: () => number }) {
    this.#label = label;
    this.#key = key;
    this.#nowMs = nowMs;
  }

  close(message: Buffer): Buffer {
    const signed = signQuery(message, this.#key, Math.floor(this.#nowMs() / 1000));
    this.#verifier = new TsigVerifier(this.#key, signed.mac);
    return signed.message;
  }

  open(answer: Buffer): Buffer {
    return takenFor(this.#label, () => {
      const verifier = this.#verifier;
      if (verifier === undefined) throw new TsigError('missing', 'it answers what was not asked');
      return verifier.take(answer, this.#nowMs() / 1000);
    });
  }
}

/** What `take` gives; throws UpstreamError where it throws TsigError or DnsFormatError. */
export function takenFor<T>(label: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof TsigError) {
      // Whoever asked us cannot mend it: the primary and we do not agree on keys or on the time.
      const isRefusal = error.reason.startsWith('refused-by-server:');
      const words = `the answer of the ${label} is not taken (TSIG): ${error.message}`;
      throw new UpstreamError(
        isRefusal ? 'other' : 'unusable',
        isRefusal ? `the ${label} refuses (TSIG): ${error.message}` : words,
        false,
        error,
      );
    }
    if (error instanceof DnsFormatError) {
      const words = `the answer of the ${label} is malformed: ${error.message}`;
      throw new UpstreamError('unusable', words, false, error);
    }
    throw error;
  }
}
