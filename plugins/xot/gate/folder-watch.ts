/** Looks at a folder of zone files again and again, and tells the cache what there is and what has changed. */
import type { Log, Name } from '../../../core/index.ts';
import type { FileSource } from '../zone-files/source.ts';

export interface FolderWatchOptions {
  readonly source: Pick<FileSource, 'look'>;
  readonly everyMs: () => number;
  readonly log: Log;
  /** All zones that there are, and those that are to be read again. */
  readonly onLooked: (zones: readonly Name[], changed: readonly Name[]) => void;
}

export class FolderWatch {
  readonly #options: FolderWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #problem = '';
  #isClosed = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /** Looks now, or waits for the look that is under way. Never rejects. */
  look(): Promise<void> {
    clearTimeout(this.#timer);
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => void this.look(), this.#options.everyMs()).unref();
    });
    return this.#looking;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { source, log, onLooked } = this.#options;
    try {
      const { zones, changed } = await source.look();
      this.#problem = '';
      if (!this.#isClosed) onLooked(zones, changed);
    } catch (error) {
      // All zones stay as they are: an empty mount must not take them away.
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem)
        log.error('zone files not read', { problem, effect: 'zones stay as they are' });
      this.#problem = problem;
    }
  }
}
