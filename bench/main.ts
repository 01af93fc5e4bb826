/**
 * `npm run bench -- NAME [--json]`: measures us beside a peer, in one run, in interleaved rounds, and prints what was
 * found; with `--json` the last line is one JSON document.
 */
import { parseArgs } from 'node:util';
import { loadCpu, pinThisProcess } from './processes.ts';
import { benchProof } from './proof/bench.ts';
import { presentRows, type Row } from './report.ts';

/** A benchmark; `say` takes words about its progress. */
type Bench = (rounds: number, say: (words: string) => void) => Promise<readonly Row[]>;

const benches: ReadonlyMap<string, Bench> = new Map([['proof', benchProof]]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
});
const [name = ''] = positionals;
const bench = benches.get(name);
const rounds = Number(values.rounds);
if (bench === undefined || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`usage: npm run bench -- ${[...benches.keys()].join('|')} [--json] [--rounds N]\n`);
  process.exitCode = 2;
} else {
  pinThisProcess(loadCpu);
  const rows = await bench(rounds, (words) => {
    process.stderr.write(`${words}\n`);
  });
  process.stdout.write(`${values.json ? JSON.stringify({ name, rows }) : presentRows(rows)}\n`);
}
