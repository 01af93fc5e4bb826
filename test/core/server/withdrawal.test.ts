import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import {
  everythingChanged,
  type AccessChange,
  type AccessControl,
  type AccessListener,
} from '../../../core/acl/access-control.ts';
import type { Admission } from '../../../core/acl/model.ts';
import { Name } from '../../../core/dns/name.ts';
import { changesWaiting, namesAtOnce, Withdrawals } from '../../../core/server/withdrawal.ts';
import { accessTo, everybodyAdmitted, nobodyAdmitted } from '../../support/access.ts';
import { clientName, GateBed } from '../../support/gate-bed.ts';

const unavailable: Admission = { admitted: false, reason: 'access-unavailable', detail: '' };

describe('withdrawal of admissions', () => {
  /** Names that were put to the list, in order. */
  let asked: string[];
  let answer: (name: string) => Admission | Promise<Admission>;
  let defects: string[];
  let cut: string[];
  let withdrawals: Withdrawals;

  beforeEach(() => {
    // What is asked again later, after the end of a test, is no other's.
    const here: string[] = [];
    asked = here;
    defects = [];
    cut = [];
    answer = () => everybodyAdmitted;
    withdrawals = new Withdrawals({
      admit: async (name) => {
        here.push(name.toString());
        return answer(name.toString());
      },
      onDefect: (error) => defects.push(String(error)),
    });
  });

  function hold(name: string, since = withdrawals.count): () => void {
    const here = cut;
    return withdrawals.hold({ name: Name.parse(name), withdraw: () => here.push(name) }, since);
  }

  function changeOf(...names: readonly string[]): AccessChange {
    return { concerns: (name) => names.includes(name.toString()) };
  }

  it('ends the connections of a client that the list has lost, and no other', async () => {
    hold('a.example');
    hold('a.example');
    hold('b.example');
    answer = (name) => (name === 'a.example' ? nobodyAdmitted : everybodyAdmitted);
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect(cut).to.deep.equal(['a.example', 'a.example']);
    expect(asked.sort()).to.deep.equal(['a.example', 'b.example']);
  });

  it('asks only about clients that the change concerns and that are connected', async () => {
    hold('a.example');
    hold('b.example');
    hold('c.example')();
    withdrawals.note(changeOf('b.example', 'c.example', 'd.example'));
    await withdrawals.done();
    expect(asked).to.deep.equal(['b.example']);
  });

  it('ends nothing while the store of the list is away', async () => {
    hold('a.example');
    answer = () => unavailable;
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect([cut, defects]).to.deep.equal([[], []]);
  });

  it('ends nothing when the list fails, and says so once for a pass', async () => {
    for (let at = 0; at < 300; at++) hold(`c${at}.example`);
    answer = () => Promise.reject(new Error('a mistake'));
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect([cut, defects]).to.deep.equal([[], ['Error: a mistake']]);
    answer = () => nobodyAdmitted;
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect(cut).to.have.length(300);
  });

  it('goes on after a change that cannot be asked what it concerns', async () => {
    hold('a.example');
    answer = () => nobodyAdmitted;
    withdrawals.note({
      concerns: () => {
        throw new Error('a mistake');
      },
    });
    await withdrawals.done();
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect([cut, defects]).to.deep.equal([['a.example'], ['Error: a mistake']]);
  });

  it('puts a bounded number of names to the list at once', async () => {
    const count = 2 * namesAtOnce + 10;
    for (let at = 0; at < count; at++) hold(`c${at}.example`);
    let underWay = 0;
    let most = 0;
    answer = async () => {
      most = Math.max(most, ++underWay);
      await nextTurn();
      underWay--;
      return everybodyAdmitted;
    };
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    expect([asked.length, most]).to.deep.equal([count, namesAtOnce]);
  });

  it('makes one more pass of all changes that come during one, however many', async () => {
    hold('a.example');
    const { promise, resolve } = Promise.withResolvers<undefined>();
    answer = () => promise.then(() => everybodyAdmitted);
    withdrawals.note(everythingChanged);
    await nextTurn();
    for (let at = 0; at < 10 * changesWaiting; at++) withdrawals.note(changeOf('b.example'));
    withdrawals.note(changeOf('a.example'));
    resolve(undefined);
    await withdrawals.done();
    expect(asked).to.deep.equal(['a.example', 'a.example']);
  });

  it('asks again about a client that was admitted before a change and arrived after it', async () => {
    const since = withdrawals.count;
    withdrawals.note(changeOf('a.example'));
    await withdrawals.done();
    answer = () => nobodyAdmitted;
    hold('a.example', since);
    await withdrawals.done();
    expect([asked, cut]).to.deep.equal([['a.example'], ['a.example']]);
    hold('b.example');
    await withdrawals.done();
    expect(asked).to.have.length(1);
  });

  it('misses no change, whenever in a pass it comes', async () => {
    answer = () => nobodyAdmitted;
    for (let turns = 0; turns < 20; turns++) {
      const name = `c${turns}.example`;
      hold(name);
      withdrawals.note(changeOf());
      for (let tick = 0; tick < turns; tick++) await Promise.resolve();
      withdrawals.note(changeOf(name));
      await withdrawals.done();
      expect(cut.at(-1)).to.equal(name);
    }
  });

  it('asks again about clients of which the list could say nothing, and about no other', async () => {
    hold('a.example');
    hold('b.example');
    answer = (name) => (name === 'a.example' ? unavailable : everybodyAdmitted);
    withdrawals.note(everythingChanged);
    await withdrawals.done();
    answer = () => nobodyAdmitted;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    withdrawals.hold(
      { name: Name.parse('a.example'), withdraw: () => resolve(undefined) },
      withdrawals.count,
    );
    await promise;
    await withdrawals.done();
    expect([asked, cut]).to.deep.equal([['a.example', 'b.example', 'a.example'], ['a.example']]);
  });

  it('leaves a connection alone that has ended meanwhile', async () => {
    const letGo = hold('a.example');
    const { promise, resolve } = Promise.withResolvers<undefined>();
    answer = () => promise.then(() => nobodyAdmitted);
    withdrawals.note(everythingChanged);
    await nextTurn();
    letGo();
    resolve(undefined);
    await withdrawals.done();
    expect(cut).to.deep.equal([]);
  });
});

/** A list that can be changed, and whose store can be away. */
class ChangingAccess implements AccessControl {
  readonly listeners = new Set<AccessListener>();
  readonly staleMaxMs: (() => number)[] = [];
  admission: Admission = everybodyAdmitted;
  #held: Promise<unknown> = Promise.resolve();
  readonly #list = accessTo(clientName);

  async admit(): Promise<Admission> {
    const { admission } = this;
    await this.#held;
    return admission;
  }
  decide(...args: Parameters<AccessControl['decide']>) {
    return this.#list.decide(...args);
  }
  decideAnonymous(...args: Parameters<AccessControl['decideAnonymous']>) {
    return this.#list.decideAnonymous(...args);
  }
  onChange(listener: AccessListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  seenBy({ staleMaxMs }: { staleMaxMs: () => number }): AccessControl {
    this.staleMaxMs.push(staleMaxMs);
    return {
      admit: () => this.admit(),
      decide: (...args) => this.decide(...args),
      decideAnonymous: (...args) => this.decideAnonymous(...args),
    };
  }

  /** Answers nothing until the function that it gives is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#held = promise;
    return () => {
      resolve(undefined);
    };
  }

  change(admission: Admission): void {
    this.admission = admission;
    for (const listener of this.listeners) listener(everythingChanged);
  }
}

describe('a gate whose access list changes', () => {
  const message = Buffer.alloc(12, 7);
  let access: ChangingAccess;
  let bed: GateBed;

  beforeEach(async () => {
    access = new ChangingAccess();
    bed = await GateBed.start({ access, tls: { onFailure: 'anonymous' }, limits: { 'stale-max': 5000 } });
  });
  afterEach(() => bed.close());

  it('cuts the connections of a client that is removed, and says why', async () => {
    const client = await bed.connect();
    client.send(message);
    await client.received(1);
    access.change(nobodyAdmitted);
    await client.closed;
    await bed.gate.close(1000);
    expect(bed.log.of('connection')[0]?.fields).to.include({ client: clientName, ended: 'not-admitted' });
  });

  it('leaves anonymous clients alone', async () => {
    const client = await bed.connect({});
    client.send(message);
    await client.received(1);
    access.change(nobodyAdmitted);
    client.send(message);
    expect(await client.received(2)).to.have.length(2);
  });

  it('lets a client be while the store is away', async () => {
    const client = await bed.connect();
    client.send(message);
    await client.received(1);
    access.change(unavailable);
    client.send(message);
    expect(await client.received(2)).to.have.length(2);
  });

  it('cuts a client that was admitted just before it was removed', async () => {
    const release = bed.resolver.hold();
    const client = await bed.connect();
    while (bed.resolver.asked.length === 0) await nextTurn();
    access.change(nobodyAdmitted);
    await nextTurn();
    release();
    await client.closed;
    await bed.gate.close(1000);
    expect(bed.log.of('connection')[0]?.fields).to.include({ client: clientName, ended: 'not-admitted' });
  });

  it('sees the list by its own limit, also after that has changed', () => {
    const [staleMaxMs] = access.staleMaxMs;
    expect([access.staleMaxMs.length, staleMaxMs?.()]).to.deep.equal([1, 5000]);
    bed.gate.setLimits({ ...bed.gate.limits, 'stale-max': 0 });
    expect(staleMaxMs?.()).to.equal(0);
  });

  it('listens for changes as long as it is open', async () => {
    expect(access.listeners.size).to.equal(1);
    await bed.gate.close(0);
    expect(access.listeners.size).to.equal(0);
    const failed = await GateBed.start({ access, port: 1 }).then(
      (opened) => opened.close(),
      () => 'cannot listen',
    );
    expect([failed, access.listeners.size]).to.deep.equal(
      process.getuid?.() === 0 ? [undefined, 0] : ['cannot listen', 0],
    );
  });
});
