import { expect } from 'chai';
import type { FairClass } from '../../../core/fair/fair-entry.ts';
import { defaultFairLimits } from '../../../core/fair/limits.ts';
import { Window } from '../../../core/fair/window.ts';
import { bounded, dropping, oneThread, threads, World, type Sender, type ServerModel } from './simulation.ts';

const known: FairClass = { weight: 10, rank: 1 };
const strangers: FairClass = { weight: 1, rank: 0 };

function senders(rate: number): Sender[] {
  return [
    { of: known, clients: 3, name: 'known', perSecond: 0.7 * rate },
    { of: strangers, clients: 100, name: 'stranger', perSecond: 10 * rate, fromMs: 1_000 },
  ];
}

/** Part of what the server could answer from `fromMs` on that it did answer. */
function use(world: World, rate: number, fromMs: number, toMs: number): number {
  return world.served / ((rate * (toMs - fromMs)) / 1000);
}

/** A server that is another one from a time on. */
function changing(before: ServerModel, after: ServerModel, atMs: number): ServerModel {
  return (nowMs, random) => (nowMs < atMs ? before : after)(nowMs, random);
}

describe('window of questions under way', () => {
  it('grows to what a server with many threads can do at once', () => {
    const server = threads({ count: 64, rate: 4_000, wireMs: 0.3 });
    const world = new World({ server, senders: senders(4_000), forMs: 10_000, countFromMs: 2_000 }).run();
    expect(use(world, 4_000, 2_000, 10_000)).to.be.at.least(0.95);
    expect(world.window.size).to.be.within(60, 128);
  });

  it('grows for a far server of much room, and stays within its limit', () => {
    const limits = { 'upstream-at-once': 100 };
    const server = oneThread({ rate: 1_000_000, wireMs: 50 });
    const world = new World({
      server,
      senders: senders(20_000),
      forMs: 4_000,
      countFromMs: 2_000,
      limits,
    }).run(4_000);
    expect(world.window.size).to.equal(100);
    expect(world.mostUnderWay).to.equal(100);
  });

  it('keeps an irregular server busy without a long queue there', () => {
    const server = oneThread({ rate: 2_000, wireMs: 2, spread: true });
    const world = new World({ server, senders: senders(2_000), forMs: 20_000, countFromMs: 2_000 }).run();
    expect(use(world, 2_000, 2_000, 20_000)).to.be.at.least(0.9);
    expect(world.window.size).to.be.at.most(40);
  });

  for (const [fromMs, toMs] of [
    [2, 80],
    [80, 2],
  ] as const)
    it(`learns anew when the server is ${String(toMs)} ms away and no longer ${String(fromMs)}`, () => {
      const rate = 2_000;
      const server = changing(oneThread({ rate, wireMs: fromMs }), oneThread({ rate, wireMs: toMs }), 6_000);
      const world = new World({ server, senders: senders(rate), forMs: 50_000, countFromMs: 42_000 }).run();
      expect(use(world, rate, 42_000, 50_000)).to.be.at.least(0.95);
      const ours = world.tallies[0];
      expect(ours?.answered).to.be.at.least((ours?.sent ?? 0) * 0.999);
      expect(ours?.percentile(0.5)).to.be.at.most(1.5 * toMs + 8);
    });

  it('follows a server that becomes much slower, and much quicker again', () => {
    const quick = oneThread({ rate: 20_000, wireMs: 2 });
    const server = changing(changing(quick, oneThread({ rate: 500, wireMs: 2 }), 4_000), quick, 20_000);
    const flood: Sender = { of: strangers, clients: 5, name: 's', perSecond: 40_000 };
    const world = new World({ server, senders: [flood], forMs: 24_000, countFromMs: 22_000 });
    world.run(18_000);
    expect(world.window.size).to.be.at.most(6);
    world.run(24_000);
    expect(use(world, 20_000, 22_000, 24_000)).to.be.at.least(0.9);
  });

  it('is not made small by names that are slow', () => {
    const quick = oneThread({ rate: 4_000, wireMs: 1 });
    const server: ServerModel = (nowMs, random) => {
      const atMs = quick(nowMs, random) ?? nowMs;
      return random() < 0.05 ? atMs + 500 : atMs;
    };
    const world = new World({ server, senders: senders(4_000), forMs: 10_000, countFromMs: 2_000 }).run();
    expect(use(world, 4_000, 2_000, 10_000)).to.be.at.least(0.85);
    expect(world.tallies[0]?.percentile(0.9)).to.be.at.most(25);
  });

  it('is not made small by names that nobody answers, be they two in five', () => {
    const quick = oneThread({ rate: 4_000, wireMs: 1 });
    const server: ServerModel = (nowMs, random) => (random() < 0.4 ? undefined : quick(nowMs, random));
    const options = { senders: senders(4_000), forMs: 10_000, countFromMs: 2_000, giveUpMs: 3_000 };
    const world = new World({ server, ...options }).run();
    expect(use(world, 4_000, 2_000, 10_000)).to.be.at.least(0.7);
    expect(world.tallies[0]?.shed).to.equal(0);
  });

  it('sends no more than in the beginning where hardly anything is answered', () => {
    const there = threads({ count: 64, rate: 4_000, wireMs: 0.3 });
    const server: ServerModel = (nowMs, random) =>
      nowMs > 4_000 && random() < 0.95 ? undefined : there(nowMs, random);
    const world = new World({ server, senders: senders(4_000), forMs: 8_000 }).run(4_000);
    expect(world.window.size).to.be.at.least(60);
    world.run(8_000);
    expect(world.window.size).to.be.at.most(10);
  });

  it('sends less and less to a server that says nothing, and all again when it is back', () => {
    const there = oneThread({ rate: 2_000, wireMs: 2 });
    let begun = 0;
    const server: ServerModel = (nowMs, random) => {
      if (nowMs < 4_000 || nowMs >= 10_000) return there(nowMs, random);
      begun += 1;
      return undefined;
    };
    const options = { senders: senders(2_000), forMs: 20_000, countFromMs: 14_000, giveUpMs: 5_000 };
    const world = new World({ server, ...options }).run();
    expect(begun).to.be.within(10, 200);
    expect(use(world, 2_000, 14_000, 20_000)).to.be.at.least(0.95);
  });

  it('keeps clear of a server that drops what does not fit into its buffer', () => {
    const server = bounded({ rate: 2_000, wireMs: 2, room: 30 });
    const options = { senders: senders(2_000), forMs: 20_000, countFromMs: 1_500, giveUpMs: 3_000 };
    const world = new World({ server, ...options }).run();
    expect(use(world, 2_000, 1_500, 20_000)).to.be.at.least(0.95);
    expect(world.tallies[0]?.silent).to.equal(0);
  });

  it('has all known questions answered by a server that drops above its rate, when that rate is said', () => {
    const options = { senders: senders(2_000), forMs: 10_000, countFromMs: 1_500, giveUpMs: 3_000 };
    const server = dropping({ rate: 2_000, wireMs: 2, burst: 20 });
    const world = new World({ server, ...options, rate: 1_950 }).run();
    expect(use(world, 2_000, 1_500, 10_000)).to.be.at.least(0.95);
    expect(world.tallies[0]?.silent).to.equal(0);
    expect(world.tallies[0]?.shed).to.equal(0);
  });

  it('keeps a server busy that drops above a rate that is not said', () => {
    const options = { senders: senders(2_000), forMs: 10_000, countFromMs: 1_500, giveUpMs: 3_000 };
    const world = new World({ server: dropping({ rate: 2_000, wireMs: 2, burst: 20 }), ...options }).run();
    expect(use(world, 2_000, 1_500, 10_000)).to.be.at.least(0.9);
    expect((world.tallies[0]?.answered ?? 0) / (world.tallies[0]?.sent ?? 1)).to.be.at.least(0.85);
  });

  it('never sends more than the rate, and a bucket of some milliseconds', () => {
    const sentMs: number[] = [];
    const there = oneThread({ rate: 100_000, wireMs: 1 });
    const server: ServerModel = (nowMs, random) => {
      if (nowMs <= 4_000) sentMs.push(nowMs);
      return there(nowMs, random);
    };
    new World({ server, senders: senders(5_000), forMs: 4_000, rate: 3_000 }).run();
    for (let index = 300; index < sentMs.length; index += 1)
      expect((sentMs[index] ?? 0) - (sentMs[index - 300] ?? 0)).to.be.at.least((300 - 14) / 3);
    expect(sentMs.length / 4).to.be.within(2_850, 3_010);
  });

  it('starts with a few, and never goes below its least', () => {
    const limits = { ...defaultFairLimits, 'upstream-at-once-min': 3 };
    expect(new Window({ limits: () => limits }).size).to.equal(10);
    const sizes: number[] = [];
    const act = (world: World): unknown => sizes.push(world.window.size);
    const at = Array.from({ length: 100 }, (_, index) => ({ timeMs: 100 * index, act }));
    new World({
      server: oneThread({ rate: 300, wireMs: 0.1 }),
      senders: senders(300),
      forMs: 10_000,
      at,
      limits,
    }).run();
    expect(Math.min(...sizes)).to.equal(3);
  });

  it('obeys limits that are made smaller while it runs', () => {
    let limits = defaultFairLimits;
    const window = new Window({ limits: () => limits });
    limits = { ...limits, 'upstream-at-once': 1 };
    expect(window.size).to.equal(1);
    window.begun();
    expect(window.hasRoom(0)).to.equal(false);
  });
});
