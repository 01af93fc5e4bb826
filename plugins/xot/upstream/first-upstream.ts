/**
 * Servers that have the same zones, as one: the first that answers. A server that fails is passed over for a while, unless all
 * have failed.
 *
 * Limitations: a transfer that has begun is not gone on with at another server; who wants the zone asks again. An answer that says
 * no is an answer.
 */
import { failureOfAll } from '../../../core/index.ts';
import { UpstreamError, type Upstream, type UpstreamStream } from './upstream.ts';

/** Milliseconds for which a server that failed is asked last. */
const restMs = 10_000;

export class FirstUpstream implements Upstream {
  readonly label: string;
  readonly #upstreams: readonly Upstream[];
  readonly #nowMs: () => number;
  readonly #failedMs = new Map<Upstream, number>();

  /** At least one, the one that is preferred first; they are closed with it. */
  constructor(upstreams: readonly Upstream[], nowMs: () => number) {
    if (upstreams.length === 0) throw new RangeError('there is no server');
    this.#upstreams = upstreams;
    this.#nowMs = nowMs;
    this.label = upstreams.map(({ label }) => label).join(', then ');
  }

  async ask(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    const failures: UpstreamError[] = [];
    for (const upstream of this.#order()) {
      try {
        const answer = await upstream.ask(message, signal);
        this.#failedMs.delete(upstream);
        return answer;
      } catch (error) {
        failures.push(this.#noteFailure(upstream, error));
      }
    }
    throw together(failures);
  }

  transfer(query: Buffer, signal: AbortSignal): UpstreamStream {
    const order = this.#order();
    return new FirstTransfer(order, query, signal, {
      failed: (upstream, error) => this.#noteFailure(upstream, error),
      answered: (upstream) => this.#failedMs.delete(upstream),
    });
  }

  close(): void {
    for (const upstream of this.#upstreams) upstream.close();
  }

  /** Those that failed a moment ago come last. */
  #order(): readonly Upstream[] {
    const nowMs = this.#nowMs();
    const isResting = (upstream: Upstream): boolean =>
      Math.abs(nowMs - (this.#failedMs.get(upstream) ?? -Infinity)) < restMs;
    return [
      ...this.#upstreams.filter((upstream) => !isResting(upstream)),
      ...this.#upstreams.filter(isResting),
    ];
  }

  /** Throws the error again if it is not the server's. */
  #noteFailure(upstream: Upstream, error: unknown): UpstreamError {
    if (!(error instanceof UpstreamError)) throw error;
    this.#failedMs.set(upstream, this.#nowMs());
    return error;
  }
}

interface Notes {
  readonly failed: (upstream: Upstream, error: unknown) => UpstreamError;
  readonly answered: (upstream: Upstream) => void;
}

class FirstTransfer implements UpstreamStream {
  readonly #order: readonly Upstream[];
  readonly #query: Buffer;
  readonly #signal: AbortSignal;
  readonly #notes: Notes;
  #stream: UpstreamStream | undefined;

  constructor(order: readonly Upstream[], query: Buffer, signal: AbortSignal, notes: Notes) {
    this.#order = order;
    this.#query = query;
    this.#signal = signal;
    this.#notes = notes;
  }

  get framed(): Buffer | undefined {
    return this.#stream?.framed;
  }

  finish(): void {
    this.#stream?.finish();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Buffer[], void, undefined> {
    const failures: UpstreamError[] = [];
    for (const upstream of this.#order) {
      let isBegun = false;
      this.#stream = upstream.transfer(this.#query, this.#signal);
      try {
        for await (const messages of this.#stream) {
          if (!isBegun) this.#notes.answered(upstream);
          isBegun = true;
          yield messages;
        }
        return;
      } catch (error) {
        const failure = this.#notes.failed(upstream, error);
        if (isBegun) throw failure;
        failures.push(failure);
      }
    }
    throw together(failures);
  }
}

/** Why none of them has answered. */
function together(failures: readonly UpstreamError[]): UpstreamError {
  const [first, ...others] = failures;
  if (first === undefined) throw new RangeError('there is no server');
  if (others.length === 0) return first;
  const words = failures.map(({ message }) => message).join('; ');
  return new UpstreamError(failureOfAll(failures.map(({ kind }) => kind)), words, false, first);
}
