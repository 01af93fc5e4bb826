import { expect } from 'chai';
import fc from 'fast-check';
import { ClassLine } from '../../../core/fair/class-line.ts';
import { FairEntry, type FairClass, type ShedReason } from '../../../core/fair/fair-entry.ts';
import { FairQueue } from '../../../core/fair/fair-queue.ts';
import { defaultFairLimits, type FairLimits } from '../../../core/fair/limits.ts';
import { Window } from '../../../core/fair/window.ts';

const high: FairClass = { weight: 10, rank: 2 };
const middle: FairClass = { weight: 3, rank: 1 };
const low: FairClass = { weight: 1, rank: 0 };

class Question extends FairEntry {
  readonly name: string;
  readonly said: string[];
  whenBegun: (() => void) | undefined;

  constructor(of: FairClass, client: string, name: string, said: string[], whenBegun?: () => void) {
    super(of, client);
    this.name = name;
    this.said = said;
    this.whenBegun = whenBegun;
  }

  begin(): void {
    this.said.push(`${this.name} begins`);
    this.whenBegun?.();
  }

  shed(why: ShedReason): void {
    this.said.push(`${this.name} ${why}`);
  }
}

/** A queue of which so many may be under way. */
function bed(atOnce: number, some: Partial<FairLimits> = {}): Bed {
  return new Bed({
    ...defaultFairLimits,
    'upstream-at-once': atOnce,
    'upstream-at-once-min': atOnce,
    ...some,
  });
}

class Bed {
  readonly said: string[] = [];
  readonly shed: [FairClass, ShedReason][] = [];
  readonly queue: FairQueue;

  constructor(limits: FairLimits) {
    const window = new Window({ limits: () => limits });
    this.queue = new FairQueue({
      limits: () => limits,
      window,
      onShed: (of, why) => this.shed.push([of, why]),
    });
  }

  add(of: FairClass, client: string, name: string, nowMs = 0): Question {
    const question = new Question(of, client, name, this.said);
    this.queue.add(question, nowMs);
    return question;
  }

  /** Ends this and all that begin because of it; gives the order. */
  drain(first: Question, all: readonly Question[]): string[] {
    const from = this.said.length;
    this.queue.ended(first, 0, true);
    for (let index = from; index < this.said.length; index += 1) {
      const next = all.find(({ name }) => this.said[index] === `${name} begins`);
      if (next !== undefined) this.queue.ended(next, 0, true);
    }
    return this.said.slice(from).map((words) => words.replace(' begins', ''));
  }
}

describe('fair queue', () => {
  it('begins a question in the same turn if there is room, and the next when one is over', () => {
    const { queue, said, ...rest } = bed(1);
    expect(rest).to.be.an('object');
    const first = new Question(low, 'a', 'first', said);
    const second = new Question(low, 'a', 'second', said);
    queue.add(first, 0);
    queue.add(second, 0);
    expect(said).to.deep.equal(['first begins']);
    expect([queue.waiting, queue.underWay]).to.deep.equal([1, 1]);
    queue.ended(first, 1, true);
    expect(said).to.deep.equal(['first begins', 'second begins']);
    queue.ended(second, 2, false);
    expect([queue.waiting, queue.underWay]).to.deep.equal([0, 0]);
  });

  it('lets clients of a class take turns, whatever order they asked in', () => {
    const there = bed(1);
    const first = there.add(low, 'z', 'first');
    const names = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'];
    const all = names.map((name) => there.add(low, name.charAt(0), name));
    expect(there.drain(first, all)).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('gives turns by weight, and the more important class goes first where they are equal', () => {
    const there = bed(1);
    const first = there.add(low, 'z', 'first');
    const all = [1, 2, 3, 4].map((index) => there.add(low, 'a', `l${String(index)}`));
    all.push(...[1, 2, 3, 4, 5, 6].map((index) => there.add(middle, 'b', `m${String(index)}`)));
    const order = there.drain(first, all).join(' ');
    expect(order.startsWith('m1 m2 m3')).to.equal(true);
    expect(order.slice(0, 'm1 m2 m3 m4 l1 m5 m6'.length).match(/l/gu)).to.have.length(1);
    expect(order).to.match(/l2 l3 l4$/u);
  });

  it('gives no credit for having asked nothing, and no debt for having had all alone', () => {
    const there = bed(1);
    for (let index = 0; index < 100; index += 1) there.queue.ended(there.add(low, 'a', 'alone'), 0, true);
    const all: Question[] = [];
    const same: FairClass = { weight: 1, rank: 0 };
    const last = there.add(same, 'b', 'first');
    for (let index = 0; index < 4; index += 1) {
      all.push(there.add(low, 'a', `o${String(index)}`), there.add(same, 'b', `n${String(index)}`));
    }
    const order = there.drain(last, all);
    for (let index = 0; index < 8; index += 2)
      expect(
        order
          .slice(index, index + 2)
          .map((name) => name.charAt(0))
          .sort(),
      ).to.deep.equal(['n', 'o']);
  });

  it('sheds the oldest question of the busiest client of the least important class', () => {
    const there = bed(1, { queue: 4 });
    there.add(high, 'z', 'first');
    for (const name of ['a1', 'b1', 'b2']) there.add(low, name.charAt(0), name);
    there.add(high, 'h', 'h1');
    there.add(high, 'h', 'h2');
    expect(there.said.slice(1)).to.deep.equal(['b1 full']);
    there.add(high, 'h', 'h3');
    expect(there.said.slice(2)).to.deep.equal(['a1 full']);
    expect(there.shed).to.deep.equal([
      [low, 'full'],
      [low, 'full'],
    ]);
  });

  it('sheds who comes, if all that wait are more important', () => {
    const there = bed(1, { queue: 2 });
    there.add(high, 'z', 'first');
    there.add(high, 'h', 'h1');
    there.add(middle, 'm', 'm1');
    there.add(low, 'l', 'l1');
    expect(there.said.slice(1)).to.deep.equal(['l1 full']);
  });

  it('sheds what waited for too long, when time passes or something happens', () => {
    const there = bed(1, { 'queue-time': 100 });
    const first = there.add(high, 'z', 'first', 0);
    there.add(low, 'a', 'a1', 10);
    there.add(high, 'b', 'b1', 30);
    there.add(high, 'b', 'b2', 60);
    expect(there.queue.advance(109)).to.equal(110);
    expect(there.queue.advance(110)).to.equal(130);
    expect(there.said.slice(1)).to.deep.equal(['a1 too-late']);
    there.queue.ended(first, 135, true);
    expect(there.said.slice(2)).to.deep.equal(['b1 too-late', 'b2 begins']);
    expect(there.queue.advance(140)).to.equal(undefined);
  });

  it('forgets a question that is given up, and says nothing more to it', () => {
    const there = bed(1);
    const first = there.add(low, 'z', 'first');
    const [one, two] = [there.add(low, 'a', 'one'), there.add(low, 'a', 'two')];
    there.queue.remove(one);
    there.queue.remove(one);
    there.queue.remove(first);
    expect(there.queue.underWay).to.equal(1);
    expect(there.drain(first, [one, two])).to.deep.equal(['two']);
    there.queue.ended(two, 0, true);
    expect([there.queue.waiting, there.queue.underWay]).to.deep.equal([0, 0]);
  });

  it('takes a question again that is over, but not one that is still here', () => {
    const there = bed(1);
    const first = there.add(low, 'a', 'first');
    expect(() => {
      there.queue.add(first, 0);
    }).to.throw('twice');
    there.queue.ended(first, 0, true);
    there.queue.add(first, 0);
    expect(there.said).to.deep.equal(['first begins', 'first begins']);
  });

  it('begins ten thousand questions that are over at once without a deep stack', () => {
    const there = bed(1);
    const first = there.add(low, 'a', 'first');
    const end = (question: Question) => (): void => {
      there.queue.ended(question, 0, true);
    };
    for (let index = 0; index < 9_999; index += 1) there.add(low, 'a', 'more').whenBegun = undefined;
    const chain = new Question(low, 'a', 'chain', there.said);
    let left = 10_000;
    chain.whenBegun = () => {
      end(chain)();
      left -= 1;
      if (left > 0) there.queue.add(chain, 0);
    };
    const other = bed(1);
    const alone = new Question(low, 'a', 'alone', other.said);
    let again = 10_000;
    alone.whenBegun = () => {
      other.queue.ended(alone, 0, true);
      again -= 1;
      if (again > 0) other.queue.add(alone, 0);
    };
    other.queue.add(alone, 0);
    expect(again).to.equal(0);
    there.queue.clear();
    there.queue.add(chain, 0);
    there.queue.ended(first, 0, true);
    expect(left).to.equal(0);
    expect([there.queue.waiting, there.queue.underWay]).to.deep.equal([0, 0]);
  });

  it('frees the place of a question that says its end and throws', () => {
    const there = bed(1);
    const bad = new Question(low, 'a', 'bad', there.said, () => {
      there.queue.ended(bad, 0, false);
      throw new Error('no');
    });
    expect(() => {
      there.queue.add(bad, 0);
    }).to.throw('no');
    there.add(low, 'a', 'next');
    expect(there.said).to.deep.equal(['bad begins', 'next begins']);
  });

  it('gives the place of a silent question to others, and counts it until it is over', () => {
    const there = bed(1, { 'queue-time': 5_000 });
    const silent = there.add(low, 'a', 'silent', 0);
    there.add(low, 'a', 'next', 1);
    const dueMs = there.queue.advance(2) ?? 0;
    expect(dueMs).to.be.within(10, 2_000);
    there.queue.advance(dueMs);
    expect(there.said).to.deep.equal(['silent begins', 'next begins']);
    expect(there.queue.underWay).to.equal(2);
    there.queue.ended(silent, dueMs + 1, true);
    expect(there.queue.underWay).to.equal(1);
  });

  it('gives away no more places than there may be late ones', () => {
    const there = bed(1, { 'queue-time': 10_000, 'upstream-late': 2 });
    for (let index = 0; index < 10; index += 1) there.add(low, 'a', String(index), 0);
    let nowMs = 0;
    while (nowMs < 9_999)
      nowMs = Math.max(nowMs + 1, Math.min(9_999, there.queue.advance(nowMs) ?? Infinity));
    expect(there.queue.underWay).to.equal(3);
  });

  it('keeps nothing of a client of which nothing waits', () => {
    const line = new ClassLine(low);
    const said: string[] = [];
    const questions = Array.from(
      { length: 1_000 },
      (_, index) => new Question(low, `c${String(index % 300)}`, '', said),
    );
    for (const question of questions) line.push(question);
    expect([line.clients, line.waiting]).to.deep.equal([300, 1_000]);
    for (const question of questions.slice(0, 500)) line.remove(question);
    while (line.waiting > 0) line.shift();
    expect([line.clients, line.leastDeserving, line.shift()]).to.deep.equal([0, undefined, undefined]);
  });

  it('finds a client with most, whatever comes and goes', () => {
    const step = fc.record({
      client: fc.nat(6),
      how: fc.constantFrom('push', 'push', 'shift', 'remove', 'shed'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const line = new ClassLine(low);
        let inside: Question[] = [];
        for (const { client, how } of steps) {
          if (how === 'push') {
            const question = new Question(low, String(client), '', []);
            inside.push(question);
            line.push(question);
          } else {
            const some = how === 'remove' ? inside[client % Math.max(1, inside.length)] : line.leastDeserving;
            const gone = how === 'shift' ? line.shift() : some;
            if (how !== 'shift' && gone !== undefined) line.remove(gone);
            inside = inside.filter((question) => question !== gone);
          }
          const counts = new Map<string, number>();
          for (const question of inside) counts.set(question.client, (counts.get(question.client) ?? 0) + 1);
          expect([line.waiting, line.clients]).to.deep.equal([inside.length, counts.size]);
          const worst = line.leastDeserving;
          expect(counts.get(worst?.client ?? '') ?? 0).to.equal(Math.max(0, ...counts.values()));
          if (worst !== undefined)
            expect(inside.find((question) => question.client === worst.client)).to.equal(worst);
        }
      }),
    );
  });

  it('loses no question, exceeds no bound, and sheds only the least important', () => {
    const classes = [high, middle, low];
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), of: fc.nat(2), client: fc.nat(4) }),
      fc.record({ do: fc.constantFrom('end' as const, 'remove' as const), which: fc.nat() }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(60) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), fc.integer({ min: 1, max: 5 }), (steps, atOnce) => {
        const limits = { queue: 6, 'queue-time': 100 };
        const there = bed(atOnce, limits);
        const fates = new Map<Question, string>();
        const added: Question[] = [];
        const waiting = (): Question[] => added.filter((question) => question.state === 'waiting');
        const settle = (least: number): void => {
          for (const question of added) {
            const fate = there.said.filter((words) => words.startsWith(`${question.name} `));
            expect(
              fate.length +
                (question.state === 'waiting' ? 1 : 0) +
                (fates.get(question) === 'removed' ? 1 : 0),
            ).to.equal(1);
            if (fates.has(question) || fate.length === 0) continue;
            fates.set(question, fate[0] ?? '');
            if (fate[0]?.endsWith('full') === true) expect(question.of.rank).to.equal(least);
          }
          expect(waiting().length).to.equal(there.queue.waiting);
          expect(there.queue.waiting).to.be.at.most(limits.queue);
          expect(added.filter(({ state }) => state === 'under-way').length).to.be.at.most(atOnce);
        };
        let nowMs = 0;
        for (const what of steps) {
          let least = Math.min(...waiting().map(({ of }) => of.rank));
          if (what.do === 'add') {
            const of = classes[what.of] ?? low;
            least = Math.min(least, of.rank);
            added.push(new Question(of, String(what.client), `q${String(added.length)}`, there.said));
            there.queue.add(added.at(-1)!, nowMs);
          } else if (what.do === 'wait') {
            nowMs += what.ms;
            there.queue.advance(nowMs);
            for (const question of waiting()) expect(nowMs - question.sinceMs).to.be.lessThan(100);
          } else if (what.do === 'end') {
            const going = added.filter(({ state }) => state === 'under-way' || state === 'late');
            const over = going[what.which % Math.max(1, going.length)];
            if (over !== undefined) there.queue.ended(over, nowMs, what.which % 3 > 0);
          } else {
            const idle = waiting();
            const gone = idle[what.which % Math.max(1, idle.length)];
            if (gone !== undefined) {
              there.queue.remove(gone);
              fates.set(gone, 'removed');
            }
          }
          settle(least);
        }
        there.queue.clear();
        expect(there.queue.waiting).to.equal(0);
        for (const question of added)
          if (question.state !== 'outside') there.queue.ended(question, nowMs, true);
        expect(there.queue.underWay).to.equal(0);
      }),
    );
  });

  it('forgets classes of configurations that are gone', () => {
    const there = bed(1_000);
    for (let index = 0; index < 1_000; index += 1) {
      const of: FairClass = { weight: 1, rank: index };
      there.queue.ended(there.add(of, 'a', 'q'), 0, true);
    }
    expect(there.queue.classes).to.be.at.most(64);
  });
});
