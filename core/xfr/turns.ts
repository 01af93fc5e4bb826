/**
 * Long work in slices: it says how much it did, and now and then others have their turn.
 */
import type { Pause } from './zone-version.ts';

/** Octets of work in a slice: well below 10 ms at the slowest, which is a short record expanded and looked up. */
const octetsPerTurn = 1 << 16;

export class Turns {
  readonly #pause: Pause;
  #octets = 0;

  constructor(pause: Pause) {
    this.#pause = pause;
  }

  /** After work on so many octets: what to await, if anything; it rejects as `Pause` does. */
  after(octets: number): Promise<void> | undefined {
    this.#octets += octets;
    if (this.#octets < octetsPerTurn) return undefined;
    this.#octets = 0;
    return this.#pause();
  }
}
