/**
 * Zone transfers: a zone of about a million records from our gate's cache, relayed, loaded, changed and asked for by many at once,
 * beside NSD 4.12, BIND 9.20 and nginx 1.26 in the same rounds. Our gate has mutual TLS, proof and access list on.
 *
 * For whoever looks for what takes the time: DANCED_BENCH_ROWS=1,3 runs only those rows (1 to 4 whole transfers from the cache, 5
 * loading from a primary, 6 loading from a zone file, 7 through the agent, 8 relayed, 9 a hundred changes, 10 a hundred secondaries
 * at once, 11 memory, 12 ten million records); DANCED_BENCH_NODE holds options for the Node of our gate, as `--cpu-prof
 * --cpu-prof-dir=/tmp/prof`.
 *
 * Limitations: Linux, as root (trixie.ts); load and server on one machine, so that a network costs nothing; one server CPU.
 */
import type { Row } from '../report.ts';
import { agentCase } from './agent.ts';
import { cachedCase } from './cached.ts';
import type { Case, MakeCase } from './case.ts';
import { changesCase } from './changes.ts';
import { hugeCase } from './huge.ts';
import { loadingCase } from './loading.ts';
import { manyCase } from './many.ts';
import { memoryCase } from './memory.ts';
import { relayedCase } from './relayed.ts';
import { World } from './world.ts';

const makers: readonly { readonly numbers: readonly number[]; readonly make: MakeCase }[] = [
  { numbers: [1, 2, 3, 4], make: cachedCase },
  { numbers: [5, 6], make: loadingCase },
  { numbers: [7], make: agentCase },
  { numbers: [8], make: relayedCase },
  { numbers: [9], make: changesCase },
  { numbers: [10], make: manyCase },
  { numbers: [11], make: memoryCase },
  { numbers: [12], make: hugeCase },
];

export async function benchXfr(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  const chosen = chosenRows();
  const world = await World.start(say);
  try {
    const cases: [words: string, ran: Case][] = [];
    for (const { numbers, make } of makers) {
      const asked = numbers.filter((number) => chosen.includes(number));
      if (asked.length > 0)
        cases.push([`row ${asked.join(', ')}`, await make(world, (number) => chosen.includes(number))]);
    }
    for (const [words, ran] of cases) {
      say(`${words}: warming up`);
      await ran.warmUp();
    }
    for (let round = 1; round <= rounds; round += 1)
      for (const [words, ran] of cases) say(`round ${String(round)}, ${words}: ${await ran.round()}`);
    return cases.flatMap(([, ran]) => ran.rows());
  } finally {
    await world.close();
  }
}

function chosenRows(): number[] {
  const all = makers.flatMap(({ numbers }) => numbers);
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
