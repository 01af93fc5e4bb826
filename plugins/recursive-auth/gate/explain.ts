/**
 * What a client gets here, in words: its class and what that means, or why it is served as a stranger. For `danced verify`; pure,
 * and by the same decisions as gate.ts.
 *
 * Limitations: rules that speak of zones decide about each name by itself; of them no more is said than that.
 */
import {
  decisionReasons,
  Name,
  presentRate,
  type Allowance,
  type Decision,
  type Explanation,
  type JudgedClient,
} from '../../../core/index.ts';
import { strangersWord, type ClassConfig, type RecursiveAuthGateConfig } from './config.ts';

type Classes = Pick<RecursiveAuthGateConfig, 'classes'>;

/** The class of a client, and why it is that. */
export function explainClass({ classes }: Classes, client: JudgedClient): Explanation {
  const request = { action: 'query', zone: Name.root } as const;
  const decision = client.decide(request);
  if (client.name === undefined) return strangerInWords(classes, decision, []);
  const asStranger = client.decideAnonymous(request);
  const byZone = decision.dependsOnZone === true;
  if (!decision.allowed && !byZone) {
    const why = `${decision.rule ?? decision.entry ?? 'its entry'}: ${decisionReasons[decision.reason]}`;
    if (decision.reason === 'denied') return { ok: false, words: [`everything is refused (${why})`] };
    const mend = decision.reason === 'no-rule' ? '; a class takes a rule { action: query }' : '';
    return strangerInWords(classes, asStranger, [`served as a stranger: ${why}${mend}`]);
  }
  const name = classNameOf(classes, decision);
  const where = byZone ? ', for the names that its rules allow' : '';
  return {
    ok: true,
    words: [
      `class ${name}${where}: ${classInWords(classes.get(name))}`,
      name === strangersWord
        ? noClass(classes, decision)
        : `class ${name}, since that is a role of its entry`,
      ...ruleInWords(decision),
      ...(byZone ? [`its rules speak of zones: what they do not allow is asked for as a stranger`] : []),
    ],
  };
}

function strangerInWords(
  classes: Classes['classes'],
  decision: Decision,
  before: readonly string[],
): Explanation {
  const name = classNameOf(classes, decision);
  if (!decision.allowed && decision.dependsOnZone !== true) {
    const why =
      decision.reason === 'no-entry'
        ? 'the access list has no `anonymous`'
        : decisionReasons[decision.reason];
    return { ok: false, words: [`strangers are refused everything: ${why}`, ...before] };
  }
  const where = decision.dependsOnZone === true ? ', for the names that `anonymous` allows' : '';
  const words = [`class ${name}${where}: ${classInWords(classes.get(name))}`, ...before];
  return { ok: true, words: [...words, ...ruleInWords(decision)] };
}

/** As gate.ts has it: the first class that is a role. */
function classNameOf(classes: Classes['classes'], { roles }: Decision): string {
  return classes.keys().find((name) => name !== strangersWord && roles.includes(name)) ?? strangersWord;
}

function noClass(classes: Classes['classes'], { roles }: Decision): string {
  const known = [...classes.keys()].filter((name) => name !== strangersWord);
  const has = roles.length === 0 ? 'its entry has no roles' : `its roles are ${roles.join(', ')}`;
  const are = known.length === 0 ? 'there is no other class' : `the classes are ${known.join(', ')}`;
  return `no class is a role of its entry: ${has}; ${are}`;
}

function classInWords(of: ClassConfig | undefined): string {
  if (of === undefined) return '';
  const { weight, allowance, total, requestsAtOnce, zones, except, shed } = of;
  return [
    `weight ${String(weight)}`,
    ...(allowance === undefined ? [] : [`${rateInWords(allowance)} for each member`]),
    ...(total === undefined ? [] : [`${rateInWords(total)} for all members together`]),
    ...(requestsAtOnce === undefined ? [] : [`${String(requestsAtOnce)} questions at once for each member`]),
    namesInWords(zones, except),
    `what is too much is ${shed === 'drop' ? 'dropped' : 'refused'}`,
  ].join(', ');
}

function rateInWords({ perSecond, burst }: Allowance): string {
  return `${presentRate(perSecond)} (${String(burst)} at one go)`;
}

/** Names of a list that are told. */
const namesTold = 8;

function namesInWords(zones: readonly Name[] | undefined, except: readonly Name[]): string {
  const below = zones === undefined ? 'every name' : `names at or below ${listed(zones) || 'none'}`;
  return except.length === 0 ? below : `${below} but those at or below ${listed(except)}`;
}

function listed(names: readonly Name[]): string {
  const told = names.slice(0, namesTold).join(' ');
  return names.length > namesTold ? `${told} and ${String(names.length - namesTold)} more` : told;
}

/** The limits of the rule, which count besides those of the class. */
function ruleInWords({ rule, limits }: Decision): string[] {
  if (limits === undefined) return [];
  const { rate, requestsAtOnce } = limits;
  const words = [
    ...(rate === undefined ? [] : [rateInWords(rate)]),
    ...(requestsAtOnce === undefined ? [] : [`${String(requestsAtOnce)} at once`]),
  ];
  return words.length === 0 ? [] : [`its rule (${rule ?? ''}) besides: ${words.join(', ')}`];
}
