/**
 * One zone that is kept: the version that is served, the steps that led to it, and the timers by which it is looked after.
 *
 * A version is replaced only by one that is complete, checked and newer; nothing is served when the zone has expired
 * (RFC 1034 section 4.3.5). Looks are made when a timer is due, when somebody says that there is news (NOTIFY), and when a request
 * comes and the last look was longer ago than `fresh-time`; never two of one zone at a time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  applyDifferences,
  compareVersions,
  EdeCode,
  OwnerIndex,
  parseSoa,
  Rcode,
  serialCompare,
  TransferFormatError,
  TransferRefusedError,
  type Differences,
  type Log,
  type Name,
  type ZoneVersion,
} from '../../../core/index.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { History, worthOctets } from './history.ts';
import type { CacheLimits } from './limits.ts';
import type { MessageStore } from './message-store.ts';
import type { CacheMeters } from './meters.ts';
import type { Fetched, ZoneSource } from './source.ts';
import { expiryOfConfirmed, expiryOfNew, refreshWait, retryWait } from './timers.ts';
import type { Turns } from './turns.ts';
import type { VersionCheck } from './version-check.ts';

/** What the zones of one cache share. */
export interface ZoneEnvironment {
  /** In the order in which they are asked: the first that answers counts. */
  readonly sources: (zone: Name) => readonly ZoneSource[];
  readonly limits: () => CacheLimits;
  readonly check: VersionCheck;
  readonly store: MessageStore;
  readonly turns: Turns;
  readonly meters: CacheMeters;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly onChange: (zone: KeptZone, version: ZoneVersion | undefined) => void;
}

/** Why a zone has no version, or no newer one. */
export interface ZoneProblem {
  readonly words: string;
  /** For who asks for it (RFC 8914). */
  readonly infoCode: number;
}

/** A look that failed is not repeated for each request. */
const failureCountsMs = 5_000;
/** The longest that setTimeout can wait. */
const longestTimerMs = 0x7fff_ffff;

export class KeptZone {
  readonly name: Name;
  readonly #environment: ZoneEnvironment;
  readonly #history = new History();
  readonly #closing = new AbortController();
  #version: ZoneVersion | undefined;
  #index: OwnerIndex | undefined;
  #expiresMs = 0;
  /** When the last look began that has ended. */
  #lookBeganMs = -Infinity;
  #failures = 0;
  #problem: ZoneProblem | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: Name, environment: ZoneEnvironment) {
    this.name = name;
    this.#environment = environment;
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** What may be served now. */
  get version(): ZoneVersion | undefined {
    // A timer may come late.
    if (this.#version !== undefined && this.#environment.nowMs() >= this.#expiresMs) this.#expire();
    return this.#version;
  }

  /** Seconds for which the version may still be served (RFC 7314). */
  get expireSeconds(): number {
    return Math.max(0, Math.floor((this.#expiresMs - this.#environment.nowMs()) / 1000));
  }

  /** Of the last look, if it failed. */
  get problem(): ZoneProblem | undefined {
    return this.#problem;
  }

  /** The steps from the version with this serial to the current one, oldest first; undefined if they are not known. */
  steps(fromSerial: number): readonly Differences[] | undefined {
    return this.#history.from(fromSerial);
  }

  /** Somebody says that there is news, perhaps with its serial (RFC 1996 section 3.11). */
  notify(): void {
    if (this.#looking === undefined) void this.look();
    else this.#lookAgain = true;
  }

  /**
   * What may be served, after a look if the last one began too long ago: who has heard of a change, from whomever, gets it.
   * Never rejects; ends early with the signal.
   */
  async fresh(signal: AbortSignal): Promise<ZoneVersion | undefined> {
    const { nowMs, limits } = this.#environment;
    const { 'fresh-time': freshMs, 'fresh-wait': waitMs } = limits();
    const countsMs = this.#problem === undefined ? freshMs : Math.max(freshMs, failureCountsMs);
    const wantedMs = nowMs() - countsMs;
    const ends = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    // A look that was under way may have asked before the change: then there is another.
    while (this.#lookBeganMs < wantedMs && !ends.aborted && !this.#isClosed()) {
      await untilAborted(this.look(), ends);
    }
    return this.version;
  }

  /** Looks upstream, or waits for the look that is under way. Never rejects. */
  look(): Promise<void> {
    if (this.#isClosed()) return Promise.resolve();
    this.#looking ??= this.#environment.turns
      .run(() => this.#look())
      .finally(() => {
        this.#looking = undefined;
        if (this.#isClosed()) return;
        if (this.#lookAgain) {
          this.#lookAgain = false;
          void this.look();
        } else this.#arm();
      });
    return this.#looking;
  }

  /** Forgets everything; nothing is served any more. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#environment.store.count(this.name.key, undefined);
    this.#version = undefined;
    this.#index = undefined;
    this.#history.clear();
  }

  async #look(): Promise<void> {
    const { sources, nowMs, log, meters, limits } = this.#environment;
    // What comes while we look is news again.
    this.#lookAgain = false;
    const beganMs = nowMs();
    let problem: ZoneProblem | undefined;
    for (const source of sources(this.name)) {
      if (this.#isClosed()) return;
      const timeout = AbortSignal.timeout(limits()['fetch-time']);
      try {
        await this.#lookAt(source, AbortSignal.any([this.#closing.signal, timeout]));
        if (this.#problem !== undefined)
          log.info('zone reachable again', { zone: this.name.toString(), from: source.label });
        this.#problem = undefined;
        this.#failures = 0;
        this.#lookBeganMs = beganMs;
        meters.look('done');
        return;
      } catch (error) {
        if (this.#isClosed()) return;
        problem = problemOf(source, error, problem);
      }
    }
    this.#lookBeganMs = beganMs;
    this.#failures++;
    meters.look('failed');
    const isNews = lasting(problem?.words) !== lasting(this.#problem?.words);
    this.#problem = problem;
    const state =
      this.#version === undefined ? 'nothing is served' : `serial ${String(this.#version.serial)} is served`;
    log[isNews ? 'warn' : 'debug']('zone not refreshed', {
      zone: this.name.toString(),
      problem: problem?.words,
      state,
    });
  }

  async #lookAt(source: ZoneSource, signal: AbortSignal): Promise<void> {
    const { nowMs, log } = this.#environment;
    const have = this.version;
    if (have !== undefined) {
      const { soa, expireSeconds } = await source.check(this.name, signal, have);
      const { serial } = parseSoa(soa.rdata);
      const order = serialCompare(serial, have.serial);
      if (!(order > 0)) {
        if (order !== 0) {
          const about = {
            zone: this.name.toString(),
            serial: have.serial,
            there: serial,
            from: source.label,
          };
          log.warn('serial upstream is older', about);
        }
        this.#confirm(have, expireSeconds);
        return;
      }
    }
    const startedMs = nowMs();
    const loading = this.#environment.store.load();
    try {
      const fetched = await source.fetch(this.name, have, loading.store, signal);
      if (fetched.form === 'up-to-date') {
        if (have === undefined) throw new TransferFormatError('it says that we have a zone that we have not');
        this.#confirm(have, fetched.expireSeconds);
        return;
      }
      const next = await this.#next(source, have, fetched, loading.store, signal);
      this.#replace(next.version, next.steps, next.expireSeconds);
      const { version, form } = next;
      log.info('zone loaded', {
        ...{ zone: this.name.toString(), serial: version.serial, form, from: source.label },
        ...{ records: version.records, octets: version.octets, durationMs: Math.round(nowMs() - startedMs) },
      });
    } finally {
      loading.end();
    }
  }

  /** The version that came, checked, and the steps that lead to it from the one before. */
  async #next(
    source: ZoneSource,
    have: ZoneVersion | undefined,
    fetched: Exclude<Fetched, { form: 'up-to-date' }>,
    store: Parameters<ZoneSource['fetch']>[2],
    signal: AbortSignal,
  ): Promise<{
    readonly version: ZoneVersion;
    readonly steps: readonly Differences[];
    readonly form: Fetched['form'];
    readonly expireSeconds: number | undefined;
  }> {
    const { check, limits, log } = this.#environment;
    if (fetched.form === 'incremental' && have !== undefined) {
      const applied = await this.#apply(have, fetched.steps, store);
      if (applied instanceof ZoneVersionGone) {
        log.warn('differences do not fit', {
          zone: this.name.toString(),
          problem: applied.words,
          next: 'the whole zone is fetched',
        });
        const whole = await source.fetch(this.name, undefined, store, signal);
        if (whole.form !== 'whole') throw new TransferFormatError('it gives no whole zone');
        return this.#next(source, have, whole, store, signal);
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
    store: Parameters<ZoneSource['fetch']>[2],
  ): Promise<ZoneVersion | ZoneVersionGone> {
    try {
      this.#index ??= await OwnerIndex.build(have, nextTurn);
      return await applyDifferences(have, this.#index, steps, store, nextTurn);
    } catch (error) {
      if (!(error instanceof TransferFormatError)) throw error;
      return new ZoneVersionGone(error.message);
    }
  }

  #replace(version: ZoneVersion, steps: readonly Differences[], expireSeconds: number | undefined): void {
    const { limits, nowMs, store, meters, onChange } = this.#environment;
    if (this.#isClosed()) return;
    if (steps.length === 0) this.#history.clear();
    else this.#history.add(steps, Math.min(limits()['history-octets'], worthOctets(version)));
    this.#version = version;
    this.#expiresMs = expiryOfNew(version.soa, expireSeconds, nowMs());
    store.count(this.name.key, version);
    meters.loaded();
    onChange(this, version);
  }

  #confirm(version: ZoneVersion, expireSeconds: number | undefined): void {
    this.#expiresMs = expiryOfConfirmed(
      version.soa,
      expireSeconds,
      this.#expiresMs,
      this.#environment.nowMs(),
    );
  }

  #expire(): void {
    const { log, store, onChange } = this.#environment;
    const serial = this.#version?.serial;
    this.#version = undefined;
    this.#index = undefined;
    this.#history.clear();
    store.count(this.name.key, undefined);
    const problem = this.#problem?.words;
    log.error('zone expired', {
      zone: this.name.toString(),
      serial,
      problem,
      effect: 'it is not served any more',
    });
    onChange(this, undefined);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { limits, nowMs } = this.#environment;
    const version = this.version;
    const wait =
      this.#failures === 0 && version !== undefined
        ? refreshWait(version.soa, limits())
        : retryWait(version?.soa, this.#failures, limits());
    const expiry = version === undefined ? Infinity : Math.max(0, this.#expiresMs - nowMs());
    this.#timer = setTimeout(
      () => {
        // Asking for it is what makes it expire.
        if (this.version === undefined || this.#looking === undefined) void this.look();
      },
      Math.min(wait, expiry, longestTimerMs),
    ).unref();
  }
}

/** The version that is there is not the one that the steps begin with. */
class ZoneVersionGone {
  readonly words: string;

  constructor(words: string) {
    this.words = words;
  }
}

/** Words without the time of the next try, which is another each time. */
function lasting(words: string | undefined): string | undefined {
  return words?.replaceAll(/next try in \d+ s/g, '');
}

async function refuse(check: VersionCheck, version: ZoneVersion): Promise<void> {
  const words = await check(version, nextTurn);
  if (words !== undefined) throw new TransferFormatError(`what it sent is not taken: ${words}`);
}

/** The first problem counts for who asks; the words are of all. */
function problemOf(source: ZoneSource, error: unknown, before: ZoneProblem | undefined): ZoneProblem {
  const message = error instanceof Error ? error.message : String(error);
  const words = message.includes(source.label) ? message : `${source.label}: ${message}`;
  // SERVFAIL: it would have the zone, and has not got it itself.
  const isAway = error instanceof TransferRefusedError && error.rcode === Rcode.SERVFAIL;
  const otherwise = isAway ? EdeCode.NO_REACHABLE_AUTHORITY : EdeCode.INVALID_DATA;
  const infoCode = error instanceof UpstreamError ? error.infoCode : otherwise;
  if (before === undefined) return { words, infoCode };
  return { words: `${before.words}; ${words}`, infoCode: before.infoCode };
}

/** Waits for a promise that never rejects, but not for longer than the signal says. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => {
    resolve(undefined);
  };
  signal.addEventListener('abort', end, { once: true });
  await Promise.race([promise, over]);
  signal.removeEventListener('abort', end);
}
