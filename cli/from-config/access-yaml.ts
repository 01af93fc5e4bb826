/** The planned entries as an access list, version 1, in the form of one client after the other (core/acl/list-file.ts). */
import { printableText } from '../../core/observe/printable.ts';
import type { Plan, PlannedRule } from './plan.ts';

/** Most zones of one rule (core/acl/schema.ts). */
const maxZones = 100_000;
/** Longest list that stays on a line, in characters. */
const lineLength = 90;

/** @param title what stands in the first line, after `#` */
export function accessYaml({ roles, clients }: Plan, title: string): string {
  const lines = [`# ${printableText(title)}`, 'version: 1'];
  if (roles.size > 0) lines.push('roles:');
  for (const [word, rules] of roles) {
    lines.push(`  ${word}:`);
    for (const line of allowLines(rules)) lines.push(line);
  }
  if (clients.length === 0) lines.push('clients: {}');
  else lines.push('clients:');
  for (const { name, role, allow, comment } of clients) {
    lines.push(`  ${scalar(name)}:`);
    if (role === undefined) for (const line of allowLines(allow)) lines.push(line);
    else lines.push(`    roles: [${role}]`);
    lines.push(`    comment: ${JSON.stringify(comment)}`);
  }
  return lines.join('\n');
}

function allowLines(rules: readonly PlannedRule[]): string[] {
  return ['    allow:', ...rules.flatMap(ruleLines)];
}

function ruleLines({ action, zones, names, types }: PlannedRule): string[] {
  const lines: string[] = [];
  for (let at = 0; at < zones.length; at += maxZones) {
    lines.push(
      `      - action: ${action}`,
      ...listLines('zones', zones.slice(at, at + maxZones).map(scalar)),
    );
    if (names !== undefined) lines.push(...listLines('names', names.map(scalar)));
    if (types !== undefined) lines.push(`        types: [${types.join(', ')}]`);
  }
  return lines;
}

function listLines(key: string, words: readonly string[]): string[] {
  const all = words.length > 10 ? '' : words.join(', ');
  if (all !== '' && all.length <= lineLength) return [`        ${key}: [${all}]`];
  return [`        ${key}:`, ...words.map((word) => `          - ${word}`)];
}

/** Without quotes only what is a string to every reader of YAML: a name that looks like no number. */
function scalar(text: string): string {
  const isPlain = /^[a-z_][\w-]*(\.[\w-]+)+$/i.test(text) || /^\d[\w.-]*\.arpa$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
