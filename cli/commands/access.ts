/** `danced access`: reading and changing the access list, in a file or in Redis; each subcommand is a file of cli/access. */
import type { Command } from 'commander';
import { registerAdd } from '../access/add.ts';
import { registerDiff } from '../access/diff.ts';
import { registerExport } from '../access/export.ts';
import { registerFromConfig } from '../access/from-config.ts';
import { registerImport } from '../access/import.ts';
import { registerList } from '../access/list.ts';
import { registerRemove } from '../access/remove.ts';
import { registerShow } from '../access/show.ts';
import { registerWatch } from '../access/watch.ts';
import { processOutput, type Output } from '../output.ts';

/** Adds the command and its subcommands to the program. */
export function registerAccess(program: Command, output: Output = processOutput): void {
  const access = program
    .command('access')
    .summary('read and change the access list, in the file or in Redis')
    .description(
      'Read and change the access list, wherever the configuration says that it is. A running danced sees each change by itself.',
    )
    .helpCommand(false);
  for (const register of [
    registerList,
    registerShow,
    registerAdd,
    registerRemove,
    registerImport,
    registerExport,
    registerDiff,
    registerWatch,
    registerFromConfig,
  ]) {
    register(access, output);
  }
}
