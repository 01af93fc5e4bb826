/**
 * A round: so many questions that began since the window was last looked at, and what came of them.
 *
 * The figure of a round is the mean of the middle half of its latencies, so that a few slow names, or a few quick ones, do not
 * count; and a surcharge if more than a few had no answer.
 */

/** Latencies that are kept of a round; of a longer one every second, third… is kept. */
const mostKept = 128;
/** A round may have one unanswered question for nothing, and this part of all. */
const normalSilence = 0.01;
/** A round of so many is over after so long, milliseconds, where few are asked or answers take long. */
const shortRound = 16;
const longRoundMs = 500;
/** With fewer answers than this part nothing can be said about how long they take. */
const enoughAnswers = 0.25;

export class Round {
  readonly #kept = new Float64Array(mostKept);
  #keptCount = 0;
  #stride = 1;
  #need = 1;
  /** Counts only what began since. */
  #fromMs = -Infinity;
  #startMs = 0;
  #answered = 0;
  #silent = 0;
  #full = 0;
  #ended = 0;
  #peak = 0;
  #quickestMs = Infinity;
  #firstMs = 0;
  #lastMs = 0;
  #spreadMs = 0;

  /** Forgets all and begins anew, with as many questions, of those that begin from `fromMs` on. */
  begin(nowMs: number, length: number, fromMs = nowMs): void {
    this.#need = length;
    this.#startMs = nowMs;
    this.#stride = Math.ceil(this.#need / mostKept);
    this.#fromMs = fromMs;
    this.#keptCount = 0;
    this.#answered = 0;
    this.#silent = 0;
    this.#full = 0;
    this.#ended = 0;
    this.#peak = 0;
    this.#quickestMs = Infinity;
  }

  isOver(nowMs: number): boolean {
    if (this.#answered >= this.#need) return true;
    return this.#ended + this.#silent >= shortRound && nowMs - this.#startMs >= longRoundMs;
  }

  answered(beganMs: number, nowMs: number, underWay: number): void {
    if (beganMs < this.#fromMs) return;
    const tookMs = nowMs - beganMs;
    if (this.#answered === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    if (this.#answered % this.#stride === 0 && this.#keptCount < mostKept) {
      this.#kept[this.#keptCount] = tookMs;
      this.#keptCount += 1;
    }
    this.#answered += 1;
    if (tookMs < this.#quickestMs) this.#quickestMs = tookMs;
    if (underWay > this.#peak) this.#peak = underWay;
  }

  /** One has no answer, whenever it began: silence is noticed late. */
  silent(): void {
    this.#silent += 1;
  }

  /** A question was over; whether something waits only because the window is full. */
  noteEnded(isFull: boolean): void {
    this.#ended += 1;
    if (isFull) this.#full += 1;
  }

  /** How often something waited for the window when an answer came, from 0 to 1. */
  get fullness(): number {
    return this.#full / Math.max(1, this.#ended);
  }

  /** The most that were under way. */
  get peak(): number {
    return this.#peak;
  }

  /** The least of all latencies; Infinity if there were no answers. */
  get quickestMs(): number {
    return this.#quickestMs;
  }

  /** The middle latency; undefined if there were too few answers. */
  latencyMs(): number | undefined {
    if (this.#answered < 2 || this.#ended < (this.#ended + this.#silent) * enoughAnswers) return undefined;
    const kept = this.#kept.subarray(0, this.#keptCount).sort();
    const from = kept.length >> 2;
    const to = kept.length - from;
    this.#spreadMs = (kept[to - 1] ?? 0) - (kept[from] ?? 0);
    let sum = 0;
    for (let index = from; index < to; index += 1) sum += kept[index] ?? 0;
    return sum / (to - from);
  }

  /** From the first to the last of the middle half; known after `latencyMs`. */
  get spreadMs(): number {
    return this.#spreadMs;
  }

  /** Answers in a millisecond. */
  get perMs(): number {
    return (this.#answered - 1) / Math.max(1e-3, this.#lastMs - this.#firstMs);
  }

  /** What an answer costs, in questions: 1, or more if many had none. */
  get surcharge(): number {
    const beyond = this.#silent - 1 - normalSilence * (this.#ended + this.#silent);
    return 1 + Math.max(0, beyond) / Math.max(1, this.#ended);
  }
}
