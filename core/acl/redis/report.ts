/**
 * What the log says of Redis: once when it is away, once when what is known is too old to count, once when it is back; and what
 * is broken in it, once a key.
 */
import { presentDuration } from '../../config/duration.ts';
import { presentTime } from '../../config/time.ts';
import type { AccessLog } from '../file-store.ts';
import type { Clock, Moment } from './clock.ts';
import { redisBounds } from './limits.ts';

export interface ReportOptions {
  readonly log: AccessLog;
  readonly clock: Clock;
  /** Where Redis is, for messages. */
  readonly where: string;
}

export class OutageReport {
  readonly #options: ReportOptions;
  /** When the list here was last in step with Redis. */
  #inStep: Moment | undefined;
  #why = 'not connected yet';
  #isAway = false;
  /** Since when no messages come, and why. */
  #deaf: { readonly since: Moment; readonly why: string; isSaid: boolean } | undefined;
  #saidTooOld = new Set<number>();
  #saidBroken = new Map<string, string>();
  /** From when it has been tried. */
  readonly #start: Moment;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#start = options.clock.now();
  }

  get inStep(): Moment | undefined {
    return this.#inStep;
  }

  get why(): string {
    return this.#why;
  }

  /** Why nothing can be said of a client. */
  get detail(): string {
    if (this.#inStep === undefined) return `no access list has been read yet: ${this.#why}`;
    return `not in step with Redis since ${sinceWords(this.#inStep)}: ${this.#why}`;
  }

  /** When the list was last known to be in step; before that, the start. */
  get inStepOrStart(): Moment {
    return this.#inStep ?? this.#start;
  }

  noteFailure(error: unknown): void {
    this.#why = error instanceof Error ? error.message : String(error);
  }

  noteInStep(moment: Moment, revision: number | undefined): void {
    const before = this.#inStep;
    this.#inStep = moment;
    if (!this.#isAway && before !== undefined) return;
    const { log, where, clock } = this.#options;
    this.#isAway = false;
    this.#saidTooOld = new Set();
    const away = before && { awaySeconds: Math.round(clock.ageMs(before) / 1000) };
    log.info('access list in step', { store: where, revision, ...away });
  }

  /** Messages of changes do not come, or do again. */
  noteDeaf(why: string | undefined): void {
    if (why === undefined) this.#deaf = undefined;
    else this.#deaf = { since: this.#options.clock.now(), isSaid: false, ...this.#deaf, why };
  }

  /** Says what is to be said by now. @param staleMaxMs those of the listeners */
  look(staleMaxMs: Iterable<number>): void {
    const { log, where, clock } = this.#options;
    const ageMs = clock.ageMs(this.inStepOrStart);
    if (ageMs <= redisBounds.freshMs) {
      this.#lookForDeafness();
      return;
    }
    const facts = { store: where, why: this.#why };
    if (!this.#isAway) {
      this.#isAway = true;
      if (this.#inStep === undefined) {
        log.warn('access list away', {
          ...facts,
          counts: 'nothing: nobody is let in until it has been read',
          mend,
        });
        return;
      }
      const counts = 'what is known already, until stale-max of the listener; who is not known is refused';
      log.warn('access list away', { ...facts, since: sinceWords(this.#inStep), counts, mend });
    }
    if (this.#inStep === undefined) return;
    for (const ms of new Set(staleMaxMs)) {
      if (ageMs <= ms || this.#saidTooOld.has(ms)) continue;
      this.#saidTooOld.add(ms);
      const now =
        'nobody is let in and nothing is allowed by listeners with this stale-max, until Redis is back';
      log.error('access list too old', {
        ...facts,
        since: sinceWords(this.#inStep),
        staleMax: presentDuration(ms),
        now,
        mend,
      });
    }
  }

  #lookForDeafness(): void {
    const { log, where, clock } = this.#options;
    const deaf = this.#deaf;
    if (deaf === undefined || deaf.isSaid || clock.ageMs(deaf.since) <= redisBounds.deafMs) return;
    deaf.isSaid = true;
    log.warn('access list without messages', {
      store: where,
      why: deaf.why,
      counts: 'changes are seen by looking at the revision (poll-time), and everything is read again then',
      mend: 'let the user of Redis subscribe to the channel; danced check names it',
    });
  }

  missing(fault: 'missing' | 'broken', before: number | undefined): void {
    const { log, where } = this.#options;
    if (before === undefined && fault === 'missing') {
      const advice = 'load one: danced access import FILE';
      log.warn('access list missing', { store: where, advice, counts: 'nothing: nobody is let in' });
      return;
    }
    log.error('access list lost', {
      store: where,
      wrong:
        fault === 'missing' ? 'Redis is there, but without the list' : 'the revision of the list is broken',
      revision: before,
      counts: 'what is known already, until stale-max of the listener',
      mend: 'restore the data of Redis, or load the list again: danced access import FILE',
    });
  }

  setBack(from: number, to: number): void {
    const { log, where } = this.#options;
    log.error('access list set back', {
      store: where,
      from,
      to,
      wrong:
        'Redis has an older list than before (a restored copy, or a replica that had not caught up): changes may be lost',
      counts: 'what Redis has now',
      mend: 'see what is different: danced access diff',
    });
  }

  /** Says it once, until something else is wrong with it. Gives whether it was said. */
  broken(key: string, fault: string): boolean {
    if (this.#saidBroken.get(key) === fault) return false;
    if (this.#saidBroken.size >= redisBounds.saidKeys) this.#saidBroken = new Map();
    this.#saidBroken.set(key, fault);
    const { log, where } = this.#options;
    log.error('access value broken', {
      store: where,
      key,
      wrong: fault,
      counts: 'as nothing: whom it is for is refused',
    });
    return true;
  }
}

const mend = 'see that Redis runs and can be reached; danced check says more';

function sinceWords({ wallMs }: Moment): string {
  return presentTime(Math.floor(wallMs / 1000) * 1000);
}
