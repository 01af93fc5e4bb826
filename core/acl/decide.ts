/**
 * What rules say to a request. Pure; the time is an argument.
 *
 * A deny rule that fits, of the entry or of one of its roles, decides. Else the first allow rule that fits does: those of
 * the entry first, in their order, then those of its roles, in theirs. A rule does not fit outside its time. Of an update each
 * record is judged by itself (decide-update.ts).
 */
import { decideUpdate } from './decide-update.ts';
import type { AccessRequest, AccessRights, AllowRule, Decision, RoleTable, Rule, RuleSet } from './model.ts';
import { isNow } from './rule-time.ts';

/**
 * @param entry pattern of the entry, for the decision
 * @param nowMs milliseconds since the epoch
 */
export function decideByRights(
  rights: AccessRights,
  roles: RoleTable,
  entry: string,
  request: AccessRequest,
  nowMs: number,
): Decision {
  if (request.action === 'update') return decideUpdate(rights, roles, entry, request, nowMs);
  const denied = firstOf(rights, roles, (set) =>
    set.deny.find((rule) => fits(rule, request) && isNow(rule, nowMs)),
  );
  const about = {
    entry,
    roles: rights.roles,
    ...(dependsOnZone(rights, roles, request) && { dependsOnZone: true as const }),
  };
  if (denied !== undefined) return { allowed: false, reason: 'denied', rule: denied.label, ...about };
  const allows = firstOf(rights, roles, (set) =>
    set.allow.find((rule) => fits(rule, request) && isNow(rule, nowMs)),
  );
  if (allows !== undefined) return allowedBy(allows, about);
  const later = firstOf(rights, roles, (set) => set.allow.find((rule) => fits(rule, request)));
  if (later !== undefined) return { allowed: false, reason: 'not-now', rule: later.label, ...about };
  return { allowed: false, reason: 'no-rule', ...about };
}

function allowedBy(
  { label, view, limits }: AllowRule,
  { entry, ...about }: Pick<Decision, 'entry' | 'roles' | 'dependsOnZone'>,
): Decision {
  return { allowed: true, reason: 'allowed', entry: entry ?? '', rule: label, ...about, view, limits };
}

/** Whether the same client could be told otherwise of another name. Transfers are asked for zone by zone anyway. */
function dependsOnZone(rights: AccessRights, roles: RoleTable, { action }: AccessRequest): boolean {
  if (action !== 'resolve' && action !== 'query') return false;
  const hasZones = (rule: Rule): boolean => rule.action === action && rule.zones !== undefined;
  return (
    firstOf(rights, roles, (set) => set.deny.some(hasZones) || set.allow.some(hasZones) || undefined) === true
  );
}

/** What `find` finds first: in the entry itself, or in its roles. */
function firstOf<T>(
  rights: AccessRights,
  roles: RoleTable,
  find: (set: RuleSet) => T | undefined,
): T | undefined {
  const own = find(rights);
  if (own !== undefined) return own;
  for (const role of rights.roles) {
    const set = roles.get(role);
    const found = set === undefined ? undefined : find(set);
    if (found !== undefined) return found;
  }
  return undefined;
}

function fits(rule: Rule, { action, zone }: AccessRequest): boolean {
  return rule.action === action && (rule.zones === undefined || rule.zones.has(zone));
}
