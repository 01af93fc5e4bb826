/** Runs rows that stand on one world: each is warmed up, and then they take turns in rounds. */
import type { Row } from '../report.ts';
import type { Case } from './throughput.ts';
import { World } from './world.ts';

/** In the order of their numbers; DANCED_BENCH_ROWS=1,3 chooses some. */
export async function runCases(
  makers: readonly ((world: World) => Promise<Case>)[],
  rounds: number,
  say: (words: string) => void,
): Promise<readonly Row[]> {
  const chosen = chosenRows(makers.length);
  const world = await World.start(say);
  try {
    const cases: [number: number, ran: Case][] = [];
    for (const number of chosen) {
      const made = await makers[number - 1]?.(world);
      if (made !== undefined) cases.push([number, made]);
    }
    for (const [number, ran] of cases) {
      say(`row ${String(number)}: warming up`);
      await ran.warmUp();
    }
    for (let round = 1; round <= rounds; round += 1)
      for (const [number, ran] of cases)
        say(`round ${String(round)}, row ${String(number)}: ${await ran.round()}`);
    return cases.flatMap(([, ran]) => ran.rows());
  } finally {
    await world.close();
  }
}

function chosenRows(count: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const words = process.env['DANCED_BENCH_ROWS'];
  if (words === undefined) return all;
  const chosen = words.split(',').map(Number);
  const wrong = chosen.find((number) => !all.includes(number));
  if (wrong !== undefined || new Set(chosen).size !== chosen.length)
    throw new RangeError(
      `DANCED_BENCH_ROWS=${words}: rows are numbers from 1 to ${String(all.length)}, each once`,
    );
  return chosen;
}
