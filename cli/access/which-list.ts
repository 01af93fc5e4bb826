/**
 * Which access list a command is about: that of the configuration (`-c`), in a file or in Redis, or the file that `--file`
 * names; and how a command that works on one ends.
 */
import { Option, type Command } from 'commander';
import { FileList } from '../../core/acl/file-list.ts';
import {
  ListChangedError,
  ListError,
  type FaultListener,
  type ListFault,
  type ListState,
  type ListStore,
} from '../../core/acl/list-store.ts';
import { printableText } from '../../core/observe/printable.ts';
import { defaultConfigFile } from '../config-file.ts';
import { asCommandError, CommandError, exitCode, type Output } from '../output.ts';
import { openConfigured } from './configured-list.ts';

export interface ListArguments {
  readonly config: string;
  readonly file?: string;
}

/** The options that say which list. */
export function addListOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration, which says where the list is', defaultConfigFile)
    .addOption(
      new Option('--file <access.yaml>', 'a list in this file; no configuration is read').conflicts('config'),
    );
}

/** A list that is open, and what of it could not be read so far. */
export interface OpenList {
  readonly list: ListStore;
  readonly faults: readonly ListFault[];
}

export interface WorkOptions {
  /** A file that is not there is made. */
  readonly mayBeNew?: boolean;
}

/** Faults that are told one by one. */
const toldFaults = 100;

/**
 * Opens the list, works on it, and closes it. What could not be read of it is told at the end, and the command then ends
 * with "no": nobody should take what is printed for all there is. Rejects with CommandError.
 */
export async function withList(
  options: ListArguments,
  output: Output,
  work: (open: OpenList) => Promise<void>,
  { mayBeNew = false }: WorkOptions = {},
): Promise<void> {
  const faults: ListFault[] = [];
  let count = 0;
  const onFault: FaultListener = (fault) => {
    count += 1;
    if (faults.length < toldFaults) faults.push(fault);
  };
  let list: ListStore | undefined;
  try {
    list = await openList(options, output, { mayBeNew, onFault });
    await work({ list, faults });
  } catch (error) {
    throw inWords(error);
  } finally {
    for (const { place, wrong } of faults) {
      output.remark(`cannot be read: ${printableText(place)}: ${printableText(wrong)}`);
    }
    if (count > faults.length)
      output.remark(`… and ${String(count - faults.length)} more that cannot be read`);
    await list?.close();
  }
  if (count > 0 && process.exitCode === exitCode.done) process.exitCode = exitCode.no;
}

/** As `withList`, for a change: tries again when somebody else changed the list between the reading and the writing. */
export async function changeList(
  options: ListArguments,
  output: Output,
  work: (open: OpenList) => Promise<void>,
  workOptions: WorkOptions = {},
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await withList(options, output, work, workOptions);
      return;
    } catch (error) {
      const isChanged = error instanceof CommandError && error.cause instanceof ListChangedError;
      if (!isChanged || tries === maxTries) throw error;
    }
  }
}

const maxTries = 4;

async function openList(
  options: ListArguments,
  output: Output,
  means: { readonly mayBeNew: boolean; readonly onFault: FaultListener },
): Promise<ListStore> {
  return options.file === undefined
    ? await openConfigured(options.config, output, means)
    : await FileList.open(options.file, means);
}

/** The user of a gate may not change the list, nor look through it. */
const moreRights =
  '; the commands need more rights than a gate: docs/commands.md has them, and -c takes a configuration with another username';

function inWords(error: unknown): unknown {
  if (error instanceof ListError) {
    const mend = /NOPERM|can't run this command/.test(error.message) ? moreRights : '';
    return new CommandError(error.message + mend, { cause: error });
  }
  return asCommandError(error);
}

/** Throws CommandError where there is no list, as in a Redis that nobody has written to, or that has lost it. */
export function requireThere({ isThere }: ListState, list: ListStore): void {
  if (isThere) return;
  throw new CommandError(
    `there is no list in ${list.describe()}: nobody has written one, its first import was cut off, or it is lost; danced access import puts one there`,
    { exitCode: exitCode.no },
  );
}

/** Throws CommandError where there are entries without a list: a single change would put them all in force. */
export async function requireNoRemains({ isThere }: ListState, list: ListStore): Promise<void> {
  if (isThere) return;
  const roles = await list.roles();
  let isEmpty = roles.size === 0 && (await list.anonymous()) === undefined;
  isEmpty &&= (await list.patterns()[Symbol.asyncIterator]().next()).done === true;
  if (isEmpty) return;
  throw new CommandError(
    `${list.describe()} has entries but no revision: a first import was cut off, or the revision is lost. Import the whole list (danced access import FILE --replace)`,
  );
}
