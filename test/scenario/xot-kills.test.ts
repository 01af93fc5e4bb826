/**
 * Transfers of which none is left in peace: while versions of a zone travel from the primary over gate and agent to five servers of
 * others, gate, agent and primary are killed, and connections end, break, fall silent or lose octets, each at a random octet of
 * a transfer. Everybody who can be asked is asked all the time: what he has is one of the versions, and all of it; and in the
 * end it is the last one.
 *
 * `DANCED_TRANSFERS=200` makes so many transfers instead of a few, `DANCED_FUZZ_SEED` another choice of mishaps.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fuzzSeed, Random } from '../fuzz/random.ts';
import { MishapRelay, type Mishap } from '../support/mishap-relay.ts';
import { digestAt } from '../support/peers/kinds.ts';
import { startNsdPrimary } from '../support/peers/primaries.ts';
import { digestOf, servedDigest, ZoneSeries, type ZoneDigest } from '../support/peers/zone-series.ts';
import { recordLines } from '../support/peers/zone-text.ts';
import { XotBed } from '../support/xot-bed.ts';

const apex = 'example.com';
const records = 20_000;
const atGate = ['BIND', 'NSD'];
const atAgent = ['Knot DNS', 'PowerDNS', 'Unbound'];
const receivers = atGate.length + atAgent.length;
const transfers = Number(process.env['DANCED_TRANSFERS'] ?? 15);
const rounds = Math.ceil(transfers / receivers);
/** Everybody looks by himself so often. */
const timers = { refresh: 1, retry: 1, expire: 3600 };
/** For a mishap to come about: the transfer may be shorter than the point that was chosen. */
const patienceMs = 1500;
const settleTimeMs = 60_000;
/** Octets of a whole transfer, about; TLS and names make it more or less. */
const wholeOctets = 700_000;
const somewhatOctets = 6_000;

type Look = () => Promise<ZoneDigest | undefined>;
type Way = 'primary' | 'gate' | 'agentAndGate';
type Victim = 'gate' | 'agent' | 'primary';
const ways: readonly Way[] = ['primary', 'gate', 'agentAndGate'];
const victims: readonly Victim[] = ['gate', 'agent', 'primary'];
const mishaps: readonly Mishap[] = ['close', 'reset', 'silence', 'hole'];

describe(`${rounds * receivers} transfers with mishaps`, function () {
  this.timeout(60_000 + rounds * 30_000);
  const random = new Random(fuzzSeed);
  const series = new ZoneSeries({ apex, records, timers });
  const relays = new Map<Way, MishapRelay>();
  const wrong: string[] = [];
  /** The serial that each had when he was last looked at. */
  const seen = new Map<string, number>();
  const happened = new Map<string, number>();
  let xot: XotBed;
  let isOver = false;
  let looks = 0;
  let watched: ReadonlyMap<string, Look> = new Map();
  let watching: Promise<void> = Promise.resolve();

  before(async () => {
    const relay = (way: Way) => async (port: () => number) => {
      const started = await MishapRelay.start(port);
      relays.set(way, started);
      return started.port;
    };
    xot = await XotBed.start({
      startPrimary: startNsdPrimary,
      zones: [series.next()],
      atGate,
      atAgent,
      between: { primary: relay('primary'), gate: relay('gate'), agentAndGate: relay('agentAndGate') },
      gateLines:
        '    limits: { primary-answer-time: 2s, handshakes-per-address: 10000, failures-per-address: 10000 }\n',
      agentLines: '    write: { directory: written }\n',
    });
    watched = everybody();
    watching = watch();
  });
  after(async () => {
    isOver = true;
    await watching;
    await xot.close();
    for (const relay of relays.values()) await relay.close();
  });

  /** Everybody who has the zone, and how one sees what he has. */
  function everybody(): Map<string, Look> {
    const all = new Map<string, Look>();
    for (const [title, secondary] of xot.secondaries) all.set(title, () => digestAt(secondary, apex));
    all.set('the agent', () => servedDigest(xot.agent.port, apex));
    all.set('the file of the agent', () =>
      Promise.resolve(digestOf(readLines(`${xot.agent.folder}/written/${apex}.zone`))),
    );
    return all;
  }

  /** Looks at one after the other, again and again: looks at all at once would leave nobody else a turn. */
  async function watch(): Promise<void> {
    while (!isOver) {
      for (const [title, look] of watched) {
        const found = await look();
        if (found === undefined) continue;
        seen.set(title, found.serial);
        looks += 1;
        if (!series.has(found)) wrong.push(`${title} has ${JSON.stringify(found)}`);
      }
      await sleep(20);
    }
  }

  /** One version, and what happens on its way. */
  async function round(): Promise<void> {
    const changed = random.pick(['all', 'all', 'some'] as const);
    const way = random.pick(ways);
    const relay = relays.get(way)!;
    const victim = random.below(2) === 0 ? random.pick(victims) : undefined;
    // A hole in a plain stream may be a message that was never there; TLS tells.
    const mishap = random.pick(way === 'primary' ? mishaps.filter((each) => each !== 'hole') : mishaps);
    const point = random.below(changed === 'all' ? wholeOctets : somewhatOctets);
    const killing: Promise<void>[] = [];
    const armed = relay.arm(
      point,
      victim === undefined ? mishap : () => void killing.push(xot[victim].kill()),
    );
    const over = armed.then(() => true);
    await xot.primary.change(series.next(changed)).catch((error: unknown) => {
      if (victim !== 'primary') throw error;
    });
    const didHappen = await Promise.race([over, sleep(patienceMs, false)]);
    // Some things last for a while.
    await sleep(random.below(500));
    if (didHappen) {
      const words = victim === undefined ? mishap : `kill ${victim}`;
      happened.set(words, (happened.get(words) ?? 0) + 1);
    }
    relay.heal();
    await Promise.all(killing);
    if (killing.length > 0) await xot[victim!].restart();
  }

  it('leave nobody with a part of a version, ever, and everybody with the last one in the end', async () => {
    for (let count = 0; count < rounds; count += 1) {
      await round();
      expect(wrong).to.deep.equal([]);
      // Now and then a version is overtaken by the next.
      if (random.below(3) > 0) await settle();
    }
    await settle();
    expect(wrong).to.deep.equal([]);
    expect(looks).to.be.at.least(rounds * watched.size);
    const count = [...happened.values()].reduce((sum, one) => sum + one, 0);
    expect(count, JSON.stringify([...happened])).to.be.at.least(Math.floor(rounds / 2));
  });

  /** Waits until everybody has the present version. */
  async function settle(): Promise<void> {
    const isLate = (title: string): boolean => seen.get(title) !== series.serial;
    await until(
      () => `serial ${series.serial} at ${[...watched.keys()].filter(isLate).join(', ')}`,
      () => ![...watched.keys()].some(isLate),
    );
  }
});

/** Waits; throws with what is missing when it takes too long. */
async function until(missing: () => string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + settleTimeMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${settleTimeMs} ms: ${missing()}`);
    await sleep(50);
  }
}

function readLines(file: string): string[] {
  try {
    return recordLines(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
