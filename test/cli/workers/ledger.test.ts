/** Budgets that several workers share through their parent: the table there, and the link to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Budgets, budgetBounds, type Spending } from '../../../core/acl/budgets.ts';
import { LedgerLink } from '../../../cli/workers/ledger-link.ts';
import { LedgerTable } from '../../../cli/workers/ledger-table.ts';

const allowance = { perSecond: 10, burst: 20 };

function spending(spent: number, key = 'a'): Spending {
  return { key, allowance, spent };
}

describe('the ledger of the workers', () => {
  let nowMs: number;
  let table: LedgerTable;

  beforeEach(() => {
    nowMs = 1_000_000;
    table = new LedgerTable(() => nowMs);
  });

  it('charges each key, and gives what is left', () => {
    expect(table.settle('rates', [spending(5), spending(1, 'b')])).to.deep.equal([15, 19]);
    expect(table.settle('rates', [spending(5)])).to.deep.equal([10]);
  });

  it('lets buckets fill, to their burst and no further', () => {
    table.settle('rates', [spending(15)]);
    nowMs += 500;
    expect(table.settle('rates', [spending(0)])).to.deep.equal([10]);
    nowMs += 60_000;
    expect(table.settle('rates', [spending(1)])).to.deep.equal([19]);
  });

  it('goes below nothing, for what has to be made up for, and to what can be owed', () => {
    expect(table.settle('rates', [spending(50)])).to.deep.equal([-30]);
    table.settle('rates', [spending(1e9)]);
    const [left = 0] = table.settle('rates', [spending(0)]);
    expect(left).to.equal(-budgetBounds.gates * (20 + 2 * 10));
  });

  it('takes nothing away when the clock is set back', () => {
    table.settle('rates', [spending(5)]);
    nowMs -= 3_600_000;
    expect(table.settle('rates', [spending(0)])).to.deep.equal([15]);
    nowMs += 100;
    expect(table.settle('rates', [spending(0)])).to.deep.equal([16]);
  });

  it('keeps kinds apart, forgets full buckets, and is bounded', () => {
    table.settle('rates', [spending(5)]);
    expect(table.settle('failures', [spending(1)])).to.deep.equal([19]);
    expect(table.size).to.equal(2);
    nowMs += 10_000;
    table.settle('rates', [spending(0)]);
    expect(table.size).to.equal(1);
    for (let i = 0; i < 300_000; i++) table.settle('rates', [spending(1, `key ${i}`)]);
    expect(table.size).to.be.at.most(2 * budgetBounds.keys + 1);
    for (let i = 0; i < 30; i++) table.settle(`kind ${i}`, []);
    expect(() => table.settle('one more', [])).to.throw(RangeError);
  });

  it('makes workers give out together what one would', async () => {
    const workers = Array.from({ length: 3 }, () => {
      const link = new LedgerLink(({ id, budget, spendings }) => {
        link.answered(id, table.settle(budget, spendings));
      });
      return new Budgets({ kind: 'rates', nowMs: () => nowMs, ledger: link.of('rates') });
    });
    let given = 0;
    for (let i = 0; i < 600; i++) {
      nowMs += 10;
      for (const worker of workers) if (worker.take('a', allowance)) given++;
      if (i % 10 === 0) for (const worker of workers) await worker.settle();
    }
    // 6 seconds.
    expect(given).to.be.within(20 + 60 - 5, 20 + 60 + 8);
    for (const worker of workers) worker.close();
  });
});

describe('the link of a worker to the ledger', () => {
  type Question = Parameters<ConstructorParameters<typeof LedgerLink>[0]>[0];
  let asked: Question[];
  let link: LedgerLink;

  beforeEach(() => {
    asked = [];
    link = new LedgerLink((question) => asked.push(question), 20);
  });

  async function failure(promise: Promise<unknown>): Promise<string> {
    return promise.then(
      () => 'none',
      (error: unknown) => String(error),
    );
  }

  it('brings answers to those who asked', async () => {
    const rates = link.of('rates').settle([spending(1)]);
    const failures = link.of('failures').settle([spending(2)]);
    expect(asked.map(({ budget }) => budget)).to.deep.equal(['rates', 'failures']);
    link.answered(asked[1]!.id, [18]);
    link.answered(asked[0]!.id, [19]);
    expect(await Promise.all([rates, failures])).to.deep.equal([[19], [18]]);
  });

  it('asks nothing more before an answer, and counts nothing twice when it comes late', async () => {
    const ledger = link.of('rates');
    expect(await failure(ledger.settle([spending(4)]))).to.include('does not answer');
    expect(await failure(ledger.settle([spending(6)]))).to.include('has not answered yet');
    expect(asked).to.have.length(1);
    link.answered(asked[0]!.id, [16]);
    const settled = ledger.settle([spending(7), spending(2, 'b')]);
    expect(asked[1]?.spendings.map(({ spent }) => spent)).to.deep.equal([3, 2]);
    link.answered(asked[1]!.id, [13, 18]);
    expect(await settled).to.deep.equal([13, 18]);
    void ledger.settle([spending(1)]).catch(() => undefined);
    expect(asked[2]?.spendings.map(({ spent }) => spent)).to.deep.equal([1]);
  });

  it('sends everything again when it was not done', async () => {
    const ledger = link.of('rates');
    const failed = failure(ledger.settle([spending(4)]));
    link.answered(asked[0]!.id, undefined);
    expect(await failed).to.include('could not settle');
    void ledger.settle([spending(5)]).catch(() => undefined);
    expect(asked[1]?.spendings.map(({ spent }) => spent)).to.deep.equal([5]);
  });

  it('takes no answer to what it did not ask', async () => {
    const settled = link.of('rates').settle([spending(1)]);
    link.answered(77, [1]);
    link.answered(asked[0]!.id, [5]);
    link.answered(asked[0]!.id, [6]);
    expect(await settled).to.deep.equal([5]);
    await sleep(30);
  });
});
