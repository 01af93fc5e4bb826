/** Turns while a processor is short, by a simulation of it. */
import { expect } from 'chai';
import { TurnQueue, tickMs } from '../../../core/fair/turn-queue.ts';
import { readTurnsLimits } from '../../../core/fair/read-turns-limits.ts';
import { limitsOf } from '../../support/limits.ts';
import { Simulation, Stranger } from './turn-simulation.ts';

describe('TurnQueue', () => {
  describe('with time enough', () => {
    it('holds nobody', () => {
      const simulation = new Simulation({ strangers: 20, knownRate: 5_000 });
      for (let round = 0; round < 100; round += 1) {
        for (const stranger of simulation.strangers) stranger.backlog += 10;
        simulation.run(10);
      }
      expect(simulation.strangers.map(({ holds }) => holds)).to.deep.equal(Array(20).fill(0));
      expect(simulation.done).to.equal(20 * 10 * 100);
    });

    it('is not disturbed by one long task, for longer than a moment', () => {
      const simulation = new Simulation({ strangers: 1, strangerMs: 40, knownRate: 100 });
      simulation.strangers[0]!.backlog = 1;
      simulation.run(60);
      simulation.strangerMs = 0.02;
      simulation.run(200);
      expect({ isShort: simulation.queue.isShort, held: simulation.held }).to.deep.equal({
        isShort: false,
        held: 0,
      });
    });
  });

  for (const strangers of [1, 10, 1_000]) {
    for (const strangerMs of [0.003, 0.03, 0.3]) {
      it(`keeps the way free of ${String(strangers)} strangers whose requests take ${String(strangerMs)} ms`, () => {
        const simulation = new Simulation({ strangers, strangerMs, knownRate: 10_000 });
        simulation.run(100);
        const before = simulation.delays.length;
        simulation.flood();
        simulation.run(1_000);
        const after = simulation.delays.length;
        const done = simulation.done;
        simulation.run(2_000);
        // 0.1 ms alone; with strangers as long as a few requests of theirs, or a few times turn-time.
        expect(simulation.delay(0.99, after), 'p99').to.be.below(3 + 34 * strangerMs);
        // The beginning, when nobody knows of the flood yet, is a fraction of a second.
        expect(simulation.delay(1, before), 'all').to.be.below(100 + 2 * strangers * strangerMs);
        const theirs = ((simulation.done - done) * strangerMs) / 2_000;
        expect(theirs, 'time that strangers got, of the 0.8 that are left').to.be.within(0.45, 0.81);
      });
    }
  }

  it('would be missed', () => {
    const simulation = new Simulation({ strangers: 100, knownRate: 10_000, hasTurns: false });
    simulation.flood();
    simulation.run(3_000);
    expect(simulation.delay(0.5)).to.be.above(500);
  });

  it('gives all strangers as many turns, also those who came late or ask little', () => {
    const simulation = new Simulation({ strangers: 100, knownRate: 10_000 });
    const [late, modest, ...greedy] = simulation.strangers as [Stranger, Stranger, ...Stranger[]];
    for (const stranger of greedy) stranger.backlog = Infinity;
    simulation.run(1_000);
    const before = greedy.map(({ done }) => done);
    late.backlog = Infinity;
    for (let round = 0; round < 100; round += 1) {
      modest.backlog += 1;
      simulation.run(20);
      expect(modest.backlog, 'of who asks little').to.be.at.most(3);
    }
    const shares = greedy.map(({ done }, index) => done - before[index]!);
    expect(Math.max(...shares) - Math.min(...shares)).to.be.at.most(2 * 32);
    expect(late.done).to.be.within(Math.min(...shares) - 64, Math.max(...shares) + 64);
  });

  it('lets strangers have turns though the known ones alone are too many', () => {
    const simulation = new Simulation({ strangers: 10, knownRate: 60_000 });
    simulation.flood();
    simulation.run(1_000);
    const done = simulation.done;
    simulation.run(10_000);
    expect(simulation.done).to.be.above(done);
  });

  it('leaves nobody held when strangers stop', () => {
    const simulation = new Simulation({ strangers: 500, knownRate: 1_000 });
    simulation.flood();
    simulation.run(2_000);
    expect(simulation.held).to.be.above(0);
    simulation.flood(false);
    simulation.run(500);
    expect(simulation.held).to.equal(0);
    expect(simulation.queue.isShort).to.equal(false);
    const holds = simulation.strangers.map((stranger) => stranger.holds);
    for (const stranger of simulation.strangers) stranger.backlog = 1;
    simulation.run(500);
    expect(simulation.strangers.map((stranger) => stranger.holds)).to.deep.equal(holds);
  });

  it('releases who ends or is known now, and gives it no turn', () => {
    const simulation = new Simulation({ strangers: 50 });
    simulation.flood();
    simulation.run(1_000);
    const gone = simulation.strangers.filter(({ isHeld }) => isHeld).slice(0, 10);
    for (const stranger of gone) {
      simulation.queue.forget(stranger);
      stranger.isGone = true;
      expect(stranger.isHeld).to.equal(false);
    }
    simulation.queue.forget(new Stranger());
    // Released twice would throw.
    simulation.run(1_000);
    expect(simulation.done).to.be.above(0);
  });

  it('releases everybody when it is closed', () => {
    const simulation = new Simulation({ strangers: 50 });
    simulation.flood();
    simulation.run(1_000);
    expect(simulation.held).to.be.above(0);
    simulation.queue.close();
    expect(simulation.held).to.equal(0);
    expect(simulation.queue.isTurning).to.equal(false);
  });

  describe('turns', () => {
    const make = (changed = {}) => {
      const queue = new TurnQueue(() => limitsOf(readTurnsLimits, changed), 0);
      queue.look(tickMs + 16);
      return queue;
    };

    it('are over after so many requests', () => {
      const queue = make({ 'turn-requests': 3 });
      const stranger = new Stranger();
      queue.noteRequest(stranger);
      expect(stranger.isHeld, 'without a turn').to.equal(true);
      queue.round(30);
      expect(stranger.isHeld).to.equal(false);
      queue.noteRequest(stranger);
      queue.noteRequest(stranger);
      expect(stranger.isHeld).to.equal(false);
      queue.noteRequest(stranger);
      expect(stranger.isHeld).to.equal(true);
    });

    it('are not saved for later', () => {
      const queue = make();
      const stranger = new Stranger();
      queue.noteRequest(stranger);
      queue.round(30);
      for (let tick = 1; tick <= 3; tick += 1) queue.tick(30 + tick * tickMs, 1);
      queue.noteRequest(stranger);
      expect(stranger.isHeld).to.equal(true);
    });

    it('go to one each round, however long rounds take', () => {
      const queue = make();
      const strangers = Array.from({ length: 20 }, () => new Stranger());
      for (const stranger of strangers) queue.noteRequest(stranger);
      for (let round = 0; round < 20; round += 1) {
        expect(strangers.filter(({ isHeld }) => isHeld)).to.have.lengthOf.at.most(20 - round);
        queue.round(30 + round * 1_000);
      }
      expect(queue.waiting).to.equal(0);
    });

    it('begin when the timer is late, and not before', () => {
      const queue = new TurnQueue(() => limitsOf(readTurnsLimits), 0);
      queue.look(tickMs + 15);
      expect(queue.isShort).to.equal(false);
      queue.look(tickMs + 15.1);
      expect(queue.isShort).to.equal(true);
    });

    it('begin when there was too little rest for a while, and end when there is enough', () => {
      const queue = new TurnQueue(() => limitsOf(readTurnsLimits), 0);
      let nowMs = 0;
      const ticks = (count: number, busy: number): void => {
        for (let tick = 0; tick < count; tick += 1) queue.tick((nowMs += tickMs), busy);
      };
      ticks(5, 1);
      expect(queue.isShort, 'soon').to.equal(false);
      ticks(30, 1);
      expect(queue.isShort, 'then').to.equal(true);
      ticks(50, 0.8);
      expect(queue.isShort, 'nearly enough').to.equal(true);
      ticks(50, 0.7);
      expect(queue.isShort, 'enough').to.equal(false);
      ticks(50, 0.85);
      expect(queue.isShort, 'nearly too little').to.equal(false);
    });
  });
});
