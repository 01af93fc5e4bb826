/** Turns by the clock and the event loop of this process. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { ReadTurns } from '../../../core/fair/read-turns.ts';
import { readTurnsLimits } from '../../../core/fair/read-turns-limits.ts';
import { limitsOf } from '../../support/limits.ts';
import { until } from '../../support/gate.ts';
import { Stranger } from './turn-simulation.ts';

const nowMs = (): number => performance.now();
const limits = () => limitsOf(readTurnsLimits, { 'turn-requests': 4 });

describe('ReadTurns', () => {
  let turns: ReadTurns;

  afterEach(() => {
    turns.close();
  });

  /** A task that takes this long. */
  function work(ms: number): void {
    const endMs = nowMs() + ms;
    while (nowMs() < endMs);
  }

  it('holds nobody while there is time enough', async () => {
    turns = new ReadTurns({ nowMs, limits, busy: () => 0.5 });
    const stranger = new Stranger();
    for (let round = 0; round < 200; round += 1) {
      turns.noteRequest(stranger);
      if (round % 20 === 0) await nextTurn();
    }
    expect(stranger.holds).to.equal(0);
  });

  it('holds strangers while the process is busy, each for a turn, and nobody when it is idle again', async () => {
    let busy = 1;
    turns = new ReadTurns({ nowMs, limits, busy: () => busy });
    const strangers = Array.from({ length: 20 }, () => new Stranger());
    await until('short', () => turns.isShort);
    for (let round = 0; round < 200; round += 1) {
      for (const stranger of strangers) if (!stranger.isHeld) turns.noteRequest(stranger);
      await nextTurn();
    }
    expect(Math.min(...strangers.map(({ holds }) => holds))).to.be.above(2);
    await until('nobody held', () => turns.waiting === 0);
    busy = 0;
    await until('no more short', () => !turns.isShort);
    expect(strangers.filter(({ isHeld }) => isHeld)).to.deep.equal([]);
  });

  it('sees by itself that the event loop has no rest, and that it has', async () => {
    turns = new ReadTurns({ nowMs, limits });
    const endMs = nowMs() + 5_000;
    while (!turns.isShort && nowMs() < endMs) {
      work(5);
      await nextTurn();
    }
    expect(turns.isShort).to.equal(true);
    await until('no more short', () => !turns.isShort);
  });

  it('sees in the middle of a long task that it is one', () => {
    turns = new ReadTurns({ nowMs, limits });
    const stranger = new Stranger();
    for (let request = 0; request < 100 && !stranger.isHeld; request += 1) {
      turns.noteRequest(stranger);
      work(1);
    }
    expect(stranger.isHeld).to.equal(true);
  });

  it('looks at the load only while there is somebody who may have to wait', async () => {
    let looks = 0;
    const busy = (): number => {
      looks += 1;
      return 0;
    };
    turns = new ReadTurns({ nowMs, limits, busy });
    await sleep(50);
    expect(looks).to.equal(0);
    turns.noteRequest(new Stranger());
    await until('it looks', () => looks > 3);
    await until(
      'it looks no more',
      async () => {
        const before = looks;
        await sleep(100);
        return looks === before;
      },
      20_000,
    );
  });

  it('releases who has ended, and everybody when it is closed', async () => {
    turns = new ReadTurns({ nowMs, limits, busy: () => 1 });
    await until('short', () => turns.isShort);
    const strangers = [new Stranger(), new Stranger(), new Stranger()];
    for (const stranger of strangers) turns.noteRequest(stranger);
    expect(strangers.map(({ isHeld }) => isHeld)).to.deep.equal([true, true, true]);
    turns.forget(strangers[0]!);
    expect(strangers.map(({ isHeld }) => isHeld)).to.deep.equal([false, true, true]);
    turns.close();
    expect(strangers.map(({ isHeld }) => isHeld)).to.deep.equal([false, false, false]);
    turns.noteRequest(strangers[1]!);
    expect(strangers[1]!.isHeld).to.equal(false);
  });
});
