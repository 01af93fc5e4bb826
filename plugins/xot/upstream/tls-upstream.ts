/**
 * A server by XoT (RFC 9103): TLS 1.3 with ALPN `dot`, to a server that has proved its name before anything is sent (strict
 * profile), and with our certificate where it asks for one. Its connections are kept and used for queries and transfers of all
 * zones (sections 6.3.1 and 6.3.2).
 *
 * Limitations: no TSIG inside of TLS; requests are not padded.
 */
import { DnsFormatError, NoAnswerError, type ServerLink } from '../../../core/index.ts';
import { isAnswerTo } from './answers.ts';
import { UpstreamError, type Upstream, type UpstreamStream } from './upstream.ts';

/** What is needed of a link: that of `host.connect`. */
export type UpstreamLink = Pick<ServerLink, 'ask' | 'askStream' | 'close'>;

export class TlsUpstream implements Upstream {
  readonly label: string;
  readonly #link: UpstreamLink;
  #underWay = 0;
  #isClosed = false;

  /** The link is closed with it. */
  constructor(label: string, link: UpstreamLink) {
    this.label = label;
    this.#link = link;
  }

  async ask(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    this.#begin();
    try {
      const answer = await this.#link.ask(message, signal);
      if (isAnswerTo(answer, message)) return answer;
      throw new UpstreamError('unusable', `the ${this.label} sent an answer to another question`);
    } catch (error) {
      signal.throwIfAborted();
      throw asUpstreamError(this.label, error);
    } finally {
      this.#end();
    }
  }

  transfer(query: Buffer, signal: AbortSignal): UpstreamStream {
    return new TlsTransfer(this.label, this.#link, query, signal, {
      begin: () => {
        this.#begin();
      },
      end: () => {
        this.#end();
      },
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#underWay === 0) this.#link.close();
  }

  #begin(): void {
    if (this.#isClosed && this.#underWay === 0)
      throw new UpstreamError('broken', `the ${this.label} is not asked any more`);
    this.#underWay += 1;
  }

  #end(): void {
    this.#underWay -= 1;
    if (this.#isClosed && this.#underWay === 0) this.#link.close();
  }
}

class TlsTransfer implements UpstreamStream {
  readonly framed = undefined;
  readonly #label: string;
  readonly #link: UpstreamLink;
  readonly #query: Buffer;
  readonly #signal: AbortSignal;
  readonly #count: { readonly begin: () => void; readonly end: () => void };
  #isFinished = false;

  constructor(
    label: string,
    link: UpstreamLink,
    query: Buffer,
    signal: AbortSignal,
    count: { readonly begin: () => void; readonly end: () => void },
  ) {
    this.#label = label;
    this.#link = link;
    this.#query = query;
    this.#signal = signal;
    this.#count = count;
  }

  finish(): void {
    this.#isFinished = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Buffer[], void, undefined> {
    this.#signal.throwIfAborted();
    this.#count.begin();
    try {
      for (let isSecond = false; ; isSecond = true) {
        let isBegun = false;
        try {
          const stream = await this.#link.askStream(this.#query, this.#signal);
          for await (const message of stream) {
            isBegun = true;
            try {
              yield [message];
            } finally {
              if (this.#isFinished) stream.finish();
            }
            if (this.#isFinished) return;
          }
          return;
        } catch (error) {
          this.#signal.throwIfAborted();
          // RFC 7766 section 6.2.4: the server may have closed what it took for idle; once more, on a new connection.
          const isLost = error instanceof NoAnswerError && error.reason === 'connection-lost';
          if (!isLost || isBegun || isSecond) throw asUpstreamError(this.#label, error);
        }
      }
    } finally {
      this.#count.end();
    }
  }
}

function asUpstreamError(label: string, error: unknown): unknown {
  if (error instanceof NoAnswerError) return new UpstreamError(error.kind, error.message, false, error);
  if (error instanceof DnsFormatError) {
    const words = `the answer of the ${label} is malformed: ${error.message}`;
    return new UpstreamError('unusable', words, false, error);
  }
  return error;
}
