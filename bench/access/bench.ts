/**
 * The access list in Redis with a million clients: a decision about a client that is not known yet beside one bare GET, through the same
 * connection in turns; decisions about clients that are; and memory.
 *
 * Limitations: Redis and the measured process are on one machine, so what is measured beyond a GET is our work and
 * Redis's, and not a network.
 */
import { TestBed } from '../../test/support/peers/test-bed.ts';
import { MeasuredProcess } from '../measured-process.ts';
import { median, row, type Row } from '../report.ts';
import type { ColdFigures, Order } from './orders.ts';
import { startRedis } from './redis.ts';

const clients = 1_000_000;
const coldCount = 20_000;
const hotCount = 100_000;
const cachedCount = 1_000;

export async function benchAccess(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  const bed = new TestBed();
  try {
    say(`filling Redis with ${String(clients)} clients`);
    const place = await startRedis(bed, clients);
    const measured = await start();
    try {
      await measured.order({ do: 'open', ...place });
      const cold: ColdFigures[] = [];
      const cached: number[] = [];
      // The first round is for the compiler; it does not count.
      for (let round = 0; round <= rounds; round += 1) {
        const first = round * coldCount;
        const seen = (await measured.order({ do: 'cold', first, count: coldCount })) as ColdFigures;
        const each = (await measured.order({ do: 'cached', first, count: cachedCount })) as number;
        if (round === 0) continue;
        cold.push(seen);
        cached.push(each);
        say(`round ${String(round)}: ${describe(seen)}; cached ${each.toFixed(2)} us`);
      }
      return rows(cold, cached, await memory(place));
    } finally {
      await measured.stop();
    }
  } finally {
    await bed.close();
  }
}

function start(execArgv: readonly string[] = []): Promise<MeasuredProcess<Order>> {
  return MeasuredProcess.start(new URL('./ours-process.ts', import.meta.url), execArgv);
}

/** A fresh process: what the rounds before have left behind is not the cache's. In MiB. */
async function memory(place: Awaited<ReturnType<typeof startRedis>>): Promise<number> {
  const measured = await start(['--expose-gc']);
  try {
    const idle = (await measured.order({ do: 'open', ...place })) as number;
    const hot = (await measured.order({ do: 'warm', first: 0, count: hotCount })) as number;
    return hot - idle;
  } finally {
    await measured.stop();
  }
}

function rows(cold: readonly ColdFigures[], cached: readonly number[], memoryMib: number): Row[] {
  const of = (read: (figures: ColdFigures) => number): number => median(cold.map(read));
  return [
    row({
      what: `cold decision, ${String(clients)} clients in Redis, p99`,
      unit: 'microseconds',
      ours: of(({ decision }) => decision.p99),
      peer: { name: 'GET', figure: of(({ get }) => get.p99) },
      aim: { words: 'at most 1.5 times', isMet: (ours, peer) => ours <= 1.5 * peer },
    }),
    row({
      what: 'cold decision, median',
      unit: 'microseconds',
      ours: of(({ decision }) => decision.p50),
      peer: { name: 'GET', figure: of(({ get }) => get.p50) },
    }),
    row({
      what: 'cached decision',
      unit: 'microseconds',
      ours: median(cached),
      aim: { words: 'at most 5', isMet: (ours) => ours <= 5 },
    }),
    row({
      what: `memory for ${String(hotCount)} hot names, 15 s after they were read and the garbage collected (RSS above idle)`,
      unit: 'MiB',
      ours: memoryMib,
      aim: { words: 'at most 150', isMet: (ours) => ours <= 150 },
    }),
  ];
}

function describe({ get, decision }: ColdFigures): string {
  const shown = ({ p50, p99 }: ColdFigures['get']): string =>
    `p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} us`;
  return `GET ${shown(get)}, cold decision ${shown(decision)}`;
}
