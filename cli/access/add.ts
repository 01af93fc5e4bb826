/**
 * `danced access add NAME`: an entry of the access list, a role, or what anonymous clients may do.
 *
 * Exit codes: 0 it is in the list, 1 there is no list in Redis, 2 there is one already, or something is wrong with it.
 */
import { Argument, Option, type Command } from 'commander';
import {
  makeEntry,
  unreadable,
  type ApplyResult,
  type ListChange,
  type ListState,
  type ListStore,
} from '../../core/acl/list-store.ts';
import { entryText, roleText } from '../../core/acl/list-text.ts';
import type { AccessRights, RuleSet } from '../../core/acl/model.ts';
import { presentRights, presentRole } from '../../core/acl/present.ts';
import { yamlPair } from '../../core/config/yaml-text.ts';
import { printableText } from '../../core/observe/printable.ts';
import { CommandError, exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { explain, explanationInWords } from './explanation.ts';
import { rightsOf, roleOf, type RightsArguments } from './rule-argument.ts';
import { parseRoleWords, parseTarget, presentTarget, type Target } from './target.ts';
import { addListOptions, changeList, requireNoRemains, type ListArguments } from './which-list.ts';

interface CommandOptions extends ListArguments, RightsArguments {
  readonly replace?: boolean;
  readonly create?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What `--json` prints. */
export interface AddResult {
  readonly list: string;
  readonly name: string;
  readonly done: 'added' | 'replaced' | 'nothing';
  /** As it is written. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** Of a list that counts its changes; else null. */
  readonly revision: number | null;
}

/** What is to be in the list. */
interface Wanted {
  readonly change: ListChange;
  /** As it stands in a file. */
  readonly text: string;
  readonly written: Readonly<Record<string, unknown>>;
}

/** Adds the command to its parent, `danced access`. */
export function registerAdd(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('add')
    .summary('add an entry, a role, or what anonymous clients may do')
    .description(
      'Add an entry to the access list. A RULE is "transfer example.com,*.example.net", or as in the list: "{ action: transfer, zones: [example.com], rate: 10/s }". A running danced sees the change by itself.',
    )
    .addArgument(
      new Argument('<name>', 'a client’s name, "*.name" for all below it, role:WORD, or anonymous').argParser(
        parseTarget,
      ),
    )
    .addOption(
      new Option('--role <word>', 'a role that the client has (repeatable)').argParser(parseRoleWords),
    )
    .addOption(new Option('--allow <rule>', 'what it may do (repeatable)').argParser(oneMore))
    .addOption(
      new Option('--deny <rule>', 'what it may not do, whatever is allowed (repeatable)').argParser(oneMore),
    )
    .option('--comment <text>', 'for people')
    .option('--replace', 'put it in the place of what is there')
    .option('--create', 'make the list if there is none: the file, or the list in a Redis that has none')
    .option('--dry-run', 'print the entry and change nothing');
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (target: Target, options: CommandOptions) => {
      const wanted = wantedOf(target, options);
      process.exitCode = exitCode.done;
      const mayBeNew = options.create === true;
      await changeList(options, output, ({ list }) => add(list, target, wanted, options, output), {
        mayBeNew,
      });
    });
}

async function add(
  list: ListStore,
  target: Target,
  wanted: Wanted,
  options: CommandOptions,
  output: Output,
): Promise<void> {
  const state = await list.state();
  await requireNoRemains(state, list);
  requireListOrCreate(state, list, options);
  const existing = await writtenAt(list, target);
  const name = presentTarget(target);
  if (existing !== undefined && options.replace !== true) {
    throw new CommandError(
      `${name} is in ${list.describe()} already${existing === unreadable ? ' (and cannot be read)' : `: ${JSON.stringify(existing)}`}; --replace puts the new one in its place`,
    );
  }
  const before =
    target.kind === 'client' && existing === undefined ? await explain(list, target, Date.now()) : undefined;
  const isSame = JSON.stringify(existing) === JSON.stringify(wanted.written);
  const isDry = options.dryRun === true;
  const result: ApplyResult =
    isDry || isSame ? { remarks: [] } : await list.apply([wanted.change], { expected: state });
  for (const remark of result.remarks) output.remark(`note: ${remark}`);
  const facts: AddResult = {
    list: list.describe(),
    name,
    done: isDry || isSame ? 'nothing' : existing === undefined ? 'added' : 'replaced',
    entry: wanted.written,
    revision: result.revision ?? null,
  };
  if (options.json === true || isDry) {
    printFacts(output, facts, options, () => wanted.text.trimEnd());
    if (isDry) output.remark('nothing was changed');
    return;
  }
  const explanation = await explain(list, target, Date.now());
  const where = printableText(list.describe());
  const done = {
    added: `added to ${where}:`,
    replaced: `replaced in ${where}:`,
    nothing: `as it is in ${where} already:`,
  };
  output.print(`${done[facts.done]}\n${wanted.text}${explanationInWords(explanation, target)}`);
  const caught = before?.tried.find(({ found }) => found)?.pattern;
  if (caught !== undefined) {
    output.remark(
      `note: until now ${caught} decided for ${name}; entries do not add up, so what it gave does not count any more`,
    );
  }
}

/**
 * Throws CommandError where an entry would be a list by itself: gates that still go by a list that Redis has lost would cut
 * off everybody else.
 */
function requireListOrCreate({ isThere }: ListState, list: ListStore, { create }: CommandOptions): void {
  if (isThere || create === true) return;
  throw new CommandError(
    `there is no list in ${list.describe()}: it is lost, or nobody has written one, and with this entry alone gates would cut off everybody else; danced access import FILE restores a list, and --create begins one`,
    { exitCode: exitCode.no },
  );
}

/** Throws CommandError. */
function wantedOf(target: Target, options: CommandOptions): Wanted {
  const { role, allow, deny } = options;
  if (target.kind === 'role') {
    if (role !== undefined) throw new CommandError('a role has no roles: leave --role out');
    if (allow === undefined && deny === undefined) throw new CommandError(nothingSaid('--allow or --deny'));
    const rules: RuleSet = roleOf(target.word, options);
    return {
      change: { role: target.word, rules },
      text: roleText(target.word, rules, 2),
      written: presentRole(rules),
    };
  }
  if (role === undefined && allow === undefined) throw new CommandError(nothingSaid('--role or --allow'));
  const rights: AccessRights = rightsOf(options);
  const written = presentRights(rights);
  if (target.kind === 'anonymous') {
    return { change: { anonymous: rights }, text: yamlPair('anonymous', written, 2), written };
  }
  const entry = makeEntry(target.pattern, rights);
  return { change: { put: entry }, text: entryText(entry, 2), written };
}

function nothingSaid(options: string): string {
  return `say what it may do: ${options}, for example: --allow "transfer example.com"`;
}

/** What is there for the target, as it is written. */
async function writtenAt(
  list: ListStore,
  target: Target,
): Promise<Readonly<Record<string, unknown>> | typeof unreadable | undefined> {
  if (target.kind === 'role') {
    const rules = (await list.roles()).get(target.word);
    return rules && presentRole(rules);
  }
  if (target.kind === 'anonymous') {
    const rights = await list.anonymous();
    return rights && presentRights(rights);
  }
  const found = await list.entry(target.pattern);
  return found === undefined || found === unreadable ? found : presentRights(found.rights);
}

function oneMore(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
