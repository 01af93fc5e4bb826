/** What the access list says of a name, `*.name`, role or anonymous clients, and why: as facts, and in words. */
import { isServersName } from '../../core/acl/access-list.ts';
import { unreadable, type FoundEntry, type ListStore } from '../../core/acl/list-store.ts';
import { anonymousEntry, type AccessRights, type RoleTable } from '../../core/acl/model.ts';
import { presentClientPattern, type ClientPattern } from '../../core/acl/patterns.ts';
import { printableText } from '../../core/observe/printable.ts';
import { formatTable } from '../output.ts';
import { entryFacts, rulesInOrder, type RuleFacts } from './rule-words.ts';
import { presentTarget, type Target } from './target.ts';

/** A pattern that was looked for: the first that is there decides. */
export interface TriedPattern {
  readonly pattern: string;
  readonly found: boolean;
}

/** What `--json` prints. */
export interface Explanation {
  readonly list: string;
  readonly name: string;
  /** Whether the list knows it. */
  readonly known: boolean;
  /** Whether the entry that decides cannot be read, so that a gate denies. */
  readonly unreadable: boolean;
  /** From the most specific; of a role and of anonymous none. */
  readonly tried: readonly TriedPattern[];
  /** As it is written; null when there is none, or it cannot be read. */
  readonly entry: Readonly<Record<string, unknown>> | null;
  /** The roles of the entry. */
  readonly roles: readonly { readonly role: string; readonly defined: boolean }[];
  /** In the order in which they decide. */
  readonly rules: readonly RuleFacts[];
}

/** Rejects with ListError. */
export async function explain(list: ListStore, target: Target, nowMs: number): Promise<Explanation> {
  const about = { list: list.describe(), name: presentTarget(target), unreadable: false, tried: [] };
  const roles = await list.roles();
  if (target.kind === 'role') {
    const rules = roles.get(target.word);
    const rights = rules && { ...rules, roles: [] };
    return { ...about, ...known(rights && { pattern: target.word, rights }, roles, nowMs) };
  }
  if (target.kind === 'anonymous') {
    const rights = await list.anonymous();
    return { ...about, ...known(rights && { pattern: anonymousEntry, rights }, roles, nowMs) };
  }
  const candidates = candidatesOf(target.pattern);
  const found = await list.find(candidates);
  const tried = candidates.map((pattern, at) => ({
    pattern: presentClientPattern(pattern).toLowerCase(),
    found: found[at] !== undefined,
  }));
  const entry = found.find((each) => each !== undefined);
  return { ...about, tried, unreadable: entry === unreadable, ...known(entry, roles, nowMs) };
}

function known(
  entry: FoundEntry | { pattern: string; rights: AccessRights },
  roles: RoleTable,
  nowMs: number,
): Pick<Explanation, 'known' | 'entry' | 'roles' | 'rules'> {
  if (entry === undefined || entry === unreadable) {
    return { known: entry !== undefined, entry: null, roles: [], rules: [] };
  }
  return {
    known: true,
    entry: entryFacts(entry),
    roles: entry.rights.roles.map((role) => ({ role, defined: roles.has(role) })),
    rules: rulesInOrder(entry.rights, roles, nowMs),
  };
}

/** The patterns that may decide for a name, from the most specific; a `*.name` is looked for as it is. */
function candidatesOf(pattern: ClientPattern): ClientPattern[] {
  if (pattern.below || isServersName(pattern.name)) return [pattern];
  const candidates = [pattern];
  for (let above = pattern.name.parent(); above.labelCount > 0; above = above.parent()) {
    candidates.push({ name: above, below: true });
  }
  return candidates;
}

/** The explanation for people. */
export function explanationInWords(facts: Explanation, target: Target): string {
  return [...whichEntry(facts, target), ...rights(facts)].join('\n');
}

function whichEntry(facts: Explanation, target: Target): string[] {
  const { name, tried, entry } = facts;
  const list = printableText(facts.list);
  if (target.kind === 'role')
    return [entry ? `the role ${target.word} of ${list}` : `${list} defines no role ${target.word}`];
  if (target.kind === 'anonymous') {
    return [
      entry
        ? `clients without identity, by ${list}`
        : `${list} says nothing of anonymous: they may do nothing`,
    ];
  }
  const decides = tried.find(({ found }) => found)?.pattern;
  const line = typeof entry?.['line'] === 'number' ? ` (line ${String(entry['line'])})` : '';
  const looked = tried.map(({ pattern }) => pattern).join(', ');
  const servers = isServersName(target.pattern.name)
    ? 'It is the name of a server’s TLSA records, for which no *.name counts.'
    : undefined;
  if (decides === undefined && target.pattern.below) {
    // Entries above may decide for the names below it: no single one can be told.
    return [
      `${name} has no entry in ${list}; ask for a name below it, to see which entry decides for that: danced access show x${name.slice(1)}`,
    ];
  }
  if (decides === undefined) {
    return [
      `${name} is not in ${list}: it is turned away, and the DNS is not asked`,
      `looked for: ${looked}`,
      ...(servers === undefined ? [] : [servers]),
    ];
  }
  const others = tried
    .filter(({ pattern, found }) => found && pattern !== decides)
    .map(({ pattern }) => pattern);
  return [
    decides === name
      ? `${name} has an entry of its own in ${list}${line}`
      : `${decides} decides for ${name}, in ${list}${line}`,
    ...(decides === name
      ? []
      : [
          `looked for before it: ${tried
            .slice(
              0,
              tried.findIndex(({ found }) => found),
            )
            .map(({ pattern }) => pattern)
            .join(', ')}`,
        ]),
    ...(others.length === 0
      ? []
      : [`${others.join(', ')} would fit too, and does not count: the most specific entry alone decides`]),
  ];
}

function rights({ entry, roles, rules, unreadable: isUnreadable }: Explanation): string[] {
  if (isUnreadable) return ['This entry cannot be read, so that gates deny everything.'];
  if (entry === null) return [];
  const undefinedRoles = roles.filter(({ defined }) => !defined).map(({ role }) => role);
  return [
    ...(typeof entry['comment'] === 'string' ? [`comment: ${printableText(entry['comment'])}`] : []),
    ...(roles.length === 0 ? [] : [`roles: ${roles.map(({ role }) => role).join(', ')}`]),
    ...(undefinedRoles.length === 0
      ? []
      : [`not defined in this list, so words for plugins and logs alone: ${undefinedRoles.join(', ')}`]),
    ...(rules.length === 0
      ? ['It may do nothing.']
      : [
          'The first of these that fits a request decides, and what none fits is denied:',
          formatTable(rules.map(ruleRow)),
        ]),
  ];
}

function ruleRow({ rule, when, written }: RuleFacts): string[] {
  const { action, zones, names, types, comment, 'not-before': from, 'not-after': until, ...rest } = written;
  const isEvery = zones === undefined || (Array.isArray(zones) && zones.includes('*'));
  const limits = Object.entries(rest).map(([key, value]) => `${key} ${String(value)}`);
  const times = [
    ...(from === undefined ? [] : [`from ${from as string}`]),
    ...(until === undefined ? [] : [`until ${until as string}`]),
  ];
  const whenWords = { now: 'in force', 'not-yet': 'not in force yet', over: 'over' }[when];
  return [
    `  ${rule}`,
    `${String(action)} ${isEvery ? 'every zone' : someInWords(zones as readonly string[])}`,
    [...recordsInWords(names, types), ...limits].join(', '),
    times.length === 0 ? whenWords : `${whenWords} (${times.join(' ')})`,
    typeof comment === 'string' ? `# ${comment}` : '',
  ];
}

/** Zones, names and types that are named; the rest are counted. */
const namedOnes = 8;

function someInWords(texts: readonly string[]): string {
  const more = texts.length - namedOnes;
  return texts.slice(0, namedOnes).join(', ') + (more > 0 ? ` and ${String(more)} more` : '');
}

/** Which records of an update: `names a.example.com`, `types A, AAAA`. */
function recordsInWords(names: unknown, types: unknown): string[] {
  return [
    ...(names === undefined ? [] : [`names ${someInWords(names as readonly string[])}`]),
    ...(types === undefined ? [] : [`types ${someInWords(types as readonly string[])}`]),
  ];
}
