/**
 * How long a question keeps its place upstream while it is not answered. After that the place is given to another, because a
 * name without an answer says nothing about the server: kept, a handful of such names would fill a small window.
 *
 * As with the retransmission timer of TCP (RFC 6298) it is some latencies long, longer if answers do come but late, and doubles
 * while nothing comes at all, so that a server which is away is not sent one windowful after another.
 */

/** Before anything is known. */
const startMs = 1_000;
/** A pause of the server or of this process, such as a collection of garbage, is not silence. */
const leastMs = 50;
const mostMs = 5_000;
/** Of the middle latency. */
const latencies = 8;
/** So many late ones more than two windowfuls, with none in time between, are no exception. */
const manyLate = 16;
/** What an answer needs, beyond what the late one took. */
const lateMargin = 2;
/** A round in which most are answered in time takes it back by this part. */
const returnGain = 1 / 4;
const mostDoublings = 8;

export class Patience {
  #baseMs = startMs;
  #doublings = 0;
  #silentSinceAnswer = 0;
  #lateInARow = 0;
  #isKnown = false;

  get ms(): number {
    return this.#doublings === 0 ? this.#baseMs : Math.min(mostMs, this.#baseMs * 2 ** this.#doublings);
  }

  /** One was answered in time. */
  answered(tookMs: number): void {
    this.#doublings = 0;
    this.#silentSinceAnswer = 0;
    this.#lateInARow = 0;
    if (!this.#isKnown) this.learn(tookMs);
  }

  /** One had no answer in time; `window` is how many are sent at once. */
  silent(window: number): void {
    this.#silentSinceAnswer += 1;
    if (this.#silentSinceAnswer < window) return;
    this.#silentSinceAnswer = 0;
    this.#doublings = Math.min(mostDoublings, this.#doublings + 1);
  }

  /** An answer came after the place was given away. */
  late(tookMs: number, window: number): void {
    this.#doublings = 0;
    this.#silentSinceAnswer = 0;
    this.#lateInARow += 1;
    if (this.#lateInARow >= manyLate + 2 * window)
      this.#baseMs = Math.max(this.#baseMs, Math.min(mostMs, tookMs * lateMargin));
  }

  /** The middle latency of a round. */
  learn(latencyMs: number): void {
    const wantedMs = Math.min(mostMs, Math.max(leastMs, latencyMs * latencies));
    const gain = this.#isKnown && wantedMs < this.#baseMs ? returnGain : 1;
    this.#baseMs += (wantedMs - this.#baseMs) * gain;
    this.#isKnown = true;
  }
}
