/**
 * One zone that is kept: the version that is served, the steps that led to it, and the timers by which it is looked after.
 *
 * A version is replaced only by one that is complete, checked and newer; nothing is served when the zone has expired
 * (RFC 1034 section 4.3.5). Looks are made when a timer is due, when somebody says that there is news (NOTIFY), and when a request
 * comes and the last look was longer ago than `fresh-time`; never two of one zone at a time.
 */
import {
  failureOfAll,
  parseSoa,
  Rcode,
  serialCompare,
  TransferFormatError,
  TransferRefusedError,
  type Differences,
  type FailureKind,
  type Log,
  type Name,
  type ZoneVersion,
} from '../../../core/index.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { withDeadline } from './deadline.ts';
import { History, worthOctets } from './history.ts';
import type { CacheLimits } from './limits.ts';
import { isScattered, type MessageStore } from './message-store.ts';
import type { CacheMeters } from './meters.ts';
import { NextVersions } from './next-version.ts';
import type { ZoneSource } from './source.ts';
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
  /** For who asks for it. */
  readonly kind: FailureKind;
}

/** For so long a look that failed is not repeated for requests: what costs a whole transfer may fail for days. */
const failureCountsMs = 5_000;
const longestFailureCountsMs = 300_000;
/** The longest that setTimeout can wait. */
const longestTimerMs = 0x7fff_ffff;

export class KeptZone {
  readonly name: Name;
  readonly #environment: ZoneEnvironment;
  readonly #history = new History();
  readonly #next: NextVersions;
  readonly #closing = new AbortController();
  #version: ZoneVersion | undefined;
  #expiresMs = 0;
  /** When the last look began that has ended. */
  #lookBeganMs = -Infinity;
  #failures = 0;
  #problem: ZoneProblem | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  /** Somebody has told us of a version that we have not got yet. */
  #hasNews = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: Name, environment: ZoneEnvironment) {
    this.name = name;
    this.#environment = environment;
    this.#next = new NextVersions(name, environment);
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
    this.#hasNews = true;
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
    const wantedMs = nowMs() - Math.max(freshMs, failureCounts(this.#failures));
    if (this.#lookBeganMs >= wantedMs) return this.version;
    await withDeadline(signal, waitMs, async (ends) => {
      // A look that was under way may have asked before the change: then there is another.
      while (this.#lookBeganMs < wantedMs && !ends.aborted && !this.#isClosed()) {
        await untilAborted(this.look(), ends);
      }
    });
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
    this.#next.forget();
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
      try {
        await withDeadline(this.#closing.signal, limits()['fetch-time'], (signal) =>
          this.#lookAt(source, signal),
        );
        if (this.#problem !== undefined)
          log.info('zone reachable again', { zone: this.name.toString(), from: source.label });
        this.#problem = undefined;
        this.#failures = 0;
        this.#hasNews = false;
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
        // Another server may have what this one has lost.
        if (order !== 0) throw new UpstreamError('other', olderWords(source, serial, have.serial));
        this.#confirm(have, expireSeconds);
        return;
      }
    }
    const startedMs = nowMs();
    const loading = this.#environment.store.load();
    try {
      // What is scattered over many files is written into one again.
      const base = have !== undefined && isScattered(have) ? undefined : have;
      const fetched = await source.fetch(this.name, base, loading.store, signal);
      if (fetched.form === 'up-to-date') {
        if (have === undefined) throw new TransferFormatError('it says that we have a zone that we have not');
        this.#confirm(have, fetched.expireSeconds);
        return;
      }
      const next = await this.#next.make(source, have, fetched, loading.store, signal);
      if (expiryOfNew(next.version.soa, next.expireSeconds, 0) === 0)
        throw new TransferFormatError('the zone has expired at the server');
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
    this.#next.forget();
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
        : retryWait(this.#hasNews ? undefined : version?.soa, this.#failures, limits());
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

/** Milliseconds for which the last look counts if it was the latest of so many that failed. */
function failureCounts(failures: number): number {
  if (failures === 0) return 0;
  return Math.min(failureCountsMs * 2 ** Math.min(failures - 1, 16), longestFailureCountsMs);
}

/** Words without the time of the next try, which is another each time. */
function lasting(words: string | undefined): string | undefined {
  return words?.replaceAll(/next try in \d+ s/g, '');
}

function olderWords({ label }: ZoneSource, there: number, here: number): string {
  return `${label} has serial ${String(there)}, which is older than ours, ${String(here)}; raise it there (RFC 1982)`;
}

/** The words are of all sources, and so is the kind. */
function problemOf(source: ZoneSource, error: unknown, before: ZoneProblem | undefined): ZoneProblem {
  const message = error instanceof Error ? error.message : String(error);
  const words = message.includes(source.label) ? message : `${source.label}: ${message}`;
  // SERVFAIL: it would have the zone, and has not got it itself.
  const isAway = error instanceof TransferRefusedError && error.rcode === Rcode.SERVFAIL;
  const otherwise = isAway ? 'unreachable' : 'unusable';
  const kind = error instanceof UpstreamError ? error.kind : otherwise;
  if (before === undefined) return { words, kind };
  return { words: `${before.words}; ${words}`, kind: failureOfAll([before.kind, kind]) };
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
