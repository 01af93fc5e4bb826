/** Ways of zones that a test sets up. */
import { parseMessage, encodeMessage, makeResponse, type Message } from '../../../../core/dns/message.ts';
import { GatesError } from '../../../../core/gates/race.ts';
import type { ZoneWay } from '../../../../plugins/recursive-auth/agent/zone-way.ts';

/** Never answers, and is not asked. */
export const silentWay: ZoneWay = {
  ask: () => Promise.reject(new Error('nobody is to ask here')),
  reset: () => undefined,
  close: () => undefined,
};

/** Answers as a test says. */
export class ScriptedWay implements ZoneWay {
  readonly heard: { readonly message: Message; readonly octets: Buffer; readonly timeMs: number }[] = [];
  answer: (query: Message) => Message | Buffer | GatesError = (query) => makeResponse(query, {});
  /** Answers wait for it. */
  hold: Promise<void> = Promise.resolve();

  async ask(octets: Buffer, timeMs: number): Promise<Buffer> {
    const message = parseMessage(octets);
    this.heard.push({ message, octets, timeMs });
    await this.hold;
    const answer = this.answer(message);
    if (answer instanceof GatesError) throw answer;
    return Buffer.isBuffer(answer) ? answer : encodeMessage(answer);
  }

  reset(): void {
    // Nothing is kept.
  }

  close(): void {
    // Nothing is open.
  }
}
