/**
 * `danced access remove NAME…`: takes entries, roles, or what is said of anonymous clients out of the access list.
 *
 * Exit codes: 0 they are gone, 1 one of them was not there, and then nothing was done.
 */
import { Argument, type Command } from 'commander';
import { unreadable, type ListChange, type ListStore } from '../../core/acl/list-store.ts';
import { printableText } from '../../core/observe/printable.ts';
import { exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { parseTargets, presentTarget, targetKey, type Target } from './target.ts';
import {
  addListOptions,
  changeList,
  requireNoRemains,
  requireThere,
  type ListArguments,
} from './which-list.ts';

interface CommandOptions extends ListArguments {
  readonly ifThere?: boolean;
  readonly json?: boolean;
}

/** What `--json` prints. */
export interface RemoveResult {
  readonly list: string;
  readonly removed: readonly string[];
  readonly notThere: readonly string[];
  /** Removed names that a `*.name` still lets in. */
  readonly stillKnown: readonly { readonly name: string; readonly by: string }[];
  readonly revision: number | null;
}

/** Adds the command to its parent, `danced access`. */
export function registerRemove(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('remove')
    .summary('take entries or roles out of the list')
    .description(
      'Take entries, roles, or what is said of anonymous clients out of the access list: all of them, or nothing if one is not there. A running danced sees the change by itself, and cuts connections that have lost their right.',
    )
    .addArgument(
      new Argument('<name...>', 'a client’s name, "*.name", role:WORD, or anonymous').argParser(parseTargets),
    )
    .option('--if-there', 'do not mind those that are not there');
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (targets: readonly Target[], options: CommandOptions) => {
      process.exitCode = exitCode.done;
      const once = [...new Map(targets.map((target) => [targetKey(target), target])).values()];
      await changeList(options, output, ({ list }) => remove(list, once, options, output));
    });
}

async function remove(
  list: ListStore,
  targets: readonly Target[],
  options: CommandOptions,
  output: Output,
): Promise<void> {
  const state = await list.state();
  await requireNoRemains(state, list);
  requireThere(state, list);
  const there: Target[] = [];
  const missing: Target[] = [];
  for (const target of targets) ((await isThere(list, target)) ? there : missing).push(target);
  const isDone = missing.length === 0 || options.ifThere === true;
  const result =
    isDone && there.length > 0
      ? await list.apply(there.map(changeFor), { expected: state })
      : { remarks: [] };
  const removed = isDone ? there : [];
  const facts: RemoveResult = {
    list: list.describe(),
    removed: removed.map(presentTarget),
    notThere: missing.map(presentTarget),
    stillKnown: await stillKnown(list, removed),
    revision: result.revision ?? null,
  };
  for (const remark of result.remarks) output.remark(`note: ${remark}`);
  if (options.json === true || facts.removed.length > 0)
    printFacts(output, facts, options, () => inWords(facts));
  if (options.json !== true) remarkOn(facts, options, output);
  if (!isDone) process.exitCode = exitCode.no;
}

function inWords({ list, removed }: RemoveResult): string {
  return `removed from ${printableText(list)}: ${removed.join(', ')}`;
}

function remarkOn(
  { list, notThere, stillKnown: known, removed }: RemoveResult,
  options: CommandOptions,
  output: Output,
): void {
  if (notThere.length > 0) {
    const advice = options.ifThere === true ? '' : '; nothing was done. --if-there removes the others';
    output.remark(`not in ${printableText(list)}: ${notThere.join(', ')}${advice}`);
  }
  for (const { name, by } of known) {
    output.remark(
      `warning: ${name} is still known, by ${by}: danced access show ${name} says what it may do`,
    );
  }
  for (const role of removed.filter((name) => name.startsWith('role:'))) {
    output.remark(
      `note: clients with ${role} keep it as a word alone: what it allowed is allowed no longer, and what it denied is not denied`,
    );
  }
}

async function isThere(list: ListStore, target: Target): Promise<boolean> {
  if (target.kind === 'role') return (await list.roles()).has(target.word);
  if (target.kind === 'anonymous') return (await list.anonymous()) !== undefined;
  return (await list.entry(target.pattern)) !== undefined;
}

function changeFor(target: Target): ListChange {
  if (target.kind === 'role') return { role: target.word, rules: undefined };
  return target.kind === 'anonymous' ? { anonymous: undefined } : { remove: target.pattern };
}

async function stillKnown(list: ListStore, removed: readonly Target[]): Promise<RemoveResult['stillKnown']> {
  const known: { name: string; by: string }[] = [];
  for (const target of removed) {
    if (target.kind !== 'client' || target.pattern.below) continue;
    const found = await list.entryFor(target.pattern.name);
    if (found === undefined) continue;
    known.push({
      name: presentTarget(target),
      by: found === unreadable ? 'an entry that cannot be read' : found.pattern,
    });
  }
  return known;
}
