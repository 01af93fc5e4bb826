/**
 * `danced access diff FILE`: what is different in FILE from the access list.
 *
 * Exit codes: 0 they say the same, 1 they differ.
 */
import type { Command } from 'commander';
import { FileList } from '../../core/acl/file-list.ts';
import { differences, type Difference } from '../../core/acl/list-diff.ts';
import { unreadable, type ListStore } from '../../core/acl/list-store.ts';
import type { Written } from '../../core/acl/present.ts';
import { yamlFlow, yamlScalar } from '../../core/config/yaml-text.ts';
import { printableText } from '../../core/observe/printable.ts';
import { exitCode, processOutput, type Output } from '../output.ts';
import { jsonLine } from './rule-words.ts';
import { addListOptions, withList, type ListArguments } from './which-list.ts';

interface CommandOptions extends ListArguments {
  readonly json?: boolean;
}

/** Adds the command to its parent, `danced access`. */
export function registerDiff(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('diff')
    .summary('say what a file has that the list has not, and the other way round')
    .description(
      'Say what is different in FILE from the access list: + FILE has it, - the list alone has it, ~ they differ. It is what danced access import FILE --replace would do.',
    )
    .argument('<file>', 'an access list in YAML');
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (file: string, options: CommandOptions) => {
      process.exitCode = exitCode.done;
      await withList(options, output, async ({ list }) => {
        const other = await FileList.open(file);
        if (!(await list.state()).isThere)
          output.remark(`note: there is no list in ${printableText(list.describe())} yet`);
        const count = await (options.json === true ? printJson : printLines)(list, other, output);
        if (count > 0) process.exitCode = exitCode.no;
      });
    });
}

async function printLines(list: ListStore, other: ListStore, output: Output): Promise<number> {
  let count = 0;
  for await (const difference of differences(list, other)) {
    count += 1;
    output.print(inWords(difference));
  }
  if (count === 0)
    output.remark(`${printableText(other.describe())} says the same as ${printableText(list.describe())}`);
  return count;
}

/** One document, a line for each difference. */
async function printJson(list: ListStore, other: ListStore, output: Output): Promise<number> {
  const head = jsonLine({ list: list.describe(), file: other.describe() });
  output.print(`${head.slice(0, -1)},"differences":[`);
  let before: string | undefined;
  let count = 0;
  for await (const difference of differences(list, other)) {
    count += 1;
    if (before !== undefined) output.print(`${before},`);
    before = jsonLine(factsOf(difference));
  }
  if (before !== undefined) output.print(before);
  output.print(`],"same":${String(count === 0)}}`);
  return count;
}

/** `change` is what FILE would bring. */
function factsOf({ what, name, before, after }: Difference): Readonly<Record<string, unknown>> {
  const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return { change, what, name, before: factOf(before), after: factOf(after) };
}

function factOf(written: Difference['before']): unknown {
  return written === undefined || written === unreadable ? null : written;
}

function inWords({ what, name, before, after }: Difference): string {
  const title = printableText(what === 'role' ? `role ${name}` : name);
  if (before === undefined && isWritten(after)) return `+ ${title}: ${flow(after)}`;
  if (after === undefined && isWritten(before)) return `- ${title}: ${flow(before)}`;
  if (!isWritten(before) || !isWritten(after)) {
    const shown = isWritten(before) ? before : after;
    const sign = after === undefined ? '-' : '~';
    return `${sign} ${title}: cannot be read in the list${isWritten(shown) ? `; in the file: ${flow(shown)}` : ''}`;
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const lines = keys
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .flatMap((key) => [...sided('-', key, before[key]), ...sided('+', key, after[key])]);
  return [`~ ${title}`, ...lines].join('\n');
}

function isWritten(written: Difference['before']): written is Written {
  return written !== undefined && written !== unreadable;
}

function sided(sign: string, key: string, value: unknown): string[] {
  return value === undefined ? [] : [`    ${sign} ${yamlScalar(key)}: ${flow(value)}`];
}

function flow(value: unknown): string {
  return printableText(yamlFlow(value), maxLine);
}

/** Characters of a line; what is longer is cut off. */
const maxLine = 4000;
