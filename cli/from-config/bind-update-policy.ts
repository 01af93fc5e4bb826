/**
 * BIND's update-policy: who may change something of a zone, rule by rule (BIND 9 Administrator Reference Manual, Dynamic
 * Update Policies).
 *
 * Limitations: only a rule for the whole zone (`zonesub`) is an access rule; an access list cannot say "these names only",
 * and more than today must not be given, so everything else is reported.
 */
import type { BindReport } from './bind-report.ts';
import { blockOf, statementWords, wordOf, type Statement } from './bind-tree.ts';
import type { MatchSet } from './match-set.ts';
import { normalName } from './zone-names.ts';

/** Who may update the whole zone. What is not carried over goes into the report. */
export function readUpdatePolicy(statement: Statement, report: BindReport): MatchSet {
  const rules = blockOf(statement)?.statements;
  if (rules === undefined) {
    report.note(
      statement.at,
      statementWords(statement),
      'this machine’s own key, which stays with the primary',
    );
    return [];
  }
  const denies = rules.some(({ parts }) => wordOf(parts[0])?.toLowerCase() !== 'grant');
  return rules.flatMap((rule) => {
    const [, identity = '', kind = '', ...rest] = rule.parts.map((part) => wordOf(part) ?? '');
    const isWhole = kind.toLowerCase() === 'zonesub' && rest.every((type) => type.toLowerCase() === 'any');
    if (identity.toLowerCase() === 'local-ddns') {
      report.note(rule.at, statementWords(rule), 'this machine’s own key, which stays with the primary');
      return [];
    }
    if (denies || !isWhole || identity.includes('*')) {
      const why = denies
        ? hasDeny
        : 'an access list can give a whole zone only: this stays with the primary, by key';
      report.unknown(rule.at, statementWords(rule), why);
      return [];
    }
    return [{ key: normalName(identity), at: rule.at, except: [] }];
  });
}

const hasDeny =
  'what its deny rules leave over cannot be said in an access list: this stays with the primary, by key';
