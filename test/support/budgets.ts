/** What tests of budgets share: a clock that stands until it is moved, hammering, and gates that meet in one ledger. */
import { setImmediate as turn } from 'node:timers/promises';
import { Budgets, type Allowance, type SharedLedger, type Spending } from '../../core/acl/budgets.ts';

/** A pause before rounds that never ends: the test says when. */
export const never = 2 ** 30;

export class Clock {
  ms = 1_000_000;
  readonly now = (): number => this.ms;
}

/** How many of `tries` are given. */
export function takeMany(budgets: Budgets, key: string, allowance: Allowance, tries: number): number {
  let given = 0;
  for (let count = 0; count < tries; count++) if (budgets.take(key, allowance)) given += 1;
  return given;
}

/** What a ledger has to do, in as few lines as can be. */
export class MemoryLedger implements SharedLedger {
  readonly #buckets = new Map<string, { left: number; atMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  charge({ key, allowance: { perSecond, burst }, spent }: Spending): number {
    const atMs = this.#now();
    const bucket = this.#buckets.get(key) ?? { left: burst, atMs };
    const left = Math.min(burst, bucket.left + ((atMs - bucket.atMs) / 1000) * perSecond) - spent;
    this.#buckets.set(key, { left, atMs });
    return left;
  }

  settle(spendings: readonly Spending[]): Promise<readonly number[]> {
    return Promise.resolve(spendings.map((spending) => this.charge(spending)));
  }
}

export interface Meeting {
  readonly allowance: Allowance;
  readonly settleMs: number;
  /** From the question to the charge, and again to the answer. */
  readonly travelMs: number;
  /** What clients ask of each gate, in requests a second. */
  readonly demands: readonly number[];
  /** From when to when the ledger fails, if it does. */
  readonly away?: readonly [fromMs: number, toMs: number];
}

/** What was given out under one key, in each second. */
export interface Given {
  readonly together: readonly number[];
  /** What one gate would have given, had it been asked for everything. */
  readonly byOne: readonly number[];
}

/** Gates with one ledger, in a time that is made up. */
export async function giveTogether(meeting: Meeting, seconds: number): Promise<Given> {
  const { allowance, settleMs, travelMs, demands, away = [Infinity, Infinity] } = meeting;
  const clock = new Clock();
  const startMs = clock.ms;
  const memory = new MemoryLedger(clock.now);
  const due: { readonly atMs: number; readonly happen: () => void }[] = [];
  const ledger: SharedLedger = {
    settle: (spendings) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
      const sinceMs = clock.ms - startMs;
      const isAway = sinceMs >= away[0] && sinceMs < away[1];
      const charge = (): void => {
        const lefts = spendings.map((spending) => memory.charge(spending));
        due.push({ atMs: clock.ms + travelMs, happen: () => resolve(lefts) });
      };
      due.push({ atMs: clock.ms + travelMs, happen: isAway ? () => reject(new Error('away')) : charge });
      return promise;
    },
  };
  const gates = demands.map((demand, index) => ({
    budgets: new Budgets({ kind: 'test', nowMs: clock.now, ledger, settleMs: never }),
    demand,
    asked: 0,
    // Not all in step.
    settleAtMs: startMs + Math.floor((settleMs * (index + 1)) / demands.length),
  }));
  const one = new Budgets({ kind: 'test', nowMs: clock.now });
  const together = Array<number>(seconds).fill(0);
  const byOne = Array<number>(seconds).fill(0);
  for (let ms = 0; ms < seconds * 1000; ms++, clock.ms++) {
    let happened = due.length > 0;
    while (happened) {
      const next = due.findIndex(({ atMs }) => atMs <= clock.ms);
      happened = next >= 0;
      if (happened) due.splice(next, 1)[0]?.happen();
    }
    for (const gate of gates) {
      const asks = Math.floor(((ms + 1) * gate.demand) / 1000) - gate.asked;
      gate.asked += asks;
      const second = Math.floor(ms / 1000);
      together[second]! += takeMany(gate.budgets, 'key', allowance, asks);
      byOne[second]! += takeMany(one, 'key', allowance, asks);
      if (clock.ms < gate.settleAtMs) continue;
      void gate.budgets.settle();
      gate.settleAtMs += settleMs;
    }
    await turn();
  }
  for (const { budgets } of gates) budgets.close();
  return { together, byOne };
}
