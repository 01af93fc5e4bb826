/**
 * Makes the next version of a zone of what came from upstream: whole, or as steps that are applied to the version that is there. It is
 * checked before it is given. One zone's, one at a time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  applyDifferences,
  compareVersions,
  OwnerIndex,
  serialCompare,
  TransferFormatError,
  type Differences,
  type Log,
  type Name,
  type Store,
  type ZoneVersion,
} from '../../../core/index.ts';
import type { CacheLimits } from './limits.ts';
import type { Fetched, ZoneSource } from './source.ts';
import type { VersionCheck } from './version-check.ts';

export interface NextVersionMeans {
  readonly limits: () => Pick<CacheLimits, 'compare-records'>;
  readonly check: VersionCheck;
  readonly log: Log;
}

export interface NextVersion {
  readonly version: ZoneVersion;
  /** Those that lead to it from the version before; none if they are not known. */
  readonly steps: readonly Differences[];
  readonly form: 'whole' | 'incremental';
  readonly expireSeconds: number | undefined;
}

/** From so many records on an index is kept. */
const indexedRecords = 20_000;

type News = Exclude<Fetched, { form: 'up-to-date' }>;

export class NextVersions {
  readonly #name: Name;
  readonly #means: NextVersionMeans;
  /** Of the version that is there; made when there are differences first. */
  #index: OwnerIndex | undefined;

  constructor(name: Name, means: NextVersionMeans) {
    this.#name = name;
    this.#means = means;
  }

  forget(): void {
    this.#index = undefined;
  }

  /** The version that came, checked, and the steps that lead to it from the one before. */
  async make(
    source: ZoneSource,
    have: ZoneVersion | undefined,
    fetched: News,
    store: Store,
    signal: AbortSignal,
  ): Promise<NextVersion> {
    const { check, limits, log } = this.#means;
    if (fetched.form === 'incremental' && have !== undefined) {
      const applied = await this.#apply(have, fetched.steps, store);
      if (applied instanceof ZoneVersionGone) {
        log.warn('differences do not fit', {
          zone: this.#name.toString(),
          problem: applied.words,
          next: 'the whole zone is fetched',
        });
        const whole = await source.fetch(this.#name, undefined, store, signal);
        if (whole.form !== 'whole') throw new TransferFormatError('it gives no whole zone');
        return this.make(source, have, whole, store, signal);
      }
      await refuse(check, applied);
      const { steps, form, expireSeconds } = fetched;
      return { version: applied, steps, form, expireSeconds };
    }
    if (fetched.form !== 'whole') throw new TransferFormatError('it gives differences to what we have not');
    const { version, form, expireSeconds } = fetched;
    if (have !== undefined && !(serialCompare(version.serial, have.serial) > 0)) {
      throw new TransferFormatError(
        `its serial ${String(version.serial)} is not newer than ${String(have.serial)}, though other records came with it`,
      );
    }
    await refuse(check, version);
    this.#index = undefined;
    const most = limits()['compare-records'];
    const isComparable = have !== undefined && Math.max(have.records, version.records) <= most;
    const step = isComparable
      ? await compareVersions(have, version, { maxChanges: version.records }, nextTurn)
      : undefined;
    return { version, form, expireSeconds, steps: step === undefined ? [] : [step] };
  }

  async #apply(
    have: ZoneVersion,
    steps: readonly Differences[],
    store: Store,
  ): Promise<ZoneVersion | ZoneVersionGone> {
    try {
      this.#index ??= await OwnerIndex.build(have, nextTurn);
      const applied = await applyDifferences(have, this.#index, steps, store, nextTurn);
      // Of a small zone it is made again in no time, and takes more room than the zone.
      if (applied.records < indexedRecords) this.#index = undefined;
      return applied;
    } catch (error) {
      if (!(error instanceof TransferFormatError)) throw error;
      return new ZoneVersionGone(error.message);
    }
  }
}

/** The version that is there is not the one that the steps begin with. */
class ZoneVersionGone {
  readonly words: string;

  constructor(words: string) {
    this.words = words;
  }
}

async function refuse(check: VersionCheck, version: ZoneVersion): Promise<void> {
  const words = await check(version, nextTurn);
  if (words !== undefined) throw new TransferFormatError(`what it sent is not taken: ${words}`);
}
