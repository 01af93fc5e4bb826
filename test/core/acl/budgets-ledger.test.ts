import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import {
  budgetBounds,
  Budgets,
  mostOwed,
  perMinute,
  type SharedLedger,
  type Spending,
} from '../../../core/acl/budgets.ts';
import { Clock, never, takeMany } from '../../support/budgets.ts';

/** A ledger that keeps what it is asked, and answers when the test says what. */
class ScriptedLedger implements SharedLedger {
  readonly calls: (readonly Spending[])[] = [];
  readonly #answers: PromiseWithResolvers<readonly number[]>[] = [];

  settle(spendings: readonly Spending[]): Promise<readonly number[]> {
    this.calls.push(spendings);
    const answer = Promise.withResolvers<readonly number[]>();
    this.#answers.push(answer);
    return answer.promise;
  }

  get last(): readonly Spending[] {
    return this.calls.at(-1)!;
  }

  async answer(left: (spending: Spending) => number): Promise<void> {
    this.#answers.at(-1)!.resolve(this.last.map(left));
    await turn();
  }

  async fail(): Promise<void> {
    this.#answers.at(-1)!.reject(new Error('away'));
    await turn();
  }
}

function sharing(options: { maxKeys?: number } = {}): {
  budgets: Budgets;
  clock: Clock;
  ledger: ScriptedLedger;
  failures: unknown[];
} {
  const clock = new Clock();
  const ledger = new ScriptedLedger();
  const failures: unknown[] = [];
  const budgets = new Budgets({
    kind: 'test',
    nowMs: clock.now,
    ledger,
    settleMs: never,
    onSettleFailed: (error) => failures.push(error),
    ...options,
  });
  return { budgets, clock, ledger, failures };
}

const threeAMinute = perMinute(3);
const tenASecond = { perSecond: 10, burst: 20 };

describe('Budgets with a ledger', () => {
  it('answer at once, and tell the ledger what was spent when the pause is over', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 3);
    budgets.charge('b', threeAMinute, 2);
    expect(ledger.calls).to.be.empty;
    void budgets.settle();
    expect(ledger.last.map(({ key, spent }) => [key, spent])).to.deep.equal([
      ['a', 3],
      ['b', 2],
    ]);
    await ledger.answer(() => 1);
    expect(budgets.waiting).to.equal(0);
    budgets.close();
  });

  it('begin a round by themselves', async () => {
    const called = Promise.withResolvers<readonly Spending[]>();
    const ledger: SharedLedger = {
      settle: (spendings) => {
        called.resolve(spendings);
        return Promise.resolve([0]);
      },
    };
    const budgets = new Budgets({ kind: 'test', nowMs: Date.now, ledger, settleMs: 1 });
    budgets.take('a', tenASecond);
    expect((await called.promise).length).to.equal(1);
    budgets.close();
  });

  it('take over what is left there, less what was spent while they waited', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 5);
    const round = budgets.settle();
    takeMany(budgets, 'a', tenASecond, 2);
    await ledger.answer(() => 6);
    await round;
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(4);
    expect(ledger.calls.length).to.equal(1);
    budgets.close();
  });

  it('tell it in the next round what was spent meanwhile, and that alone', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 5);
    void budgets.settle();
    takeMany(budgets, 'a', tenASecond, 2);
    await ledger.answer(() => 6);
    void budgets.settle();
    expect(ledger.last[0]!.spent).to.equal(2);
    await ledger.answer(() => 4);
    expect(budgets.waiting).to.equal(0);
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(4);
    budgets.close();
  });

  it('make up for what others spent', async () => {
    const { budgets, clock, ledger } = sharing();
    budgets.take('a', tenASecond);
    void budgets.settle();
    await ledger.answer(() => -10);
    clock.ms += 1000;
    expect(budgets.take('a', tenASecond)).to.be.false;
    clock.ms += 100;
    expect(takeMany(budgets, 'a', tenASecond, 5)).to.equal(1);
    budgets.close();
  });

  it('never hold more than a full bucket, whatever the ledger says', async () => {
    const { budgets, ledger } = sharing();
    budgets.take('a', tenASecond);
    void budgets.settle();
    await ledger.answer(() => 1e9);
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(20);
    budgets.close();
  });

  it('owe no more than gates can have given out, whatever the ledger says', async () => {
    const { budgets, clock, ledger } = sharing();
    budgets.take('a', tenASecond);
    void budgets.settle();
    await ledger.answer(() => -1e300);
    clock.ms += (mostOwed(tenASecond) / tenASecond.perSecond) * 1000;
    expect(budgets.take('a', tenASecond)).to.be.false;
    clock.ms += 100;
    expect(budgets.take('a', tenASecond)).to.be.true;
    budgets.close();
  });

  it('keep their own count where the ledger gives none', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 15);
    void budgets.settle();
    await ledger.answer(() => NaN);
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(5);
    budgets.close();
  });

  it('allow for what came in while it was spent, and not before', async () => {
    const { budgets, clock, ledger } = sharing();
    const fast = { perSecond: 1000, burst: 1 };
    budgets.take('a', fast);
    void budgets.settle();
    await ledger.answer(() => 0);
    clock.ms += 1000;
    for (let ms = 0; ms < 100; ms++, clock.ms++) budgets.take('a', fast);
    void budgets.settle();
    expect(ledger.last).to.deep.equal([{ key: 'a', allowance: { perSecond: 1000, burst: 101 }, spent: 100 }]);
    budgets.close();
  });

  it('have one call under way, however often they are asked to settle', () => {
    const { budgets, ledger } = sharing();
    budgets.take('a', tenASecond);
    const round = budgets.settle();
    budgets.take('b', tenASecond);
    expect(budgets.settle()).to.equal(round);
    expect(ledger.calls.length).to.equal(1);
    budgets.close();
  });

  it('settle a bounded number of keys in a call and in a round; the others are next', async () => {
    const { budgets, ledger } = sharing();
    const { keysPerCall, keysPerRound } = budgetBounds;
    const keys = keysPerRound + 5;
    for (let key = 0; key < keys; key++) budgets.take(String(key), tenASecond);
    void budgets.settle();
    for (let call = 0; call < keysPerRound / keysPerCall; call++) await ledger.answer(() => 3);
    await turn();
    expect(ledger.calls.map((call) => call.length)).to.deep.equal(
      Array<number>(keysPerRound / keysPerCall).fill(keysPerCall),
    );
    expect(budgets.waiting).to.equal(5);
    void budgets.settle();
    expect(ledger.last.map(({ key }) => key)).to.include(String(keys - 1));
    await ledger.answer(() => 3);
    expect(budgets.waiting).to.equal(0);
    budgets.close();
  });

  it('tell the ledger nothing of a key that was forgotten meanwhile', async () => {
    const { budgets, ledger } = sharing({ maxKeys: 2 });
    for (const key of ['a', 'b', 'c']) budgets.take(key, tenASecond);
    void budgets.settle();
    expect(ledger.last.map(({ key }) => key)).to.deep.equal(['b', 'c']);
    budgets.take('b', tenASecond);
    for (const key of ['c', 'd']) budgets.take(key, tenASecond);
    await ledger.answer(() => 3);
    expect(budgets.size).to.equal(2);
    void budgets.settle();
    expect(ledger.last.map(({ key }) => key)).to.deep.equal(['d', 'c']);
    budgets.close();
  });

  it('tell nothing after they were closed, and still count', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 15);
    budgets.close();
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(5);
    expect(takeMany(budgets, 'b', tenASecond, 100)).to.equal(20);
    await budgets.settle();
    expect(ledger.calls).to.be.empty;
    expect(budgets.waiting).to.equal(0);
  });
});

describe('Budgets whose ledger is away', () => {
  it('count for themselves, and say that it is away', async () => {
    const { budgets, clock, ledger, failures } = sharing();
    takeMany(budgets, 'a', tenASecond, 15);
    const round = budgets.settle();
    await ledger.fail();
    await round;
    expect(failures.map(String)).to.deep.equal(['Error: away']);
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(5);
    clock.ms += 500;
    expect(takeMany(budgets, 'a', tenASecond, 100)).to.equal(5);
    budgets.close();
  });

  it('tell it everything, once, when it is back', async () => {
    const { budgets, ledger } = sharing();
    takeMany(budgets, 'a', tenASecond, 3);
    void budgets.settle();
    takeMany(budgets, 'a', tenASecond, 2);
    await ledger.fail();
    takeMany(budgets, 'a', tenASecond, 4);
    void budgets.settle();
    expect(ledger.last.map(({ spent }) => spent)).to.deep.equal([9]);
    await ledger.answer(() => 11);
    expect(budgets.waiting).to.equal(0);
    budgets.close();
  });

  it('owe no more after a long time than their own bucket lacks', async () => {
    const { budgets, clock, ledger } = sharing();
    for (let second = 0; second < 60; second++, clock.ms += 1000) {
      takeMany(budgets, 'a', tenASecond, 10);
      void budgets.settle();
      await ledger.fail();
    }
    takeMany(budgets, 'a', tenASecond, 10);
    void budgets.settle();
    expect(ledger.last).to.deep.equal([{ key: 'a', allowance: tenASecond, spent: 10 }]);
    await ledger.answer(() => 10);
    expect(budgets.waiting).to.equal(0);
    budgets.close();
  });

  it('take an answer of the wrong length for none', async () => {
    const failures: unknown[] = [];
    const short: SharedLedger = { settle: () => Promise.resolve([]) };
    const budgets = new Budgets({
      kind: 'test',
      nowMs: () => 0,
      ledger: short,
      settleMs: never,
      onSettleFailed: (error) => failures.push(error),
    });
    budgets.take('a', tenASecond);
    await budgets.settle();
    expect(String(failures[0])).to.include('0 answers to 1 questions');
    expect(budgets.waiting).to.equal(1);
    budgets.close();
  });

  it('do not wait for ever for an answer', async () => {
    const failures: unknown[] = [];
    const ledger = new ScriptedLedger();
    const budgets = new Budgets({
      kind: 'test',
      nowMs: () => 0,
      ledger,
      settleMs: never,
      answerMs: 1,
      onSettleFailed: (error) => failures.push(error),
    });
    takeMany(budgets, 'a', tenASecond, 5);
    await budgets.settle();
    expect(String(failures[0])).to.include('did not answer within 1 ms');
    // What comes now counts for nothing.
    await ledger.answer(() => 0);
    expect(takeMany(budgets, 'a', tenASecond, 1)).to.equal(1);
    void budgets.settle();
    expect(ledger.last[0]!.spent).to.equal(6);
    budgets.close();
  });

  it('do not fall over a ledger that throws', async () => {
    const failures: unknown[] = [];
    const broken: SharedLedger = {
      settle: () => {
        throw new Error('broken');
      },
    };
    const budgets = new Budgets({
      kind: 'test',
      nowMs: () => 0,
      ledger: broken,
      settleMs: never,
      onSettleFailed: (error) => failures.push(error),
    });
    budgets.take('a', tenASecond);
    await budgets.settle();
    await budgets.settle();
    expect(failures.map(String)).to.deep.equal(['Error: broken', 'Error: broken']);
    budgets.close();
  });

  it('try again by themselves', async () => {
    const calls: number[] = [];
    const again = Promise.withResolvers<undefined>();
    const ledger: SharedLedger = {
      settle: (spendings) => {
        calls.push(spendings[0]!.spent);
        if (calls.length === 1) return Promise.reject(new Error('away'));
        again.resolve(undefined);
        return Promise.resolve([0]);
      },
    };
    const budgets = new Budgets({ kind: 'test', nowMs: Date.now, ledger, settleMs: 1 });
    budgets.take('a', tenASecond);
    await again.promise;
    expect(calls).to.deep.equal([1, 1]);
    budgets.close();
  });
});
