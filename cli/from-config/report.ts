/** The plan in words, and as facts for `--json`. */
import { printableText } from '../../core/observe/printable.ts';
import type { OldConfig, OldKind, Unknown } from './old-config.ts';
import { describeOld, placeWords, someOf } from './origin.ts';
import type { NamelessPeer, Plan, PlannedClient, PlannedRule } from './plan.ts';
import { zoneWords } from './steps.ts';

export const kindTitles: Readonly<Record<OldKind, string>> = { bind: 'BIND', nsd: 'NSD', knot: 'Knot DNS' };

/** Whether nothing is left for the operator to decide or to look at. */
export function isComplete(config: OldConfig, plan: Plan): boolean {
  const shared = plan.clients.filter(({ sharedBy }) => sharedBy.length > 0);
  return [config.open, config.unknown, plan.needsName, plan.unused, shared].every(
    ({ length }) => length === 0,
  );
}

/** What `--json` prints. */
export function planFacts(file: string, config: OldConfig, plan: Plan): unknown {
  const { kind, zones, open, unknown, notes = [], notAboutAccess = 0 } = config;
  const { needsName, secondaries, primary, unused, clients } = plan;
  return {
    file,
    kind,
    zones: zones.length,
    clients: clients.map(({ name, role, allow, comment, isGuessed, sharedBy, from }) => ({
      name,
      roles: role === undefined ? [] : [role],
      allow,
      comment,
      guessed: isGuessed,
      sharedBy,
      from: from.map(({ at, ...old }) => ({ ...old, ...at })),
    })),
    needsName: needsName.map(({ old: { at: _, ...old }, allow, places, pass }) => ({
      ...old,
      allow,
      places,
      pass,
    })),
    secondaries,
    primary,
    open: open.map(({ at, ...rest }) => ({ ...rest, ...at })),
    unknown: unknown.map(flatUnknown),
    notes: notes.map(flatUnknown),
    unused,
    notAboutAccess,
  };
}

/** The report, one line after the other; what must not be overlooked is first. */
export function planInWords(file: string, config: OldConfig, plan: Plan): string[] {
  const { needsName, secondaries, primary, unused, clients } = plan;
  const { unknown, notes = [] } = config;
  return [
    summary(file, config, plan),
    ...section(
      'OPEN TO ANYBODY TODAY. A gate gives nothing to strangers; whoever needs these must get an entry:',
      openLines(config),
    ),
    ...section(
      'These have no name yet. Pass it, or leave them out with --without OLD:',
      needsName.map(namelessLine),
    ),
    ...section(
      'These names come from the names of keys: check them with their operators, or give others with --name:',
      guessedLines(clients),
    ),
    ...section(
      'Not understood, or not to be said in an access list; look at each:',
      unknown.map(unknownLine),
    ),
    ...section('Named on the command line, and not in these files:', unused),
    ...section('For your information:', notes.map(unknownLine)),
    ...secondaries.flatMap(({ name, steps }) =>
      section(`${name} still needs its TLSA record (unless it has one):`, numbered(steps)),
    ),
    ...section('On the primary:', numbered(primary)),
    ...otherActions(clients),
  ].map((line) => printableText(line, maxLine));
}

/** Longest line, in characters. */
const maxLine = 1024;

function summary(file: string, { kind, zones, notAboutAccess = 0 }: OldConfig, plan: Plan): string {
  const { clients, needsName } = plan;
  const counts = [
    count(zones.length, 'zone'),
    `${count(clients.length, 'client')} for the access list`,
    `${String(needsName.length)} without a name`,
    `${count(notAboutAccess, 'statement')} not about access`,
  ];
  return `${file} (${kindTitles[kind]}): ${counts.join(', ')}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function numbered(lines: readonly string[]): string[] {
  return lines.map((line, index) => `${String(index + 1)}. ${line}`);
}

/** Zones that are open in the same way, in one line, with who most likely transfers them today. */
function openLines({ open, notified = [] }: OldConfig): string[] {
  const byWhat = Map.groupBy(open, ({ what }) => what);
  return [...byWhat].map(([what, zones]) => {
    const names = new Set(zones.map(({ zone }) => zone));
    const told = notified.filter((target) => target.zones.some((zone) => names.has(zone)));
    const targets = [...new Set(told.map(({ address }) => address))];
    const more = targets.length === 0 ? '' : `; changes are told to ${someOf(targets)}`;
    return `${someOf([...names])}: ${what} (${someOf(
      zones.map(({ at }) => placeWords(at)),
      3,
    )})${more}`;
  });
}

function namelessLine({ old, allow, places, pass }: NamelessPeer): string {
  return `${describeOld(old)}: ${rulesWords(allow)} (${someOf(places.map(placeWords), 3)}): ${pass}`;
}

function guessedLines(clients: readonly PlannedClient[]): string[] {
  return clients
    .filter(({ isGuessed }) => isGuessed)
    .map(({ name, comment, sharedBy }) => {
      const shared = `; its key is used at ${someOf(sharedBy)}: if these are several machines, name each of them`;
      return `${name}: ${comment}${sharedBy.length > 0 ? shared : ''}`;
    });
}

function rulesWords(allow: readonly PlannedRule[]): string {
  return allow
    .map(({ action, zones, names, types }) => {
      const limits = [
        ...(names === undefined ? [] : [`names ${someOf(names)}`]),
        ...(types === undefined ? [] : [`types ${someOf(types)}`]),
      ];
      return `${action} ${zoneWords(zones)}${limits.length === 0 ? '' : ` (${limits.join(', ')})`}`;
    })
    .join('; ');
}

function unknownLine({ at, statement, why }: Unknown): string {
  return `${placeWords(at)}: ${statement.replace(/;$/, '')}: ${why}`;
}

function flatUnknown({ at, statement, why }: Unknown): unknown {
  return { ...at, statement, why };
}

/** A gate takes these over TLS only, and not by itself; the operator must not think otherwise. */
function otherActions(clients: readonly PlannedClient[]): string[] {
  const others = clients.filter(({ allow }) => allow.some(({ action }) => action !== 'transfer'));
  if (others.length === 0) return [];
  const names = someOf(others.map(({ name }) => name));
  return [
    '',
    `NOTIFY and UPDATE pass xot/gate over TLS, UPDATE with "update: true": as long as ${names} send them in clear they must go to the server itself, as today`,
  ];
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}
