/**
 * `npm run bench -- NAME [--json]`: measures us beside a peer, in one run, in interleaved rounds, and prints what was
 * found; with `--json` the last line is one JSON document.
 */
import { parseArgs } from 'node:util';
import { benchAccess } from './access/bench.ts';
import { benchDot } from './dot/bench.ts';
import { benchHandshake } from './handshake/bench.ts';
import { MeansMissing } from './trixie.ts';
import { loadCpu, pinThisProcess } from './processes.ts';
import { benchProof } from './proof/bench.ts';
import { benchRecursive } from './recursive/bench.ts';
import { benchXfr } from './xfr/bench.ts';
import { presentRows, type Row } from './report.ts';

/** A benchmark; `say` takes words about its progress. */
type Bench = (rounds: number, say: (words: string) => void) => Promise<readonly Row[]>;

const benches: ReadonlyMap<string, Bench> = new Map([
  ['proof', benchProof],
  ['handshake', benchHandshake],
  ['access', benchAccess],
  ['dot', benchDot],
  ['xfr', benchXfr],
  ['recursive', benchRecursive],
]);

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
  // The end of the process is what ends the peers, and a signal would skip it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  pinThisProcess(loadCpu);
  const say = (words: string): void => void process.stderr.write(`${words}\n`);
  try {
    const rows = await bench(rounds, say);
    process.stdout.write(`${values.json ? JSON.stringify({ name, rows }) : presentRows(rows)}\n`);
  } catch (error) {
    if (!(error instanceof MeansMissing)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
