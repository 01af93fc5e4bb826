/**
 * `danced access export [FILE]`: the whole access list as YAML, in one fixed form: the same list gives the same octets,
 * whatever keeps it.
 *
 * Exit codes: 0 done, 1 something in the list cannot be read; it is not in what is printed, and no file is written then.
 */
import { realpath } from 'node:fs/promises';
import type { Command } from 'commander';
import { listFileMode } from '../../core/acl/file-list.ts';
import { entriesInOrder, sortedKeys } from '../../core/acl/list-order.ts';
import type { ListStore } from '../../core/acl/list-store.ts';
import { listText } from '../../core/acl/list-text.ts';
import type { AccessEntry } from '../../core/acl/model.ts';
import { fileStamp, replaceFile } from '../../core/acl/replace-file.ts';
import { printableText } from '../../core/observe/printable.ts';
import { CommandError, exitCode, processOutput, type Output } from '../output.ts';
import { addListOptions, requireThere, withList, type ListArguments, type OpenList } from './which-list.ts';

interface CommandOptions extends ListArguments {
  readonly force?: boolean;
}

/** Adds the command to its parent, `danced access`. */
export function registerExport(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('export')
    .summary('print the whole list as YAML, or write it to a file')
    .description(
      'Print the whole access list as YAML, sorted by names, or write it to a file that its owner and group may read. Comments that are not keys (# …) are not in it.',
    )
    .argument('[file]', 'where to write it; standard output if not said')
    .option('--force', 'replace a file that is there');
  addListOptions(command).action(async (file: string | undefined, options: CommandOptions) => {
    process.exitCode = exitCode.done;
    await withList(options, output, async (open) => {
      requireThere(await open.list.state(), open.list);
      if (file === undefined) await print(open.list, output);
      else await write(open, file, options, output);
    });
  });
}

async function print(list: ListStore, output: Output): Promise<void> {
  for await (const piece of textOf(list, () => undefined)) output.print(piece.slice(0, -1));
}

async function write(
  { list, faults }: OpenList,
  file: string,
  { force = false }: CommandOptions,
  output: Output,
): Promise<void> {
  const expected = await fileStamp(file);
  if (expected !== 'none' && !force) throw new CommandError(`${file} exists already; --force replaces it`);
  if (expected !== 'none' && (await isSameFile(file, list.describe()))) {
    throw new CommandError(`${file} is the list itself; write to another file`);
  }
  let count = 0;
  const content = wholeOnly(
    textOf(list, () => (count += 1)),
    () => faults.length === 0,
    file,
  );
  const remarks = await replaceFile(file, { content, mode: listFileMode, expected });
  for (const remark of remarks) output.remark(`note: ${remark}`);
  output.remark(`${String(count)} client${count === 1 ? '' : 's'} written to ${printableText(file)}`);
}

async function* textOf(list: ListStore, note: () => unknown): AsyncGenerator<string, void> {
  const [roles, anonymous, keys] = [await list.roles(), await list.anonymous(), await sortedKeys(list)];
  yield* listText({ roles, anonymous, entries: noted(entriesInOrder(list, keys), note) });
}

async function* noted(
  entries: AsyncIterable<AccessEntry>,
  note: () => unknown,
): AsyncGenerator<AccessEntry, void> {
  for await (const entry of entries) {
    note();
    yield entry;
  }
}

/** Gives the text on, and throws at its end if something is missing in it, so that the file is not put in place. */
async function* wholeOnly(
  text: AsyncIterable<string>,
  isWhole: () => boolean,
  file: string,
): AsyncGenerator<string, void> {
  yield* text;
  if (isWhole()) return;
  throw new CommandError(`${file} was not written: not all of the list can be read`, {
    exitCode: exitCode.no,
  });
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((file) => realpath(file).catch(() => undefined)));
  return a !== undefined && a === b;
}
