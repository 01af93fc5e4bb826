/** The feed of decisions in the parent: what the workers tell, for whoever watches; and they are told whether anybody does. */
import { Feed, type FeedListener } from '../../core/observe/feed.ts';

export class RelayFeed extends Feed {
  readonly #onWatch: (isWatched: boolean) => void;
  #wasWatched = false;

  /** @param onWatch called when the first begins to watch, and when the last has ended */
  constructor(nowMs: () => number, onWatch: (isWatched: boolean) => void) {
    super(nowMs);
    this.#onWatch = onWatch;
  }

  override watch(listener: FeedListener): () => void {
    const end = super.watch(listener);
    this.#tell();
    return () => {
      end();
      this.#tell();
    };
  }

  #tell(): void {
    if (this.isWatched === this.#wasWatched) return;
    this.#wasWatched = this.isWatched;
    this.#onWatch(this.#wasWatched);
  }
}
