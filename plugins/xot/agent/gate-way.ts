/**
 * One gate, and how it has done lately. One that has failed is asked again in the background, every now and then, until it
 * answers.
 */
import { encodeMessage, makeQuery, RrType, type Log, type Name } from '../../../core/index.ts';
import { UpstreamError, type Upstream } from '../upstream/upstream.ts';
import type { GateText } from './gate-text.ts';

export interface GateWayOptions {
  readonly gate: GateText;
  /** Closed with it. */
  readonly upstream: Upstream;
  /** Milliseconds between two looks at a gate that has failed. */
  readonly checkMs: number;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

export class GateWay {
  readonly text: string;
  readonly upstream: Upstream;
  readonly #options: GateWayOptions;
  readonly #ends = new AbortController();
  #problem: string | undefined;
  #isKnown = false;
  #isChecking = false;
  #checkedMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GateWayOptions) {
    this.text = options.gate.text;
    this.upstream = options.upstream;
    this.#options = options;
  }

  /** Why it cannot be asked, in words; undefined if the last that was asked of it had an answer, or nothing was. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the last that was asked of it had an answer. */
  get isGood(): boolean {
    return this.#isKnown && this.#problem === undefined;
  }

  noteGood(): void {
    const { log } = this.#options;
    if (this.#problem !== undefined) log.info('gate answers again', { server: this.text });
    this.#isKnown = true;
    this.#problem = undefined;
  }

  noteFailure(words: string): void {
    const { log } = this.#options;
    if (this.#problem === undefined) log.warn('gate cannot be asked', { server: this.text, reason: words });
    this.#isKnown = true;
    this.#problem = words;
  }

  /** Asks it for the zone now, and again and again as long as it does not answer. */
  watch(zone: Name): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      if (!this.isGood) void this.#check(zone);
    }, this.#options.checkMs).unref();
    if (!this.#isKnown) void this.#check(zone);
  }

  /** If it has failed, and nobody has looked for a while: looks, in the background. */
  checkAgain(zone: Name): void {
    const { checkMs, nowMs } = this.#options;
    if (this.#problem !== undefined && Math.abs(nowMs() - this.#checkedMs) >= checkMs) void this.#check(zone);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#ends.abort();
    this.upstream.close();
  }

  #isClosed(): boolean {
    return this.#ends.signal.aborted;
  }

  /** Any answer will do. Never rejects. */
  async #check(zone: Name): Promise<void> {
    if (this.#isChecking || this.#ends.signal.aborted) return;
    const { log, nowMs } = this.#options;
    this.#isChecking = true;
    this.#checkedMs = nowMs();
    try {
      await this.upstream.ask(
        encodeMessage(makeQuery({ id: 0, name: zone, type: RrType.SOA })),
        this.#ends.signal,
      );
      this.noteGood();
    } catch (error) {
      if (this.#isClosed()) return;
      if (error instanceof UpstreamError) this.noteFailure(error.words);
      else log.error('defect', { doing: 'look at a gate', error });
    } finally {
      this.#isChecking = false;
    }
  }
}
