/**
 * Which view a client sees here, and by which rule, in words. For `danced verify`; pure, and by the same decision as standing.ts.
 *
 * Limitations: rules that speak of zones decide about each name by itself; of them no more is said than that.
 */
import {
  decisionReasons,
  Name,
  presentRate,
  type Decision,
  type Explanation,
  type JudgedClient,
} from '../../../core/index.ts';
import type { DotGateConfig, Totals } from './config.ts';

type Views = Pick<DotGateConfig, 'views' | 'default-view' | 'roles'>;

export function explainView(config: Views, client: JudgedClient): Explanation {
  const decision = client.decide({ action: 'resolve', zone: Name.root });
  const byZone = decision.dependsOnZone === true;
  if (!decision.allowed) {
    if (byZone)
      return {
        ok: true,
        words: ['the view depends on the name that is asked for: its rules speak of zones'],
      };
    const why = `${decision.rule ?? decision.entry ?? '`anonymous`'}: ${decisionReasons[decision.reason]}`;
    const mend = decision.reason === 'no-rule' ? '; it takes a rule { action: resolve }' : '';
    return { ok: false, words: [`everything is refused (${why}${mend})`] };
  }
  const name = decision.view ?? config['default-view'];
  if (!Object.hasOwn(config.views, name)) {
    const wrong = `its rule (${decision.rule ?? ''}) names the view ${name}, which this gate does not have`;
    return { ok: false, words: [`everything is refused: ${wrong}`] };
  }
  const by = decision.view === undefined ? 'the view of rules that name none' : `rule ${decision.rule ?? ''}`;
  return {
    ok: true,
    words: [
      `view ${name} (${by})${byZone ? ', for the names that its rules allow' : ''}`,
      ...ruleInWords(decision),
      ...totalsInWords(`view ${name}`, config.views[name]?.totals),
      ...decision.roles.flatMap((role) =>
        Object.hasOwn(config.roles, role) ? totalsInWords(`role ${role}`, config.roles[role]) : [],
      ),
    ],
  };
}

function ruleInWords({ rule, limits }: Decision): string[] {
  const { rate, requestsAtOnce } = limits ?? {};
  const words = limitsInWords(rate?.perSecond, rate?.burst, requestsAtOnce);
  return words === '' ? [] : [`its rule (${rule ?? ''}), for this client alone: ${words}`];
}

function totalsInWords(what: string, totals: Totals | undefined): string[] {
  if (totals === undefined) return [];
  const { allowance, requestsAtOnce, class: of } = totals;
  const words = limitsInWords(allowance?.perSecond, allowance?.burst, requestsAtOnce);
  const all = [...(words === '' ? [] : [words]), ...(of === undefined ? [] : [`class ${of}`])];
  return all.length === 0 ? [] : [`${what}, for all of it together: ${all.join(', ')}`];
}

function limitsInWords(
  perSecond: number | undefined,
  burst: number | undefined,
  atOnce: number | undefined,
): string {
  return [
    ...(perSecond === undefined ? [] : [`${presentRate(perSecond)} (${String(burst ?? 0)} at one go)`]),
    ...(atOnce === undefined ? [] : [`${String(atOnce)} at once`]),
  ].join(', ');
}
