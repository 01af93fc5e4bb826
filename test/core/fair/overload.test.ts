import { expect } from 'chai';
import type { FairClass } from '../../../core/fair/fair-entry.ts';
import { oneThread, World, type Sender, type Tally } from './simulation.ts';

/** Known resolvers ask for three quarters of all: with a weight of 20 to 1 they have room enough beside the strangers. */
const known: FairClass = { weight: 20, rank: 1 };
const strangers: FairClass = { weight: 1, rank: 0 };
/** From when strangers come: what they find is a server at work, and what comes then is counted, the worst included. */
const onsetMs = 1_000;
/** Longer where less happens in a second. */
const servers = [
  { rate: 500, forMs: 60_000 },
  { rate: 2_000, forMs: 25_000 },
  { rate: 20_000, forMs: 5_000 },
];

function knownSenders(rate: number): Sender[] {
  return [1, 2, 3].map((index) => ({
    of: known,
    clients: 1,
    name: `known-${String(index)}-`,
    perSecond: rate / 4,
  }));
}

function run(rate: number, wireMs: number, forMs: number, strangerClients: number, toMs = forMs): World {
  const senders = knownSenders(rate);
  if (strangerClients > 0) {
    const flood = { of: strangers, clients: strangerClients, name: 'stranger-', perSecond: 10 * rate };
    senders.push({ ...flood, fromMs: onsetMs, toMs });
  }
  const server = oneThread({ rate, wireMs });
  return new World({ server, senders, forMs, countFromMs: onsetMs, seed: 8 }).run();
}

function slowestOfMost(world: World): number {
  const times = Float64Array.from(world.tallies.slice(0, 3).flatMap(({ tookMs }) => tookMs)).sort();
  return times[Math.floor(times.length * 0.99)] ?? 0;
}

function sum(tallies: readonly Tally[], key: 'sent' | 'answered'): number {
  return tallies.reduce((total, tally) => total + tally[key], 0);
}

describe('fair queue under overload', () => {
  for (const { rate, forMs } of servers)
    for (const wireMs of [0.2, 2, 20]) {
      let quietMs = 0;

      before(() => {
        quietMs = slowestOfMost(run(rate, wireMs, forMs, 0));
      });

      for (const clients of [1, 1_000])
        it(`answers known resolvers before a server of ${String(rate)}/s, ${String(wireMs)} ms away, when strangers (${String(clients)}) send ten times that`, () => {
          const world = run(rate, wireMs, forMs, clients);
          const ours = world.tallies.slice(0, 3);
          expect(sum(ours, 'answered') / sum(ours, 'sent')).to.be.at.least(0.999);
          for (const tally of ours) expect(tally.answered / tally.sent).to.be.at.least(0.999);
          // A queue of a millisecond or two at the server is tolerated (window.ts).
          expect(slowestOfMost(world)).to.be.at.most(2 * quietMs + 1.5);
          expect(world.served / ((rate * (forMs - onsetMs)) / 1000)).to.be.at.least(0.9);
          expect(world.mostWaiting).to.be.at.most(10_000);
        });
    }

  it('gives all clients of the strangers about the same', () => {
    const world = run(2_000, 2, 20_000, 20);
    const begun = [...world.begunBy]
      .filter(([client]) => client.startsWith('stranger'))
      .map(([, count]) => count);
    expect(begun).to.have.length(20);
    expect(Math.min(...begun) / Math.max(...begun)).to.be.at.least(0.9);
  });

  it('keeps nothing of it when strangers stop', () => {
    const stopMs = 6_000;
    const atStop: number[] = [];
    const sizes: number[] = [];
    const server = oneThread({ rate: 2_000, wireMs: 2 });
    const flood: Sender = {
      of: strangers,
      clients: 100,
      name: 's',
      perSecond: 20_000,
      fromMs: onsetMs,
      toMs: stopMs,
    };
    const world = new World({
      server,
      senders: [...knownSenders(2_000), flood],
      forMs: 12_000,
      countFromMs: stopMs + 1_500,
      seed: 8,
      at: [
        { timeMs: onsetMs, act: (there) => sizes.push(there.window.size) },
        { timeMs: stopMs, act: (there) => atStop.push(there.queue.waiting) },
        { timeMs: stopMs + 1_501, act: (there) => atStop.push(there.queue.waiting) },
        { timeMs: 11_900, act: (there) => sizes.push(there.window.size) },
      ],
    }).run();
    // Of those that came before, none waits for longer than `queue-time`; what waits then is a handful of known ones.
    expect(atStop[0]).to.be.greaterThan(1_000);
    expect(atStop[1]).to.be.lessThan(50);
    expect(world.queue.waiting).to.equal(0);
    expect(world.queue.underWay).to.equal(0);
    const [before = 0, after = 0] = sizes;
    expect(after).to.be.within(before / 3, before * 3);
    expect(slowestOfMost(world)).to.be.at.most(1.1 * slowestOfMost(run(2_000, 2, 12_000, 0)));
  });

  it('shares three to one between classes of weights 3 and 1 that both want all', () => {
    const three: FairClass = { weight: 3, rank: 0 };
    const one: FairClass = { weight: 1, rank: 0 };
    const world = new World({
      server: oneThread({ rate: 2_000, wireMs: 2 }),
      senders: [
        { of: three, clients: 1, name: 'a', perSecond: 6_000 },
        { of: one, clients: 50, name: 'b', perSecond: 6_000 },
      ],
      forMs: 10_000,
      countFromMs: 1_000,
    }).run();
    const [more, fewer] = world.tallies;
    expect((more?.begun ?? 0) / (fewer?.begun ?? 1)).to.be.within(3 * 0.95, 3 * 1.05);
  });

  it('does not let a client with a hundred times as many questions delay another of its class', () => {
    const senders: Sender[] = [
      { of: known, clients: 1, name: 'loud', perSecond: 10_000 },
      { of: known, clients: 1, name: 'soft', perSecond: 100 },
    ];
    const world = new World({
      server: oneThread({ rate: 2_000, wireMs: 2 }),
      senders,
      forMs: 10_000,
      countFromMs: 500,
    }).run();
    const soft = world.tallies[1];
    expect(soft?.answered).to.equal(soft?.sent);
    expect(soft?.percentile(0.99)).to.be.at.most(10);
    expect(world.tallies[0]?.shed).to.be.greaterThan(1_000);
  });
});
