/** The gate of a plugin whose requests are answered by one message each: its listener, and what all of its connections share. */
import { randomInt } from 'node:crypto';
import { nextScopeOfOne } from '../answer/answers.ts';
import { QueryReader } from '../answer/query-reader.ts';
import { ReplyPlan } from '../answer/reply.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import type { LogFields } from '../observe/log.ts';
import type { Gate, GateOptions, ListenerTls, PluginHost, Readiness } from '../plugin/contract.ts';
import type { AnswerMeans, AnswerRules } from './means.ts';
import { AnswerSession } from './session.ts';

const seeds = 2 ** 31;

export class AnswerGate implements AnswerMeans {
  readonly reader = new QueryReader(randomInt(seeds));
  readonly plan = new ReplyPlan();
  readonly nowMs: () => number;
  readonly rules: AnswerRules;
  readonly #name: string;
  readonly #host: PluginHost;
  readonly #listener: Gate;
  #lastOfOne = 0;
  #isOpen = false;

  /** `name` is that of the plugin. */
  constructor(name: string, host: PluginHost, options: GateOptions, rules: AnswerRules) {
    this.nowMs = host.nowMs;
    this.rules = rules;
    this.#name = name;
    this.#host = host;
    this.#listener = host.answer(options, (connection) => {
      // Who comes while there is too little time waits for his turn before anything of his is read.
      rules.noteRequest?.(connection, undefined);
      return new AnswerSession(connection, this);
    });
  }

  /** Rejects with words for the operator if it cannot listen; `about` is what the log says besides where it does. */
  async open(about: LogFields): Promise<void> {
    const listening = await this.#listener.open();
    this.#isOpen = true;
    this.#host.log.info('listening', { addresses: listening.map(formatEndpoint).join(' '), ...about });
  }

  ready(): Readiness {
    return { ready: this.#isOpen, waitingFor: this.#isOpen ? [] : [`${this.#name}: listening`] };
  }

  /** For connections that are to come. Throws where the TLS addon is missed, and then nothing changes. */
  setTls(tls: ListenerTls): void {
    this.#listener.setTls(tls);
  }

  setLimits(limits: GateOptions['limits']): void {
    this.#listener.setLimits(limits);
  }

  close(deadlineMs: number): Promise<void> {
    this.#isOpen = false;
    return this.#listener.close(deadlineMs);
  }

  scopeOfOne(): number {
    this.#lastOfOne = nextScopeOfOne(this.#lastOfOne);
    return this.#lastOfOne;
  }

  onDefect(error: unknown): void {
    this.#host.log.error('defect', { doing: 'decision', error });
  }
}
