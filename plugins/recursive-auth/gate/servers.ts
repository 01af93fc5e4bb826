/**
 * The authoritative servers behind the gate, and who of those who want something from them goes first: each question waits in
 * the queue of its class until the servers have time for it (core/fair), or is given up.
 */
import {
  Dispatcher,
  FairEntry,
  type FairLimits,
  type Forwarder,
  type Question,
  type ShedReason,
  type SourceFailure,
  type SourceOutcome,
} from '../../../core/index.ts';
import type { MemberClass } from './member-class.ts';

export interface ServersOptions {
  readonly forwarder: Pick<Forwarder, 'ask' | 'close'>;
  readonly limits: () => FairLimits;
  /** Questions a second at the most; undefined: as many as they answer. */
  readonly rate: () => number | undefined;
  /** Milliseconds of a clock that nobody sets. */
  readonly nowMs: () => number;
  readonly onShed: (of: MemberClass, why: ShedReason) => void;
}

/** Nobody was asked, since there was no time for it. */
export const shedFailure: SourceFailure = {
  failure: 'the servers have no time for this question',
  isTimeout: false,
  kind: 'other',
  isOfAsker: true,
};

export class Servers {
  readonly #forwarder: ServersOptions['forwarder'];
  readonly #dispatcher: Dispatcher;
  readonly #onShed: ServersOptions['onShed'];

  constructor({ forwarder, limits, rate, nowMs, onShed }: ServersOptions) {
    this.#forwarder = forwarder;
    this.#onShed = onShed;
    this.#dispatcher = new Dispatcher({ limits, rate, nowMs });
  }

  get waiting(): number {
    return this.#dispatcher.waiting;
  }

  get underWay(): number {
    return this.#dispatcher.underWay;
  }

  /** Asks when it is its turn. `end` is called once, now or later, unless what is given back is called before. */
  ask(
    question: Question,
    of: MemberClass,
    member: string,
    end: (outcome: SourceOutcome) => void,
  ): () => void {
    const turn = new Turn(of, member, {
      class: of,
      question,
      end,
      forwarder: this.#forwarder,
      dispatcher: this.#dispatcher,
      onShed: this.#onShed,
    });
    this.#dispatcher.add(turn);
    return () => {
      turn.giveUp();
    };
  }

  close(): void {
    this.#dispatcher.close();
    this.#forwarder.close();
  }
}

interface TurnParts {
  readonly class: MemberClass;
  readonly question: Question;
  readonly end: (outcome: SourceOutcome) => void;
  readonly forwarder: ServersOptions['forwarder'];
  readonly dispatcher: Dispatcher;
  readonly onShed: ServersOptions['onShed'];
}

/** One question in the queue, and then at the servers. */
class Turn extends FairEntry {
  readonly #parts: TurnParts;
  #giveUp: (() => void) | undefined;
  #isOver = false;

  constructor(of: MemberClass, member: string, parts: TurnParts) {
    super(of, member);
    this.#parts = parts;
  }

  override begin(): void {
    const { question, forwarder } = this.#parts;
    this.#giveUp = forwarder.ask(
      question.octets,
      (outcome) => {
        this.#leave(Buffer.isBuffer(outcome));
        this.#parts.end(outcome);
      },
      question.client,
    );
  }

  override shed(why: ShedReason): void {
    this.#isOver = true;
    this.#parts.onShed(this.#parts.class, why);
    this.#parts.end(shedFailure);
  }

  giveUp(): void {
    if (this.#isOver) return;
    if (this.#giveUp === undefined) {
      this.#isOver = true;
      this.#parts.dispatcher.remove(this);
      return;
    }
    this.#giveUp();
    this.#leave(true);
  }

  /** What was given up says nothing of the servers. */
  #leave(wasAnswered: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.dispatcher.ended(this, wasAnswered);
  }
}
