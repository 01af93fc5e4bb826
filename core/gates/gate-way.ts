/**
 * One way to a gate: a link to one address, and how it has done lately. A way that has been slow or has failed is asked again
 * in the background first, and for somebody only when it has answered, or when there is no better one.
 */
import { NoAnswerError } from '../client/reasons.ts';
import type { ServerLink } from '../client/server-link.ts';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';

/** What a way needs of a link. */
export type GateLink = Pick<ServerLink, 'ask' | 'state' | 'reset' | 'close'>;

/** How good a way is to be asked, the best first. */
export const Standing = {
  /** It works, or nothing is known against it. */
  GOOD: 0,
  /** It was slow or failed, and may be tried. */
  DOUBTFUL: 1,
  /** It failed, and is left alone for a while: asking it says at once why. */
  RESTING: 2,
} as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

export class GateWay {
  readonly at: Endpoint;
  readonly text: string;
  readonly #link: GateLink;
  readonly #nowMs: () => number;
  #isSlow = false;
  #isProbed = false;
  #hasAnswered = false;

  constructor(at: Endpoint, link: GateLink, nowMs: () => number) {
    this.at = at;
    this.text = formatEndpoint(at);
    this.#link = link;
    this.#nowMs = nowMs;
  }

  get standing(): Standing {
    const { state } = this;
    if (state.kind === 'down') return state.nextMs > this.#nowMs() ? Standing.RESTING : Standing.DOUBTFUL;
    return this.#isSlow ? Standing.DOUBTFUL : Standing.GOOD;
  }

  get state(): ServerLink['state'] {
    return this.#link.state;
  }

  /** Whether the last that was asked of it had an answer. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  get connections(): number {
    const { state } = this;
    return state.kind === 'up' ? state.connections : 0;
  }

  /** Sends the query and gives the answer. Rejects with NoAnswerError. */
  async ask(query: Buffer): Promise<Buffer> {
    try {
      const answer = await this.#link.ask(query);
      this.#isSlow = false;
      this.#hasAnswered = true;
      return answer;
    } catch (error) {
      // Many at once say nothing about the gate; nor does a reset, after which it is asked once more.
      if (!(error instanceof NoAnswerError) || !blameless.has(error.reason)) this.#hasAnswered = false;
      throw error;
    }
  }

  /** Somebody has waited so long for it that another way was taken. */
  noteSlow(): void {
    this.#isSlow = true;
  }

  /** Asks in the background, unless that is done already; an answer makes the way a good one. */
  probe(query: Buffer): void {
    if (this.#isProbed) return;
    this.#isProbed = true;
    this.ask(query)
      .catch(() => undefined)
      .finally(() => {
        this.#isProbed = false;
      });
  }

  reset(why: string): void {
    this.#isSlow = false;
    this.#link.reset(why);
  }

  close(): void {
    this.#link.close();
  }
}

const blameless: ReadonlySet<string> = new Set(['too-many-requests', 'given-up', 'closed']);
