/**
 * What one server is still to be told: for each zone the newest change, said until it is answered or has been said often
 * enough (RFC 1996 sections 3.6 and 4.8).
 *
 * A change that comes while an older one of its zone waits takes its place; one that comes while the older is under way
 * follows it. Everything is bounded: zones, messages at once, messages a second, tries.
 *
 * Limitations: a server that answers nothing at all is asked with one message at a time, so that its zones take longer to
 * be given up.
 */
import {
  Rcode,
  rcodeName,
  RefusalLog,
  type Log,
  type Name,
  type ResourceRecord,
} from '../../../core/index.ts';
import { longestIntervalMs, type NotifyLimits } from './limits.ts';
import { notifyMessage } from './message.ts';
import type { NotifyMetrics } from './metrics.ts';
import type { NotifyTarget, Telling } from './targets.ts';

export interface QueueOptions {
  readonly target: NotifyTarget;
  readonly limits: NotifyLimits;
  readonly log: Log;
  readonly metrics: NotifyMetrics;
  readonly nowMs: () => number;
}

/** One change that the server has not been told yet. */
interface Pending {
  readonly zone: Name;
  soa: ResourceRecord;
  /** A change that came while this one was under way. */
  next: ResourceRecord | undefined;
  isUnderWay: boolean;
  /** Until it is said again. */
  timer: NodeJS.Timeout | undefined;
  telling: Telling & { tries: number };
}

/** Tries without an answer, one after the other, after which a server counts as away. */
const silentTries = 5;

export class TargetQueue {
  readonly #options: QueueOptions;
  readonly #pending = new Map<string, Pending>();
  /** Those whose turn it is, the oldest first. */
  readonly #ready = new Set<Pending>();
  /** Until when the server is told nothing of a zone, by the zone's key; milliseconds since the epoch. */
  readonly #restingZones = new Map<string, number>();
  /** The same of all zones. */
  #restsUntilMs = -Infinity;
  readonly #refusals: RefusalLog;
  readonly #ends = new AbortController();
  #underWay = 0;
  #silent = 0;
  /** Messages that may be sent now, and when that was so. */
  #allowance: number;
  #countedMs: number;
  #turn: NodeJS.Timeout | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
    this.#allowance = this.#burst;
    this.#countedMs = options.nowMs();
  }

  /** Changes that wait for an answer or for their turn. */
  get size(): number {
    return this.#pending.size;
  }

  add(zone: Name, soa: ResourceRecord): void {
    if (this.#ends.signal.aborted) return;
    const { metrics, limits, nowMs } = this.#options;
    const known = this.#pending.get(zone.key);
    if (known) {
      this.#replace(known, soa);
      return;
    }
    if (this.#isResting(zone, nowMs())) {
      metrics.sent.add({ outcome: 'resting' });
      return;
    }
    if (this.#pending.size >= limits['notify-zones']) {
      metrics.sent.add({ outcome: 'dropped' });
      this.#warn('notify dropped', zone, { reason: 'as many zones wait as notify-zones allows' });
      return;
    }
    const telling = { zone, tries: 0, udpIsOver: false };
    const pending = { zone, soa, next: undefined, isUnderWay: false, timer: undefined, telling };
    this.#pending.set(zone.key, pending);
    metrics.waiting.add({}, 1);
    this.#ready.add(pending);
    this.#send();
  }

  close(): void {
    this.#ends.abort();
    clearTimeout(this.#turn);
    for (const pending of [...this.#pending.values()]) this.#forget(pending);
    this.#options.target.close();
  }

  #replace(pending: Pending, soa: ResourceRecord): void {
    if (pending.isUnderWay) {
      pending.next = soa;
      return;
    }
    pending.soa = soa;
    // News, and perhaps the server is back.
    this.#begin(pending);
    this.#send();
  }

  /** From the first try on. */
  #begin(pending: Pending): void {
    clearTimeout(pending.timer);
    pending.timer = undefined;
    pending.telling = { zone: pending.zone, tries: 0, udpIsOver: false };
    this.#ready.add(pending);
  }

  #isResting(zone: Name, nowMs: number): boolean {
    const until = this.#restingZones.get(zone.key);
    if (until !== undefined && nowMs >= until) this.#restingZones.delete(zone.key);
    return nowMs < Math.max(until ?? -Infinity, this.#restsUntilMs);
  }

  get #burst(): number {
    return Math.max(1, Math.ceil(this.#options.limits['notify-rate'] / 10));
  }

  /** Says as much as may be said now. */
  #send(): void {
    const atOnce = this.#silent < silentTries ? this.#options.limits['notify-at-once'] : 1;
    while (this.#underWay < atOnce) {
      const [pending] = this.#ready;
      if (pending === undefined || !this.#mayTake()) return;
      this.#ready.delete(pending);
      void this.#tell(pending);
    }
  }

  /** Takes one message from the allowance; comes back when there is one if there is none. */
  #mayTake(): boolean {
    const { limits, nowMs } = this.#options;
    const rate = limits['notify-rate'] / 1000;
    const now = nowMs();
    // A clock that was set back gives nothing, and takes nothing.
    this.#allowance = Math.min(this.#burst, this.#allowance + Math.max(0, now - this.#countedMs) * rate);
    this.#countedMs = now;
    if (this.#allowance >= 1) {
      this.#allowance -= 1;
      return true;
    }
    this.#turn ??= setTimeout(
      () => {
        this.#turn = undefined;
        this.#send();
      },
      Math.ceil((1 - this.#allowance) / rate),
    ).unref();
    return false;
  }

  async #tell(pending: Pending): Promise<void> {
    const { target, nowMs } = this.#options;
    const { zone, telling } = pending;
    pending.isUnderWay = true;
    this.#underWay += 1;
    telling.tries += 1;
    const intervalMs = this.#intervalMs(telling.tries);
    const startedMs = nowMs();
    let outcome: number | Error;
    try {
      const message = notifyMessage(zone, pending.soa);
      outcome = await target.tell(message, telling, intervalMs, this.#ends.signal);
    } catch (error) {
      outcome = error instanceof Error ? error : new Error(String(error));
    }
    pending.isUnderWay = false;
    this.#underWay -= 1;
    if (this.#ends.signal.aborted) return;
    this.#silent = typeof outcome === 'number' ? 0 : this.#silent + 1;
    const leftMs = intervalMs - Math.max(0, nowMs() - startedMs);
    this.#settle(pending, outcome, Math.max(0, leftMs));
    this.#send();
  }

  #intervalMs(tries: number): number {
    return Math.min(longestIntervalMs, this.#options.limits['notify-answer-time'] * 2 ** (tries - 1));
  }

  /** @param leftMs until it may be said again */
  #settle(pending: Pending, outcome: number | Error, leftMs: number): void {
    const { log, target, metrics, limits } = this.#options;
    const { zone, telling, next } = pending;
    if (outcome === Rcode.NOTIMP || outcome === Rcode.REFUSED) {
      this.#rest(pending, outcome);
      return;
    }
    const isAnswered = outcome === Rcode.NOERROR;
    if (isAnswered) {
      metrics.sent.add({ outcome: 'answered' });
      log.debug('notify', { target: target.label, zone: zone.toString(), tries: telling.tries });
    }
    if (next !== undefined) {
      pending.soa = next;
      pending.next = undefined;
      this.#begin(pending);
    } else if (isAnswered) {
      this.#forget(pending);
    } else if (telling.tries < limits['notify-tries']) {
      this.#sayAgain(pending, leftMs);
    } else {
      metrics.sent.add({ outcome: 'failed' });
      this.#warn('notify failed', zone, { tries: telling.tries, reason: wordsOf(outcome) });
      this.#forget(pending);
    }
  }

  #sayAgain(pending: Pending, inMs: number): void {
    const enqueue = (): void => {
      pending.timer = undefined;
      this.#ready.add(pending);
    };
    if (inMs === 0) {
      enqueue();
      return;
    }
    pending.timer = setTimeout(() => {
      enqueue();
      this.#send();
    }, inMs).unref();
  }

  /** RFC 1996 section 3.12: a server that knows no NOTIFY has been told. One that refuses does not want to be. */
  #rest(pending: Pending, rcode: number): void {
    const { limits, metrics, nowMs } = this.#options;
    const restMs = limits['notify-rest-time'];
    const untilMs = nowMs() + restMs;
    const isAll = rcode === Rcode.NOTIMP;
    metrics.sent.add({ outcome: 'refused' });
    this.#warn('notify refused', pending.zone, {
      rcode: rcodeName(rcode),
      about: isAll ? 'every zone' : 'this zone',
      restMs,
    });
    if (isAll) {
      this.#restsUntilMs = untilMs;
      for (const each of [...this.#pending.values()]) if (!each.isUnderWay) this.#forget(each);
    } else {
      this.#restingZones.delete(pending.zone.key);
      for (const oldest of this.#restingZones.keys()) {
        if (this.#restingZones.size < limits['notify-zones']) break;
        this.#restingZones.delete(oldest);
      }
      this.#restingZones.set(pending.zone.key, untilMs);
    }
    this.#forget(pending);
  }

  #forget(pending: Pending): void {
    clearTimeout(pending.timer);
    this.#ready.delete(pending);
    if (this.#pending.delete(pending.zone.key)) this.#options.metrics.waiting.add({}, -1);
  }

  /** A server can refuse thousands of zones one by one: the first lines of each minute are seen. */
  #warn(event: string, zone: Name, fields: Readonly<Record<string, unknown>>): void {
    const about = { target: this.#options.target.label, zone: zone.toString() };
    this.#refusals.write('warn', event, event, { ...about, ...fields });
  }
}

function wordsOf(outcome: number | Error): string {
  return typeof outcome === 'number' ? `answered ${rcodeName(outcome)}` : outcome.message;
}
