/** One gate as a source of versions to keep, which notes how the gate has done. */
import type { Name, Store, ZoneVersion } from '../../../core/index.ts';
import type { CacheLimits } from '../cache/limits.ts';
import { ServerSource } from '../cache/server-source.ts';
import type { CheckedSoa, Fetched, ZoneSource } from '../cache/source.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { GateWay } from './gate-way.ts';

export class WaySource implements ZoneSource {
  readonly #way: GateWay;
  readonly #source: ServerSource;

  constructor(way: GateWay, limits: () => CacheLimits) {
    this.#way = way;
    this.#source = new ServerSource(way.upstream, limits);
  }

  get label(): string {
    return this.#source.label;
  }

  check(zone: Name, signal: AbortSignal): Promise<CheckedSoa> {
    return this.#noted(signal, this.#source.check(zone, signal));
  }

  fetch(zone: Name, have: ZoneVersion | undefined, store: Store, signal: AbortSignal): Promise<Fetched> {
    return this.#noted(signal, this.#source.fetch(zone, have, store, signal));
  }

  async #noted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
    try {
      const got = await answer;
      this.#way.noteGood();
      return got;
    } catch (error) {
      if (error instanceof UpstreamError && !signal.aborted) this.#way.noteFailure(error.words);
      throw error;
    }
  }
}
