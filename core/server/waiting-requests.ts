/**
 * Requests of one connection that were read and not begun, first come, first served. A chunk with thousands of them is
 * kept as it is: nothing is allocated for each.
 *
 * Limitations: a chunk is kept until its last request is taken; no more than one is read while any wait.
 */
export class WaitingRequests {
  #octets: Buffer[] = [];
  #bounds: number[] = [];
  #first = 0;

  get count(): number {
    return this.#octets.length - this.#first;
  }

  /** The octets must stay as they are until the request is taken. */
  add(octets: Buffer, start: number, end: number): void {
    this.#octets.push(octets);
    this.#bounds.push(start, end);
  }

  /** Gives the first to `begin`, and forgets it. Nothing if there is none. */
  take(begin: (octets: Buffer, start: number, end: number) => void): void {
    const first = this.#first;
    const octets = this.#octets[first];
    if (octets === undefined) return;
    const start = this.#bounds[2 * first] ?? 0;
    const end = this.#bounds[2 * first + 1] ?? 0;
    this.#first += 1;
    if (this.count === 0) this.clear();
    begin(octets, start, end);
  }

  clear(): void {
    this.#octets = [];
    this.#bounds = [];
    this.#first = 0;
  }
}
