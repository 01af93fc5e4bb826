/**
 * The list in Redis as one listener sees it: what is known here counts as long as it is in step with Redis, and after that
 * until it is as old as the listener's `stale-max`.
 */
import type { ClientIdentity } from '../../dane/identity.ts';
import type { Name } from '../../dns/name.ts';
import {
  admissionBy,
  decideAnonymousBy,
  decideByEntry,
  requireGenuine,
  type AccessControl,
  type AccessListener,
  type AccessViewer,
} from '../access-control.ts';
import type { AccessRequest, Admission, Decision } from '../model.ts';
import type { Clock, Moment } from './clock.ts';
import type { ColdReads } from './cold-reads.ts';
import type { ListHead } from './head.ts';
import type { Known, KnownNames } from './known-names.ts';
import { redisBounds } from './limits.ts';
import type { StoreMeters } from './meters.ts';
import type { OutageReport } from './report.ts';

/** What all views share. */
export interface ViewParts {
  readonly head: ListHead;
  readonly names: KnownNames;
  readonly reads: ColdReads;
  readonly report: OutageReport;
  readonly meters: StoreMeters;
  readonly clock: Clock;
  readonly answerMs: number;
  onChange(listener: AccessListener): () => void;
}

/** What counts of a name, or why nothing does. */
type Settled = { readonly known: Known } | { readonly known?: undefined; readonly unavailable: string };

export class ListView implements AccessControl {
  readonly #parts: ViewParts;
  readonly #viewer: AccessViewer;

  constructor(parts: ViewParts, viewer: AccessViewer) {
    this.#parts = parts;
    this.#viewer = viewer;
  }

  async admit(name: Name): Promise<Admission> {
    const known = this.#recall(name.key);
    if (known !== undefined) return admissionOf(known);
    const settled = await this.#settle(name);
    if (settled.known !== undefined) return admissionOf(settled.known);
    return { admitted: false, reason: 'access-unavailable', detail: settled.unavailable };
  }

  async decide(identity: ClientIdentity, request: AccessRequest): Promise<Decision> {
    requireGenuine(identity);
    const { name } = identity;
    const { names } = this.#parts;
    let known = this.#recall(name.key);
    if (known === undefined) {
      const settled = await this.#settle(name);
      if (settled.known === undefined) return this.#count(unavailable(settled.unavailable));
      ({ known } = settled);
    }
    names.noteProof(name.key);
    const { head, clock } = this.#parts;
    const decision = decideByEntry(known.entry, head.roles, request, clock.nowMs);
    return this.#count(known.fault === undefined ? decision : { ...decision, detail: known.fault });
  }

  async decideAnonymous(request: AccessRequest): Promise<Decision> {
    const { head, report, clock } = this.#parts;
    if (!this.#counts(report.inStep)) {
      const why = await this.#confirm();
      if (why !== undefined) return this.#count(unavailable(why));
    }
    return this.#count(decideAnonymousBy(head.anonymous, head.roles, request, clock.nowMs));
  }

  onChange(listener: AccessListener): () => void {
    return this.#parts.onChange(listener);
  }

  /** What is in memory and counts without asking. */
  #recall(key: string): Known | undefined {
    const { names, meters, report } = this.#parts;
    const known = names.get(key);
    if (known === undefined || !names.isCurrent(known) || !this.#counts(report.inStep)) return undefined;
    meters.read(known.entry === undefined ? 'unknown-hit' : 'hit');
    return known;
  }

  /** Asks Redis; if that cannot be, what was known before counts for as long as it may. */
  async #settle(name: Name): Promise<Settled> {
    const { reads, meters, answerMs, report } = this.#parts;
    const isShared = reads.isUnderWay(name);
    try {
      const known = await withinTime(this.#ask(name), answerMs);
      meters.read(isShared ? 'shared' : 'read');
      return { known };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      report.noteFailure(error);
      const known = this.#recallOld(name.key);
      meters.read(known === undefined ? 'failed' : 'stale');
      return known === undefined ? { unavailable: report.detail } : { known };
    }
  }

  async #ask(name: Name): Promise<Known> {
    const { names, head, reads, report } = this.#parts;
    const known = names.get(name.key);
    if (known !== undefined && names.isCurrent(known)) {
      // It is right if the list is in step.
      await head.confirm();
      const still = names.get(name.key);
      if (still !== undefined && names.isCurrent(still)) return still;
    }
    const read = await reads.read(name);
    // Its revision was compared; roles that fit it are there. But it is the look at the revision that makes it count.
    if (!this.#counts(report.inStep)) await head.confirm();
    return read;
  }

  #recallOld(key: string): Known | undefined {
    const { names, report } = this.#parts;
    const known = names.get(key);
    if (known === undefined) return undefined;
    const moment = names.isCurrent(known) ? report.inStep : names.endOf(known);
    return this.#counts(moment) ? known : undefined;
  }

  /** Undefined: in step. Else why not. */
  async #confirm(): Promise<string | undefined> {
    const { head, report, answerMs } = this.#parts;
    try {
      await withinTime(head.confirm(), answerMs);
      if (this.#counts(report.inStep)) return undefined;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      report.noteFailure(error);
    }
    return report.detail;
  }

  /** Whether what was in step then may be gone by. */
  #counts(moment: Moment | undefined): boolean {
    const staleMaxMs = Math.max(redisBounds.freshMs, this.#viewer.staleMaxMs());
    return this.#parts.clock.ageMs(moment) <= staleMaxMs;
  }

  #count(decision: Decision): Decision {
    this.#parts.meters.decision(decision.reason);
    return decision;
  }
}

function admissionOf(known: Known): Admission {
  const admission = admissionBy(known.entry);
  return known.fault === undefined || admission.admitted ? admission : { ...admission, detail: known.fault };
}

function unavailable(detail: string): Decision {
  return { allowed: false, reason: 'access-unavailable', roles: [], detail };
}

/** Rejects when it takes longer; what comes then counts for whoever asks next. */
function withinTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${ms} ms`));
    }, ms);
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
