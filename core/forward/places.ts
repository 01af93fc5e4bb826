/**
 * Where the queries of a connection wait for their answers: a flat table. A query's ID is its place in it, mixed with a
 * number of the connection's own, so that no two under way have the same (RFC 7766 section 6.2.1) and an ID tells nothing of
 * how many there are.
 */
import { randomInt } from 'node:crypto';
import type { Carrier, Trip } from './trip.ts';

export class Places {
  /** Taken ones. */
  size = 0;
  readonly #salt = randomInt(0x1_0000);
  readonly #trips: (Trip | undefined)[] = [];
  readonly #free: number[] = [];

  take(trip: Trip): void {
    const place = this.#free.pop() ?? this.#trips.length;
    this.#trips[place] = trip;
    trip.place = place;
    this.size += 1;
  }

  idOf(trip: Trip): number {
    return trip.place ^ this.#salt;
  }

  /** Who waits for a message of this ID. */
  find(id: number): Trip | undefined {
    const place = id ^ this.#salt;
    return place < this.#trips.length ? this.#trips[place] : undefined;
  }

  free({ place }: Trip): void {
    this.#trips[place] = undefined;
    this.#free.push(place);
    this.size -= 1;
  }

  /** Those that are still with their carrier. */
  carriedBy(carrier: Carrier): Trip[] {
    return this.#trips.filter((trip) => trip?.carrier === carrier) as Trip[];
  }
}
