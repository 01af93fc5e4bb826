/** A server upstream that answers as the test says. */
import { RrType } from '../../../../core/dns/constants.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import {
  UpstreamError,
  type Upstream,
  type UpstreamStream,
} from '../../../../plugins/xot/upstream/upstream.ts';
import { address, answer, soa } from '../messages.ts';

/** Gives the messages that answer a query, or throws. */
export type Script = (query: Message) => readonly Buffer[] | Promise<readonly Buffer[]>;

export class ScriptedGate implements Upstream {
  readonly label: string;
  script: Script;
  asked = 0;
  finished = 0;
  closed = 0;

  constructor(label: string, script: Script = serving(1)) {
    this.label = label;
    this.script = script;
  }

  async ask(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    this.asked++;
    const [first] = await this.script(parseMessage(message));
    signal.throwIfAborted();
    if (first === undefined) throw new Error('the script has no answer');
    return first;
  }

  transfer(query: Buffer, signal: AbortSignal): UpstreamStream {
    return new ScriptedTransfer(this, parseMessage(query), signal);
  }

  close(): void {
    this.closed++;
  }
}

class ScriptedTransfer implements UpstreamStream {
  readonly framed = undefined;
  readonly #gate: ScriptedGate;
  readonly #query: Message;
  readonly #signal: AbortSignal;

  constructor(gate: ScriptedGate, query: Message, signal: AbortSignal) {
    this.#gate = gate;
    this.#query = query;
    this.#signal = signal;
  }

  finish(): void {
    this.#gate.finished++;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Buffer[], void, undefined> {
    this.#gate.asked++;
    for (const message of await this.#gate.script(this.#query)) {
      this.#signal.throwIfAborted();
      yield [message];
    }
  }
}

/** A zone of this serial with one address. */
export function serving(serial: number): Script {
  return (query) => {
    const [question] = query.questions;
    if (question?.type === RrType.SOA) return [answer(query, [soa(serial)])];
    return [answer(query, [soa(serial), address('a')]), answer(query, [soa(serial)])];
  };
}

export function refusing(rcode: number): Script {
  return (query) => [answer(query, [], { rcode })];
}

export const unreachable: Script = () => {
  throw new UpstreamError('unreachable', 'the server is not proved');
};

/** Breaks after the first message. */
export const breaking: Script = (query) => {
  const [first] = serving(1)(query) as readonly Buffer[];
  const messages = [first!];
  return Object.assign(messages, {
    [Symbol.iterator]: function* () {
      yield first!;
      throw new UpstreamError('broken', 'the connection broke');
    },
  });
};
