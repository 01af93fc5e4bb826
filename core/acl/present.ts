/**
 * From the model back to what is written: the plain value that stands in a YAML file and, as JSON, in Redis. Reading it gives the
 * same rights again; writing what was read gives the same text, whatever way it was written before.
 */
import { presentTime } from '../config/time.ts';
import { rrTypeName } from '../dns/constants.ts';
import type { AccessRights, AllowRule, Rule, RuleLimits, RuleSet } from './model.ts';
import { presentRate, usualBurst } from './rate.ts';

/** A value of JSON; its keys are in the order in which they are documented. */
export type Written = Readonly<Record<string, unknown>>;

/** An entry, or `anonymous`. */
export function presentRights({ roles, ...rules }: AccessRights): Written {
  // One of the two must be there, and of an entry without rights it says more that nothing is allowed.
  const written = presentRules(rules, roles.length === 0);
  return { ...(roles.length > 0 && { roles }), ...written };
}

export function presentRole(role: RuleSet): Written {
  return presentRules(role, false);
}

function presentRules({ allow, deny, comment }: RuleSet, mustAllow: boolean): Written {
  return {
    ...((mustAllow || allow.length > 0) && { allow: allow.map(presentAllow) }),
    ...(deny.length > 0 && { deny: deny.map(presentRule) }),
    ...(comment !== undefined && { comment }),
  };
}

function presentAllow({ view, limits, ...rule }: AllowRule): Written {
  const { comment, 'not-before': from, 'not-after': until, ...about } = presentRule(rule);
  return withoutNothing({
    ...about,
    view,
    ...(limits && presentLimits(limits)),
    'not-before': from,
    'not-after': until,
    comment,
  });
}

function presentRule({ action, zones, names, types, notBeforeMs, notAfterMs, comment }: Rule): Written {
  return withoutNothing({
    action,
    zones: zones?.texts,
    names: names?.texts,
    types: types?.map(rrTypeName),
    'not-before': notBeforeMs === undefined ? undefined : presentTime(notBeforeMs),
    'not-after': notAfterMs === undefined ? undefined : presentTime(notAfterMs),
    comment,
  });
}

function presentLimits({ rate, requestsAtOnce, transfersAtOnce }: RuleLimits): Written {
  const words = rate && presentRate(rate.perSecond);
  const isUsual = rate?.burst === (rate && usualBurst(rate.perSecond));
  return {
    rate: words,
    burst: isUsual ? undefined : rate?.burst,
    'requests-at-once': requestsAtOnce,
    'transfers-at-once': transfersAtOnce,
  };
}

function withoutNothing(written: Written): Written {
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
}
