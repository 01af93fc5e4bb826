/** A link to a gate that does what a test says, with the states of a real one. */
import { NoAnswerError, type NoAnswerReason } from '../../core/client/reasons.ts';
import type { LinkState } from '../../core/client/server-link.ts';
import { encodeMessage, makeResponse, parseMessage, type Message } from '../../core/dns/message.ts';
import type { GateLink } from '../../core/gates/gate-way.ts';

export type Behaviour =
  | { readonly kind: 'answers'; readonly with?: (query: Message) => Message }
  /** Until the test says something else by `settle`. */
  | { readonly kind: 'waits' }
  | { readonly kind: 'fails'; readonly reason: NoAnswerReason; readonly nextMs?: number };

export class ScriptedLink implements GateLink {
  behaviour: Behaviour = { kind: 'answers' };
  state: LinkState = { kind: 'idle' };
  readonly heard: Buffer[] = [];
  readonly resets: string[] = [];
  isClosed = false;
  readonly who: string;
  #settle: (() => void)[] = [];

  constructor(who: string) {
    this.who = who;
  }

  async ask(query: Buffer): Promise<Buffer> {
    this.heard.push(query);
    if (this.behaviour.kind === 'waits') {
      await new Promise<void>((resolve) => {
        this.#settle.push(resolve);
      });
    }
    const { behaviour } = this;
    if (behaviour.kind === 'fails') {
      if (behaviour.nextMs !== undefined) {
        this.state = { kind: 'down', reason: behaviour.reason, detail: '', nextMs: behaviour.nextMs };
      }
      throw new NoAnswerError(this.who, behaviour.reason, '');
    }
    this.state = { kind: 'up', proof: 'DANE-EE', connections: 1 };
    const message = parseMessage(query);
    const make =
      (behaviour.kind === 'answers' ? behaviour.with : undefined) ??
      ((one) => makeResponse(one, { ra: true }));
    return encodeMessage(make(message));
  }

  /** What waited goes on, by the behaviour of now. */
  settle(): void {
    for (const go of this.#settle.splice(0)) go();
  }

  reset(why: string): void {
    this.resets.push(why);
    this.state = { kind: 'idle' };
  }

  close(): void {
    this.isClosed = true;
  }
}
