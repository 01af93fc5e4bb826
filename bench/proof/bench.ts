/**
 * The proof: from claim to identity with everything cached, cold lookups three cuts deep, validations, and memory,
 * beside Unbound, which validates the same names from the same server.
 *
 * Limitations: Unbound's figures hold the reading and answering of UDP questions, ours are calls in the process that
 * needs the answer; that is how each is used. Nobody else goes from claim to identity, so that row stands alone.
 */
import { TestBed } from '../../test/support/peers/test-bed.ts';
import { cpuMs, rssMib } from '../processes.ts';
import { median, row, type Row } from '../report.ts';
import { Ours } from './ours.ts';
import { startUnbound } from './unbound.ts';
import { startWorld, type World } from './world.ts';

const deepCount = 200;
const flatCount = 100_000;
/** Of the names in one zone, so many are validated in each round. */
const validationCount = 20_000;

/** What one side used in one round. */
interface Round {
  readonly coldMs: number;
  readonly validationsPerCpuSecond: number;
}

export async function benchProof(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  const bed = new TestBed();
  try {
    say(`signing ${String(deepCount * 3 + 2)} zones with ${String(flatCount)} clients`);
    const world = await startWorld(bed, deepCount, flatCount);
    const ours = await Ours.start(world);
    try {
      // The first round is for the compilers and caches of both; it does not count.
      await ourRound(ours, world);
      const oursSeen: Round[] = [];
      const theirsSeen: Round[] = [];
      const identitySeen: number[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        oursSeen.push(await ourRound(ours, world));
        theirsSeen.push(await unboundRound(bed, world));
        identitySeen.push(await ours.identityMicroseconds());
        say(`round ${String(round)}: ${describe(oursSeen.at(-1))}; Unbound ${describe(theirsSeen.at(-1))}`);
      }
      const memory = { ours: await ourMemory(world), unbound: await unboundMemory(bed, world) };
      return rows(oursSeen, theirsSeen, identitySeen, memory);
    } finally {
      await ours.stop();
    }
  } finally {
    await bed.close();
  }
}

function rows(
  ours: readonly Round[],
  theirs: readonly Round[],
  identity: readonly number[],
  memory: { readonly ours: number; readonly unbound: number },
): Row[] {
  const name = 'Unbound';
  const of = (rounds: readonly Round[], figure: keyof Round): number =>
    median(rounds.map((round) => round[figure]));
  return [
    row({
      what: 'claim to identity, everything cached',
      unit: 'microseconds',
      ours: median(identity),
      aim: { words: 'at most 20', isMet: (figure) => figure <= 20 },
    }),
    row({
      what: 'cold TLSA lookup three cuts deep, CPU',
      unit: 'milliseconds',
      ours: of(ours, 'coldMs'),
      peer: { name, figure: of(theirs, 'coldMs') },
      aim: { words: "at most 3, and not more than the peer's", isMet: (a, b) => a <= 3 && a <= b },
    }),
    row({
      what: 'TLSA records validated in a zone whose keys are known',
      unit: 'per CPU second',
      ours: of(ours, 'validationsPerCpuSecond'),
      peer: { name, figure: of(theirs, 'validationsPerCpuSecond') },
    }),
    row({
      what: `memory with ${String(flatCount)} client records cached (RSS)`,
      unit: 'MiB',
      ours: memory.ours,
      peer: { name, figure: memory.unbound },
    }),
  ];
}

async function ourRound(ours: Ours, world: World): Promise<Round> {
  const names = world.flatNames.slice(0, validationCount);
  const coldMs = (await ours.coldCpuMs(world.deepNames)) / world.deepNames.length;
  return { coldMs, validationsPerCpuSecond: (names.length * 1000) / (await ours.warmCpuMs(names)) };
}

/** A fresh process, since its caches are not to be told to forget; the keys of the root are known before it counts. */
async function unboundRound(bed: TestBed, world: World): Promise<Round> {
  const unbound = await startUnbound(bed, world);
  const { pid } = unbound.program;
  const [first = '', ...names] = world.flatNames.slice(0, validationCount + 1);
  await unbound.lookUp([first]);
  const begun = cpuMs(pid);
  await unbound.lookUp(world.deepNames);
  const cold = cpuMs(pid);
  await unbound.lookUp(names);
  const warm = cpuMs(pid);
  await unbound.program.stop();
  return {
    coldMs: (cold - begun) / world.deepNames.length,
    validationsPerCpuSecond: (names.length * 1000) / (warm - cold),
  };
}

/** A fresh process here too: what the rounds before have left behind is not the cache's. */
async function ourMemory(world: World): Promise<number> {
  const ours = await Ours.start(world);
  try {
    return await ours.rssMib(world.flatNames);
  } finally {
    await ours.stop();
  }
}

async function unboundMemory(bed: TestBed, world: World): Promise<number> {
  const unbound = await startUnbound(bed, world);
  await unbound.lookUp(world.flatNames);
  const rss = rssMib(unbound.program.pid);
  await unbound.program.stop();
  return rss;
}

function describe(round: Round | undefined): string {
  return `cold ${String(round?.coldMs.toFixed(2))} ms, ${String(round?.validationsPerCpuSecond.toFixed(0))} validations/s`;
}
