/**
 * `danced access list`: the entries of an access list, all or those that fit.
 *
 * They are printed as they come: of a list in Redis in no order, and without holding a million of them in memory.
 */
import { Option, type Command } from 'commander';
import { decideByRights } from '../../core/acl/decide.ts';
import type { ListStore } from '../../core/acl/list-store.ts';
import { patternOf } from '../../core/acl/list-store.ts';
import {
  actions,
  anonymousEntry,
  type AccessEntry,
  type AccessRights,
  type Action,
  type RoleTable,
} from '../../core/acl/model.ts';
import { presentRights, presentRole } from '../../core/acl/present.ts';
import type { Name } from '../../core/dns/name.ts';
import { printableText } from '../../core/observe/printable.ts';
import { parseNameArgument, parseOwnerArgument } from '../arguments.ts';
import { exitCode, processOutput, type Output } from '../output.ts';
import { entryFacts, jsonLine, rulesInShort } from './rule-words.ts';
import { parseRoleWord } from './target.ts';
import { addListOptions, requireThere, withList, type ListArguments } from './which-list.ts';

interface Filters {
  readonly below?: Name;
  readonly role?: string;
  readonly action?: Action;
  readonly zone?: Name;
}

interface CommandOptions extends ListArguments, Filters {
  readonly json?: boolean;
}

/** Adds the command to its parent, `danced access`. */
export function registerList(parent: Command, output: Output = processOutput): void {
  const command = parent
    .command('list')
    .summary('print the entries of the access list')
    .description('Print the entries of the access list, all or those that fit.')
    .argument('[pattern]', 'only those whose name has this text in it; * stands for any text, as in "_xfr.*"')
    .addOption(
      new Option('--below <name>', 'only those of this name and of names below it').argParser(
        parseNameArgument,
      ),
    )
    .addOption(new Option('--role <word>', 'only those with this role').argParser(parseRoleWord))
    .addOption(new Option('--action <action>', 'only those that may do this').choices(actions))
    .addOption(
      new Option(
        '--zone <zone>',
        'only those that may do something, or what --action says, with this zone now',
      ).argParser(parseOwnerArgument),
    );
  addListOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (pattern: string | undefined, options: CommandOptions) => {
      process.exitCode = exitCode.done;
      await withList(options, output, async ({ list }) => {
        requireThere(await list.state(), list);
        await (options.json === true ? printJson : printTable)(list, output, pattern, options);
      });
    });
}

async function printTable(
  list: ListStore,
  output: Output,
  pattern: string | undefined,
  filters: Filters,
): Promise<void> {
  const roles = await list.roles();
  const fits = filterOf(pattern, filters, roles);
  const table = new StreamedTable(output, ['NAME', 'ROLES', 'RULES', 'COMMENT']);
  const anonymous = await list.anonymous();
  if (anonymous !== undefined && fits.anonymous(anonymous)) table.add(rowOf(anonymousEntry, anonymous));
  let count = 0;
  for await (const entry of list.entries()) {
    if (!fits.entry(entry)) continue;
    count += 1;
    table.add(rowOf(entry.pattern, entry.rights));
  }
  table.end();
  output.remark(`${String(count)} client${count === 1 ? '' : 's'} in ${printableText(list.describe())}`);
}

function rowOf(name: string, rights: AccessRights): string[] {
  return [name, rights.roles.join(','), rulesInShort(rights), rights.comment ?? ''];
}

/** One document, a line for each client. */
async function printJson(
  list: ListStore,
  output: Output,
  pattern: string | undefined,
  filters: Filters,
): Promise<void> {
  const roles = await list.roles();
  const fits = filterOf(pattern, filters, roles);
  const anonymous = await list.anonymous();
  const { revision } = await list.state();
  const head = {
    list: list.describe(),
    revision: revision ?? null,
    roles: Object.fromEntries([...roles].map(([word, rules]) => [word, presentRole(rules)])),
    anonymous: anonymous !== undefined && fits.anonymous(anonymous) ? presentRights(anonymous) : null,
  };
  output.print(`${jsonLine(head).slice(0, -1)},"clients":[`);
  const lines = new Lines(output);
  let before: string | undefined;
  for await (const entry of list.entries()) {
    if (!fits.entry(entry)) continue;
    if (before !== undefined) lines.add(`${before},`);
    before = jsonLine(entryFacts(entry));
  }
  if (before !== undefined) lines.add(before);
  lines.end();
  output.print(']}');
}

interface Fits {
  entry(entry: AccessEntry): boolean;
  anonymous(rights: AccessRights): boolean;
}

function filterOf(pattern: string | undefined, filters: Filters, roles: RoleTable): Fits {
  const { below, role } = filters;
  const text = pattern === undefined ? undefined : matcherOf(pattern);
  const nowMs = Date.now();
  const gives = (rights: AccessRights): boolean =>
    (role === undefined || rights.roles.includes(role)) && mayDo(rights, roles, filters, nowMs);
  return {
    entry: (entry) =>
      (text === undefined || text.test(entry.pattern)) &&
      (below === undefined || patternOf(entry).name.isAtOrBelow(below)) &&
      gives(entry.rights),
    anonymous: (rights) =>
      (text === undefined || text.test(anonymousEntry)) && below === undefined && gives(rights),
  };
}

/** Text with stars; without one it may stand anywhere. */
function matcherOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => RegExp.escape(part));
  return new RegExp(parts.length === 1 ? (parts[0] ?? '') : `^${parts.join('.*')}$`, 'is');
}

function mayDo(rights: AccessRights, roles: RoleTable, { action, zone }: Filters, nowMs: number): boolean {
  if (zone !== undefined) {
    const asked = action === undefined ? actions : [action];
    return asked.some((each) => {
      // Of an update: whether there may be any.
      const request = { action: each, zone, ...(each === 'update' && { records: 'some' as const }) };
      return decideByRights(rights, roles, '', request, nowMs).allowed;
    });
  }
  if (action === undefined) return true;
  const sets = [rights, ...rights.roles.flatMap((word) => roles.get(word) ?? [])];
  const isDenied = sets.some(({ deny }) => deny.some((rule) => rule.action === action && isEveryZone(rule)));
  return !isDenied && sets.some(({ allow }) => allow.some((rule) => rule.action === action));
}

function isEveryZone({
  zones,
  names,
  types,
  notBeforeMs,
  notAfterMs,
}: AccessRights['deny'][number]): boolean {
  if (notBeforeMs !== undefined || notAfterMs !== undefined) return false;
  if (names !== undefined || types !== undefined) return false;
  return zones === undefined || zones.patterns.some(({ kind }) => kind === 'every');
}

/** Lines that are printed many at once. */
class Lines {
  readonly #output: Output;
  #lines: string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length === linesAtOnce) this.end();
  }

  end(): void {
    if (this.#lines.length > 0) this.#output.print(this.#lines.join('\n'));
    this.#lines = [];
  }
}

/** Rows that are looked at before the first is printed, so that the columns fit; later ones may be wider. */
const linesAtOnce = 500;
/** Widest column; what is longer pushes the rest of its row aside. */
const maxWidth = 48;

class StreamedTable {
  readonly #lines: Lines;
  readonly #heading: readonly string[];
  readonly #widths: number[];
  #rows: string[][] = [];
  #hasHeading = false;

  constructor(output: Output, heading: readonly string[]) {
    this.#lines = new Lines(output);
    this.#heading = heading;
    this.#widths = heading.map(({ length }) => length);
  }

  add(row: readonly string[]): void {
    const cells = row.map((cell) => printableText(cell));
    for (const [at, { length }] of cells.entries()) {
      this.#widths[at] = Math.max(this.#widths[at] ?? 0, Math.min(length, maxWidth));
    }
    this.#rows.push(cells);
    if (this.#rows.length === linesAtOnce) this.#print();
  }

  end(): void {
    this.#print();
    this.#lines.end();
  }

  #print(): void {
    if (this.#rows.length > 0 && !this.#hasHeading) {
      this.#hasHeading = true;
      this.#lines.add(this.#lineOf(this.#heading));
    }
    for (const row of this.#rows) this.#lines.add(this.#lineOf(row));
    this.#rows = [];
  }

  #lineOf(row: readonly string[]): string {
    return row
      .map((cell, at) => cell.padEnd(this.#widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  }
}
