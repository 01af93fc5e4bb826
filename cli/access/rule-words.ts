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

/** Zones that are named; the rest are counted. */
const namedZones = 3;

/** Action and zones: `transfer example.com, *.example.net`. */
function aboutWords(rule: Rule): string {
  const written = writtenRule(rule, 'deny')['zones'] as readonly string[] | undefined;
  if (written === undefined) return `${rule.action} every zone`;
  if (written.includes('*')) return `${rule.action} every zone`;
  const more = written.length - namedZones;
  const named = written.slice(0, more === 1 ? namedZones + 1 : namedZones).join(', ');
  return `${rule.action} ${named}${more > 1 ? ` and ${String(more)} more` : ''}`;
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
