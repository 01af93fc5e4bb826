/** Rules in words, and as facts for `--json`; and in which order they decide (core/acl/decide.ts). */
import type { AccessEntry, AccessRights, AllowRule, RoleTable, Rule, RuleSet } from '../../core/acl/model.ts';
import { presentRights } from '../../core/acl/present.ts';

/** Whether a rule counts at this time. */
export type RuleTime = 'now' | 'not-yet' | 'over';

/** One rule as it decides. */
export interface RuleFacts {
  /** As decisions name it: `role secondary: allow 2`. */
  readonly rule: string;
  readonly kind: 'allow' | 'deny';
  readonly when: RuleTime;
  /** As in the list. */
  readonly written: Readonly<Record<string, unknown>>;
}

/** All rules of an entry and of its roles: the first that fits a request decides. */
export function rulesInOrder(rights: AccessRights, roles: RoleTable, nowMs: number): RuleFacts[] {
  const sets: RuleSet[] = [rights, ...rights.roles.flatMap((word) => roles.get(word) ?? [])];
  return [
    ...sets.flatMap(({ deny }) => deny.map((rule) => factsOf(rule, 'deny', nowMs))),
    ...sets.flatMap(({ allow }) => allow.map((rule) => factsOf(rule, 'allow', nowMs))),
  ];
}

function factsOf(rule: AllowRule, kind: RuleFacts['kind'], nowMs: number): RuleFacts {
  return { rule: rule.label, kind, when: timeOf(rule, nowMs), written: writtenRule(rule, kind) };
}

function writtenRule(rule: AllowRule, kind: RuleFacts['kind']): Readonly<Record<string, unknown>> {
  const alone = { roles: [], allow: kind === 'allow' ? [rule] : [], deny: kind === 'deny' ? [rule] : [] };
  const rules = presentRights(alone)[kind] as readonly Readonly<Record<string, unknown>>[];
  return rules[0] ?? {};
}

function timeOf({ notBeforeMs, notAfterMs }: Rule, nowMs: number): RuleTime {
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) return 'not-yet';
  return notAfterMs !== undefined && nowMs > notAfterMs ? 'over' : 'now';
}

/** What the entry's own rules say, on one line. */
export function rulesInShort({ allow, deny }: RuleSet): string {
  const words = [
    ...deny.map((rule) => `not ${aboutWords(rule)}`),
    ...allow.map((rule) => aboutWords(rule) + bracketed(limitWords(rule))),
  ];
  return words.join('; ');
}

/** Zones, names and types that are named; the rest are counted. */
const namedZones = 3;

/** Action, zones and records: `transfer example.com, *.example.net`, `update example.com: TXT of a.example.com`. */
function aboutWords(rule: Rule): string {
  const written = writtenRule(rule, 'deny');
  const zones = listOf(written['zones']);
  const about = zones === undefined || zones.includes('*') ? 'every zone' : someOf(zones);
  const records = recordWords(rule);
  return `${rule.action} ${about}${records === '' ? '' : `: ${records}`}`;
}

/** Which records of an update: `A, AAAA of *.dyn.example.com`; empty for every record. */
function recordWords(rule: Rule): string {
  const written = writtenRule(rule, 'deny');
  const [names, types] = [listOf(written['names']), listOf(written['types'])];
  if (names === undefined) return types === undefined ? '' : someOf(types);
  return `${types === undefined ? 'all' : someOf(types)} of ${names.includes('*') ? 'every name' : someOf(names)}`;
}

function listOf(value: unknown): readonly string[] | undefined {
  return value as readonly string[] | undefined;
}

function someOf(texts: readonly string[]): string {
  const more = texts.length - namedZones;
  const named = texts.slice(0, more === 1 ? namedZones + 1 : namedZones).join(', ');
  return `${named}${more > 1 ? ` and ${String(more)} more` : ''}`;
}

/** View and limits: `view internal, 50/s, burst 100`. */
function limitWords(rule: AllowRule): string {
  const written = writtenRule(rule, 'allow');
  const words: string[] = [];
  if (rule.view !== undefined) words.push(`view ${rule.view}`);
  if (written['rate'] !== undefined) words.push(written['rate'] as string);
  if (written['burst'] !== undefined) words.push(`burst ${written['burst'] as string}`);
  const { requestsAtOnce, transfersAtOnce } = rule.limits ?? {};
  if (requestsAtOnce !== undefined) words.push(`${String(requestsAtOnce)} at once`);
  if (transfersAtOnce !== undefined) words.push(`${String(transfersAtOnce)} transfers at once`);
  return words.join(', ');
}

function bracketed(words: string): string {
  return words === '' ? '' : ` (${words})`;
}

/** JSON on one line, without a character that a terminal obeys. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((code) => `\\u${code.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** An entry as a fact: its pattern, where it stands, and what is written there. */
export function entryFacts({ pattern, line, rights }: AccessEntry): Readonly<Record<string, unknown>> {
  return { pattern, ...(line !== undefined && { line }), ...presentRights(rights) };
}
