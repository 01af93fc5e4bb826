/**
 * `danced access import FILE`: puts the entries, roles and rules for anonymous clients of a file into the list of the
 * configuration; with `--replace` what the file does not have goes.
 *
 * What is new comes first and what goes last, so that a client that is in both never misses its rights. An import that was
 * cut off can be done again.
 */
import type { Command } from 'commander';
import { FileList } from '../../core/acl/file-list.ts';
import { isSameEntry, rolesAndAnonymous } from '../../core/acl/list-diff.ts';
import { orderKey, patternOfOrderKey } from '../../core/acl/list-order.ts';
import {
  makeEntry,
  patternOf,
  unreadable,
  type FoundEntry,
  type ListChange,
  type ListStore,
} from '../../core/acl/list-store.ts';
import type { AccessEntry } from '../../core/acl/model.ts';
import { printableText } from '../../core/observe/printable.ts';
import { CommandError, exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { Progress } from './progress.ts';
import { addListOptions, withList, type ListArguments } from './which-list.ts';

interface CommandOptions extends ListArguments {
  readonly replace?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly create?: boolean;
  readonly json?: boolean;
}

/** What `--json` prints. Clients, roles and anonymous are counted together. */
export interface ImportResult {
  readonly list: string;
  readonly file: string;
  /** Whether it was done; false with `--dry-run`. */
  readonly done: boolean;
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly removed: number;
  readonly revision: number | null;
  readonly seconds: number;
}

/** Adds the command to its parent, `danced access`. */
export function registerImport(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('import')
    .summary('put the entries of a file into the list')
    .description(
      'Put the entries, roles and rules for anonymous clients of a file into the access list; those that it has already are overwritten, and all others stay.',
    )
    .argument('<file>', 'an access list in YAML')
    .option('--replace', 'remove what the file does not have')
    .option('--yes', 'remove all entries, or most of them, if that is what --replace comes to')
    .option('--create', 'make the file of the list if there is none')
    .option('--dry-run', 'say what would be done and change nothing');
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (file: string, options: CommandOptions) => {
      process.exitCode = exitCode.done;
      await withList(
        options,
        output,
        async ({ list }) => {
          // What cannot be read is overwritten or removed, which the faults then tell of.
          const result = await importFile(await FileList.open(file), list, options, output);
          printFacts(output, { ...result, file }, options, () => inWords(result, file));
        },
        { mayBeNew: options.create === true },
      );
    });
}

async function importFile(
  source: FileList,
  list: ListStore,
  options: CommandOptions,
  output: Output,
): Promise<Omit<ImportResult, 'file'>> {
  const surplus = await surplusOf(list, source, options);
  const plan = new Plan(source, list, { isReplacing: options.replace === true, surplus });
  const isDry = options.dryRun === true;
  const progress = new Progress(isDry ? 'compared' : 'imported', source.size + plan.surplus.length, output);
  let revision: number | undefined;
  try {
    const changes = watched(plan, progress);
    if (isDry) {
      while ((await changes.next()).done !== true);
    } else {
      const result = await list.apply(changes);
      revision = result.revision ?? (await list.state()).revision;
      for (const remark of result.remarks) output.remark(`note: ${remark}`);
    }
  } finally {
    progress.end();
  }
  const { added, changed, unchanged, removed } = plan;
  const seconds = Math.round(progress.seconds * 10) / 10;
  return {
    list: list.describe(),
    done: !isDry,
    added,
    changed,
    unchanged,
    removed,
    revision: revision ?? null,
    seconds,
  };
}

async function* watched(plan: Plan, progress: Progress): AsyncGenerator<ListChange, void> {
  for await (const change of plan.changes()) {
    progress.note(plan.seen);
    yield change;
  }
}

/** Refuses to remove most of a list unless that is said to be meant. */
const guardFrom = 10;

/** Order keys of what the list has and the file has not. Throws CommandError where they must not be left, or removed. */
async function surplusOf(
  list: ListStore,
  source: FileList,
  { replace = false, yes = false }: CommandOptions,
): Promise<string[]> {
  const state = await list.state();
  if (!replace && state.isThere) return [];
  const surplus = new Set<string>();
  let count = 0;
  for await (const pattern of list.patterns()) {
    count += 1;
    if ((await source.entry(pattern)) === undefined) surplus.add(orderKey(pattern));
  }
  if (!replace && (surplus.size > 0 || (await hasOtherRoles(list, source)))) {
    throw new CommandError(
      `${list.describe()} has entries but no revision: an import was cut off, or the revision is lost. Some of them are not in this file, and would be in force with it: --replace removes them`,
    );
  }
  const isMost = count >= guardFrom && surplus.size * 2 > count;
  if (replace && !yes && surplus.size > 0 && (source.size === 0 || isMost)) {
    throw new CommandError(
      `this would remove ${String(surplus.size)} of ${String(count)} entries from ${list.describe()}; nothing was done. See danced access diff, and give --yes if it is meant`,
    );
  }
  return [...surplus];
}

async function hasOtherRoles(list: ListStore, source: FileList): Promise<boolean> {
  for await (const { after } of rolesAndAnonymous(list, source)) if (after === undefined) return true;
  return false;
}

/** Entries that are compared at once. */
const compareAtOnce = 500;

/** The changes that make an import, and what they come to so far. */
class Plan {
  added = 0;
  changed = 0;
  unchanged = 0;
  removed = 0;
  readonly surplus: readonly string[];
  readonly #source: FileList;
  readonly #list: ListStore;
  readonly #isReplacing: boolean;

  constructor(
    source: FileList,
    list: ListStore,
    { isReplacing, surplus }: { readonly isReplacing: boolean; readonly surplus: readonly string[] },
  ) {
    this.#source = source;
    this.#list = list;
    this.#isReplacing = isReplacing;
    this.surplus = isReplacing ? surplus : [];
  }

  get seen(): number {
    return this.added + this.changed + this.unchanged + this.removed;
  }

  async *changes(): AsyncGenerator<ListChange, void> {
    const last: ListChange[] = [];
    yield* this.#head(last);
    let some: AccessEntry[] = [];
    for await (const entry of this.#source.entries()) {
      some.push(entry);
      if (some.length < compareAtOnce) continue;
      yield* this.#entries(some);
      some = [];
    }
    yield* this.#entries(some);
    for (const key of this.surplus) {
      this.removed += 1;
      yield { remove: patternOfOrderKey(key) };
    }
    yield* last;
  }

  /** Roles and anonymous; those that go are put into `last`. */
  async *#head(last: ListChange[]): AsyncGenerator<ListChange, void> {
    const [roles, anonymous] = await Promise.all([this.#source.roles(), this.#source.anonymous()]);
    this.unchanged += roles.size + (anonymous === undefined ? 0 : 1);
    for await (const { what, name, before, after } of rolesAndAnonymous(this.#list, this.#source)) {
      if (after === undefined) {
        if (!this.#isReplacing) continue;
        this.removed += 1;
        last.push(what === 'role' ? { role: name, rules: undefined } : { anonymous: undefined });
        continue;
      }
      this.unchanged -= 1;
      if (before === undefined) this.added += 1;
      else this.changed += 1;
      yield what === 'role' ? { role: name, rules: roles.get(name) } : { anonymous };
    }
  }

  async *#entries(entries: readonly AccessEntry[]): AsyncGenerator<ListChange, void> {
    const patterns = entries.map(patternOf);
    const found: readonly FoundEntry[] = await this.#list.find(patterns);
    for (const [at, entry] of entries.entries()) {
      const old = found[at];
      if (old !== unreadable && isSameEntry(old, entry)) {
        this.unchanged += 1;
        continue;
      }
      if (old === undefined) this.added += 1;
      else this.changed += 1;
      const pattern = patterns[at];
      if (pattern !== undefined) yield { put: makeEntry(pattern, entry.rights) };
    }
  }
}

function inWords(
  { list, done, added, changed, unchanged, removed, revision, seconds }: Omit<ImportResult, 'file'>,
  file: string,
): string {
  const where = printableText(list);
  const counts = `${String(added)} added, ${String(changed)} changed, ${String(unchanged)} unchanged, ${String(removed)} removed`;
  if (!done) return `${printableText(file)} into ${where}: ${counts}; nothing was changed (--dry-run)`;
  const number = revision === null ? '' : `, revision ${String(revision)}`;
  return `${printableText(file)} into ${where}: ${counts}${number}, ${String(seconds)} s`;
}
