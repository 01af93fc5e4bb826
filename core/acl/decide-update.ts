/**
 * What rules say to an update (RFC 2136): each of its records is judged by itself, by the first rule that fits its name and
 * type, and one "no" is a "no" to all of it.
 *
 * To delete all records of a name is to delete records of every type: a deny rule for any type fits, and an allow rule for some
 * types does not. A condition says whether something is there, so it takes a rule for its name, of whatever types. Pure.
 */
import { RrType, rrTypeName } from '../dns/constants.ts';
import type {
  AccessRecord,
  AccessRequest,
  AccessRights,
  AllowRule,
  Decision,
  RoleTable,
  Rule,
  RuleSet,
} from './model.ts';
import { isNow } from './rule-time.ts';

export function decideUpdate(
  rights: AccessRights,
  roles: RoleTable,
  entry: string,
  request: AccessRequest,
  nowMs: number,
): Decision {
  const about = { entry, roles: rights.roles };
  const judge = new UpdateJudge(rights, roles, request, nowMs);
  const used = new Set<AllowRule>();
  for (const record of recordsOf(request)) {
    const { reason, rule } = judge.decide(record);
    if (reason !== 'allowed') {
      return { allowed: false, reason, ...(rule && { rule: rule.label }), ...about, ...detailOf(record) };
    }
    used.add(rule);
  }
  const [first, ...others] = used;
  const also = others.map(({ label, limits }) => ({ rule: label, limits }));
  return {
    allowed: true,
    reason: 'allowed',
    entry,
    ...(first && { rule: first.label }),
    roles: rights.roles,
    view: undefined,
    limits: first?.limits,
    ...(also.length > 0 && { also }),
  };
}

/** `some`: any record, so that limits of names and types neither allow nor forbid. `all`: every record there could be. */
type Judged = AccessRecord | 'some' | 'all';

function recordsOf({
  records = 'all',
}: {
  readonly records?: AccessRequest['records'] | 'all';
}): readonly Judged[] {
  if (records === 'all' || records === 'some') return [records];
  // Without records nothing is changed, and nothing but the right to do that is asked for.
  return records.length === 0 ? ['some'] : records;
}

type Verdict =
  | { readonly reason: 'allowed'; readonly rule: AllowRule }
  | { readonly reason: 'denied' | 'not-now' | 'no-rule'; readonly rule: Rule | undefined };

/** The rules that are about this zone: found once, however many records there are. */
class UpdateJudge {
  readonly #deny: readonly Rule[];
  readonly #allow: readonly AllowRule[];
  readonly #allowAtOtherTimes: readonly AllowRule[];

  constructor(rights: AccessRights, roles: RoleTable, { action, zone }: AccessRequest, nowMs: number) {
    const sets: RuleSet[] = [rights, ...rights.roles.flatMap((role) => roles.get(role) ?? [])];
    const isAbout = (rule: Rule): boolean =>
      rule.action === action && (rule.zones === undefined || rule.zones.has(zone));
    const allow = sets.flatMap((set) => set.allow.filter(isAbout));
    this.#deny = sets.flatMap((set) => set.deny.filter((rule) => isAbout(rule) && isNow(rule, nowMs)));
    this.#allow = allow.filter((rule) => isNow(rule, nowMs));
    this.#allowAtOtherTimes = allow.filter((rule) => !isNow(rule, nowMs));
  }

  decide(record: Judged): Verdict {
    const denied = this.#deny.find((rule) => forbids(rule, record));
    if (denied !== undefined) return { reason: 'denied', rule: denied };
    const allows = this.#allow.find((rule) => gives(rule, record));
    if (allows !== undefined) return { reason: 'allowed', rule: allows };
    const later = this.#allowAtOtherTimes.find((rule) => gives(rule, record));
    return later === undefined ? { reason: 'no-rule', rule: undefined } : { reason: 'not-now', rule: later };
  }
}

/** Whether an allow rule is about the whole of it. */
function gives({ names, types }: Rule, record: Judged): boolean {
  if (record === 'some') return true;
  if (record === 'all') return names === undefined && types === undefined;
  const { name, type } = record;
  if (names !== undefined && !names.has(name)) return false;
  // ANY is no type of a rule.
  return types === undefined || type === undefined || types.includes(type);
}

/** Whether a deny rule is about a part of it. */
function forbids({ names, types }: Rule, record: Judged): boolean {
  if (record === 'some') return names === undefined && types === undefined;
  if (record === 'all') return true;
  const { name, type } = record;
  if (names !== undefined && !names.has(name)) return false;
  if (types === undefined || type === RrType.ANY) return true;
  return type !== undefined && types.includes(type);
}

/** Names the record, for the log. */
function detailOf(record: Judged): { readonly detail?: string } {
  if (record === 'some' || record === 'all') return {};
  const { name, type } = record;
  const what = type === undefined ? 'a condition' : type === RrType.ANY ? 'all records' : rrTypeName(type);
  return { detail: `${name.toString()} ${what}` };
}
