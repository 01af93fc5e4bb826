/**
 * BIND's update-policy: who may change something of a zone, rule by rule (BIND 9 Administrator Reference Manual, Dynamic
 * Update Policies).
 *
 * Limitations: rules whose names depend on the address of the client or on Kerberos are reported, and so is a policy with deny
 * rules, since there the first rule that fits decides.
 */
import { rrTypeFromName } from '../../core/dns/constants.ts';
import type { BindReport } from './bind-report.ts';
import { blockOf, statementWords, wordOf, type Statement } from './bind-tree.ts';
import type { MatchSet } from './match-set.ts';
import type { UpdateRecords } from './old-config.ts';
import { normalName, readOldName } from './zone-names.ts';

/** Who may update which records. */
export interface UpdateGrant {
  readonly set: MatchSet;
  /** Undefined: all of the zone. */
  readonly records: UpdateRecords | undefined;
}

/** Who may update what, by the records that they may update. What is not carried over goes into the report. */
export function readUpdatePolicy(statement: Statement, report: BindReport): UpdateGrant[] {
  const rules = blockOf(statement)?.statements;
  if (rules === undefined) {
    report.note(statement.at, statementWords(statement), ownKey);
    return [];
  }
  const denies = rules.some(({ parts }) => wordOf(parts[0])?.toLowerCase() !== 'grant');
  return rules.flatMap((rule) => {
    const [, identity = '', kind = '', ...rest] = rule.parts.map((part) => wordOf(part) ?? '');
    if (identity.toLowerCase() === 'local-ddns') {
      report.note(rule.at, statementWords(rule), ownKey);
      return [];
    }
    const records =
      denies || identity.includes('*') ? undefined : recordsOf(identity, kind.toLowerCase(), rest);
    if (records === undefined) {
      report.unknown(rule.at, statementWords(rule), denies ? hasDeny : cannotSay);
      return [];
    }
    const { names, types, isWithoutTypes } = records;
    if (isWithoutTypes) report.note(rule.at, statementWords(rule), withoutTypes);
    const limits = { ...(names && { names }), ...(types && { types }) };
    const set = [{ key: normalName(identity), at: rule.at, except: [] }];
    return [{ set, records: Object.keys(limits).length === 0 ? undefined : limits }];
  });
}

const ownKey = 'this machine’s own key, which stays with the primary';
const hasDeny =
  'what its deny rules leave over cannot be said in an access list: this stays with the primary, by key';
const cannotSay =
  'which records these are cannot be said in an access list: this stays with the primary, by key';
const withoutTypes =
  'without types BIND leaves out NS, SOA and RRSIG; the rule here is for every type: add a deny rule { action: update, types: [NS, SOA, RRSIG] } where they must not be changed';

interface RecordsOfRule extends UpdateRecords {
  readonly isWithoutTypes: boolean;
}

/** Undefined for what an access list has no words for. */
function recordsOf(identity: string, kind: string, rest: readonly string[]): RecordsOfRule | undefined {
  // The whole zone needs no name.
  const names = kind === 'zonesub' ? 'all' : namesOf(kind, identity, rest[0] ?? '');
  const types = typesOf(kind === 'zonesub' ? rest : rest.slice(1));
  if (names === undefined || types === undefined) return undefined;
  return {
    ...(names !== 'all' && { names }),
    ...(types !== 'all' && types !== 'usual' && { types }),
    isWithoutTypes: types === 'usual',
  };
}

function namesOf(kind: string, identity: string, written: string): readonly string[] | undefined {
  if (kind === 'wildcard') {
    const suffix = written.startsWith('*.') ? nameOf(written.slice(2)) : undefined;
    return suffix === undefined ? undefined : [`*.${suffix}`];
  }
  const name = nameOf(kind.startsWith('self') ? identity : written);
  if (name === undefined) return undefined;
  if (kind === 'name' || kind === 'self') return [name];
  if (kind === 'subdomain' || kind === 'selfsub') return [name, `*.${name}`];
  return kind === 'selfwild' ? [`*.${name}`] : undefined;
}

function nameOf(text: string): string | undefined {
  const name = readOldName(text);
  return name === undefined || name.labelCount === 0 || text.includes('*') ? undefined : normalName(text);
}

/** `usual`: none are said, and BIND leaves some out. */
function typesOf(words: readonly string[]): readonly string[] | 'all' | 'usual' | undefined {
  if (words.length === 0) return 'usual';
  const types = words.map((word) => word.toUpperCase());
  // NSEC and NSEC3, which BIND leaves out, cannot be changed anyhow.
  if (types.includes('ANY')) return 'all';
  return types.every((type) => rrTypeFromName(type) !== undefined) ? types : undefined;
}
