/**
 * `danced access show NAME`: which entry decides for a name, and every rule that it has by it.
 *
 * Exit codes: 0 the list knows the name, 1 it does not, or what it says cannot be read.
 */
import { Argument, type Command } from 'commander';
import { exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { explain, explanationInWords } from './explanation.ts';
import { parseTarget, type Target } from './target.ts';
import { addListOptions, requireThere, withList, type ListArguments } from './which-list.ts';

/** Adds the command to its parent, `danced access`. */
export function registerShow(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('show')
    .summary('say which entry decides for a name, and what it may do')
    .description(
      'Say which entry decides for a client’s name, and why; and every rule that it has by it, in the order in which they decide.',
    )
    .addArgument(
      new Argument('<name>', 'a client’s name, "*.name", role:WORD, or anonymous').argParser(parseTarget),
    );
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (target: Target, options: ListArguments & { readonly json?: boolean }) => {
      await withList(options, output, async ({ list }) => {
        requireThere(await list.state(), list);
        const facts = await explain(list, target, Date.now());
        printFacts(output, facts, options, () => explanationInWords(facts, target));
        process.exitCode = facts.known && !facts.unreadable ? exitCode.done : exitCode.no;
      });
    });
}
