/**
 * The ledger of budgets as a worker has it: its parent's (ledger-table.ts), at the other end of the IPC channel.
 *
 * A question that is not answered in time may have been counted, or may be yet. So no other is asked before its answer, and what that
 * says was counted is left out of the next: nothing is counted twice.
 */
import type { SharedLedger, Spending } from '../../core/acl/budgets.ts';
import { workerBounds } from './bounds.ts';

/** Sends one question. */
type Ask = (question: {
  readonly id: number;
  readonly budget: string;
  readonly spendings: readonly Spending[];
}) => void;

export class LedgerLink {
  readonly #ask: Ask;
  readonly #answerMs: number;
  readonly #waiting = new Map<number, (lefts: readonly number[] | undefined) => void>();
  #lastId = 0;

  /** @param answerMs the longest wait for an answer; shorter than that of `Budgets` */
  constructor(ask: Ask, answerMs: number = workerBounds.ledgerMs) {
    this.#ask = ask;
    this.#answerMs = answerMs;
  }

  /** The ledger of one kind of budgets; asks one question at a time. */
  of(budget: string): SharedLedger {
    let isOpen = false;
    let counted: ReadonlyMap<string, number> = new Map();
    return {
      settle: (spendings) => {
        if (isOpen) return Promise.reject(new Error('the parent process has not answered yet'));
        isOpen = true;
        const owed = spendings.map((one) => ({
          ...one,
          spent: Math.max(0, one.spent - (counted.get(one.key) ?? 0)),
        }));
        const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
        let isLate = false;
        const timer = setTimeout(() => {
          isLate = true;
          reject(new Error('the parent process does not answer'));
        }, this.#answerMs).unref();
        const id = ++this.#lastId;
        this.#waiting.set(id, (lefts) => {
          clearTimeout(timer);
          isOpen = false;
          if (lefts === undefined) {
            reject(new Error('the parent process could not settle the budgets'));
          } else if (isLate) {
            // All of it comes again, with what was spent meanwhile.
            counted = new Map(spendings.map(({ key, spent }) => [key, spent]));
          } else {
            counted = new Map();
            resolve(lefts);
          }
        });
        this.#ask({ id, budget, spendings: owed });
        return promise;
      },
    };
  }

  /** Takes an answer; undefined: it was not done. */
  answered(id: number, lefts: readonly number[] | undefined): void {
    const take = this.#waiting.get(id);
    this.#waiting.delete(id);
    take?.(lefts);
  }
}
