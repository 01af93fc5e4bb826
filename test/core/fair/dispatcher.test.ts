import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Dispatcher } from '../../../core/fair/dispatcher.ts';
import { FairEntry, type FairClass, type ShedReason } from '../../../core/fair/fair-entry.ts';
import { defaultFairLimits, type FairLimits } from '../../../core/fair/limits.ts';

const only: FairClass = { weight: 1, rank: 0 };

class Question extends FairEntry {
  readonly said: string[];

  constructor(said: string[]) {
    super(only, 'client');
    this.said = said;
  }

  begin(): void {
    this.said.push('begin');
  }

  shed(why: ShedReason): void {
    this.said.push(why);
  }
}

function dispatcher(some: Partial<FairLimits>, rate?: number, shed: ShedReason[] = []): Dispatcher {
  return new Dispatcher({
    limits: () => ({ ...defaultFairLimits, 'upstream-at-once-min': 1, ...some }),
    rate: () => rate,
    nowMs: () => performance.now(),
    onShed: (_of, why) => shed.push(why),
  });
}

/** Waits until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2);
}

describe('dispatcher', () => {
  it('begins at once what there is room for, and the next when one is over', () => {
    const said: string[] = [];
    const queue = dispatcher({ 'upstream-at-once': 1 });
    const [first, second] = [new Question(said), new Question(said)];
    queue.add(first);
    queue.add(second);
    expect([said.length, queue.waiting, queue.underWay, queue.windowSize]).to.deep.equal([1, 1, 1, 1]);
    queue.ended(first, true);
    expect([said.length, queue.waiting, queue.underWay]).to.deep.equal([2, 0, 1]);
  });

  it('sheds by itself what waits for too long', async () => {
    const said: string[] = [];
    const shed: ShedReason[] = [];
    const queue = dispatcher({ 'upstream-at-once': 1, 'queue-time': 20 }, undefined, shed);
    queue.add(new Question(said));
    queue.add(new Question(said));
    await until(() => queue.waiting === 0);
    expect(said).to.deep.equal(['begin', 'too-late']);
    expect(shed).to.deep.equal(['too-late']);
  });

  it('begins by itself what waits for the rate', async () => {
    const said: string[] = [];
    const queue = dispatcher({ 'queue-time': 10_000 }, 200);
    for (let index = 0; index < 5; index += 1) queue.add(new Question(said));
    expect(said).to.have.length(1);
    const startMs = performance.now();
    await until(() => queue.waiting === 0);
    expect(said).to.deep.equal(Array.from({ length: 5 }, () => 'begin'));
    expect(performance.now() - startMs).to.be.at.least(15);
  });

  it('gives away by itself the place of a question without an answer', async () => {
    const said: string[] = [];
    const queue = dispatcher({ 'upstream-at-once': 1, 'queue-time': 10_000 });
    queue.add(new Question(said));
    queue.add(new Question(said));
    await until(() => said.length === 2);
    expect(queue.underWay).to.equal(2);
  });

  it('says nothing more to what was given up', async () => {
    const said: string[] = [];
    const queue = dispatcher({ 'upstream-at-once': 1, 'queue-time': 10 });
    queue.add(new Question(said));
    const second = new Question(said);
    queue.add(second);
    queue.remove(second);
    await sleep(30);
    expect(said).to.deep.equal(['begin']);
  });

  it('sheds all when it is closed, and lets nothing wait afterwards', () => {
    const said: string[] = [];
    const queue = dispatcher({ 'upstream-at-once': 1 });
    const first = new Question(said);
    queue.add(first);
    queue.add(new Question(said));
    queue.close();
    queue.add(new Question(said));
    expect(said).to.deep.equal(['begin', 'full', 'full']);
    queue.ended(first, true);
    expect([queue.waiting, queue.underWay]).to.deep.equal([0, 0]);
  });
});
