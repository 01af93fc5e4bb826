/**
 * `danced demo`: everything at once on loopback, nothing to install. A small signed tree, a resolver and a primary from
 * the lab, the real gate before the primary, and a secondary that is refused as a stranger, refused with a wrong key,
 * served as itself, and refused again when its TLSA record is gone.
 *
 * Exit codes: 0 every outcome is as it should be, 1 one is not.
 */
import type { Command } from 'commander';
import { playActs } from '../demo/acts.ts';
import type { ActFacts } from '../demo/facts.ts';
import { startGate, type StartGate } from '../demo/gate.ts';
import { Stage, zone } from '../demo/stage.ts';
import { actInWords, endInWords, stageInWords } from '../demo/words.ts';
import { exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { style } from '../terminal.ts';

/** What `--json` prints. */
export interface DemoResult {
  /** Whether every outcome is as it should be. */
  readonly ok: boolean;
  readonly zone: string;
  /** Records of the zone at the beginning, its SOA record counted once. */
  readonly records: number;
  readonly outcomes: readonly ActFacts[];
  readonly durationMs: number;
}

/** Adds the command to the program. The gate can be another, which must then fail as the real one would. */
export function registerDemo(
  program: Command,
  output: Output = processOutput,
  start: StartGate = startGate,
): void {
  program
    .command('demo')
    .summary('show it all on loopback, nothing to install')
    .description(
      'Show a transfer refused for a stranger, refused for a wrong key, allowed, and refused after the TLSA record is withdrawn. All servers run in this process, on 127.0.0.1.',
    )
    .option('--json', 'print facts as JSON')
    .action(async (options: { readonly json?: boolean }) => {
      const tell = options.json === true ? () => undefined : output.print.bind(output);
      const result = await demo(start, tell);
      printFacts(output, result, options, () => endInWords(result.outcomes, result.durationMs, style));
      process.exitCode = result.ok ? exitCode.done : exitCode.no;
    });
}

/** Plays the demo and tells it as it goes. */
async function demo(start: StartGate, tell: (text: string) => void): Promise<DemoResult> {
  const startedMs = performance.now();
  const stage = await Stage.open(start);
  try {
    const records = stage.lab.primary.records.length;
    tell(`${stageInWords(stage, style)}\n`);
    const outcomes: ActFacts[] = [];
    for await (const facts of playActs(stage)) {
      outcomes.push(facts);
      tell(`${actInWords(facts, style)}\n`);
    }
    const ok = outcomes.every(({ asExpected }) => asExpected);
    return { ok, zone, records, outcomes, durationMs: Math.round(performance.now() - startedMs) };
  } finally {
    await stage.close();
  }
}
