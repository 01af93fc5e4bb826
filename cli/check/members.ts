/**
 * Checks that the access list and the resolver gates (plugins/dot-resolver/gate) speak of the same views and roles: a rule
 * whose view no gate has makes all its members' questions fail, and the limits of a role that nobody has bound nothing.
 *
 * Limitations: for an access list in a file; one in Redis is not gone through.
 */
import type { AccessList } from '../../core/acl/access-list.ts';
import { loadAccessList } from '../../core/acl/list-file.ts';
import type { AllowRule } from '../../core/acl/model.ts';
import { ConfigError } from '../../core/config/errors.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import type { DotGateConfig } from '../../plugins/dot-resolver/gate/config.ts';
import { dotGate } from '../../plugins/dot-resolver/gate/gate.ts';
import { FindingsAt, findingOf, type Finding } from './finding.ts';

/** Of a list with the same mistake in each entry. */
const shownMistakes = 20;

/** Nothing where there is no resolver gate, or no list that can be read: `checkAccess` says why. */
export function checkMembers({ config, document }: LoadedConfig): Finding[] {
  const gates = config.plugins.filter(({ use }) => use === dotGate.name);
  if (gates.length === 0 || config.access?.store !== 'file') return [];
  const { file } = config.access;
  let list: AccessList;
  try {
    list = loadAccessList(file);
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
  const configs = gates.map((gate) => ({ path: gate.path, own: gate.config as DotGateConfig }));
  const views = [...new Set(configs.flatMap(({ own }) => Object.keys(own.views)))];
  const at = new FindingsAt(document, ['access', 'file']);
  const unused = configs.flatMap(({ path, own }) =>
    unusedRoles(list, own).map((role) => {
      const wrong = 'nobody in the access list has this role, so that these limits bound nothing';
      const right = 'correct the word, or take it out';
      return new FindingsAt(document, [...path, 'roles', role]).warning({ wrong, right });
    }),
  );
  return [...unknownViews(list, { file, views, at }), ...unused];
}

interface Where {
  readonly file: string;
  readonly views: readonly string[];
  /** The line that names the file, for what the list keeps no line of. */
  readonly at: FindingsAt;
}

function unknownViews(list: AccessList, { file, views, at }: Where): Finding[] {
  const right = `write one of: ${views.join(', ')}`;
  const wrongIn = (rules: readonly AllowRule[]): string[] =>
    rules.flatMap(({ action, view, label }) =>
      action !== 'resolve' || view === undefined || views.includes(view)
        ? []
        : [`${label}: no resolver gate has a view "${view}", so that whom it is for gets SERVFAIL`],
    );
  const shared = [
    ...[...list.roles.values()].flatMap(({ allow }) => wrongIn(allow)),
    ...wrongIn(list.anonymous?.allow ?? []).map((wrong) => `anonymous: ${wrong}`),
  ];
  const findings = shared.map((wrong) => at.misconfigured({ wrong: `${file}: ${wrong}`, right }));
  for (const { pattern, rights, line = 1 } of list.entries()) {
    for (const wrong of wrongIn(rights.allow)) {
      findings.push(findingOf({ file, line, column: 1, path: ['clients', pattern], wrong, right }));
    }
    if (findings.length >= shownMistakes) break;
  }
  return findings.slice(0, shownMistakes);
}

function unusedRoles(list: AccessList, { roles }: DotGateConfig): string[] {
  const left = new Set(Object.keys(roles));
  for (const role of list.anonymous?.roles ?? []) left.delete(role);
  for (const { rights } of list.entries()) {
    if (left.size === 0) break;
    for (const role of rights.roles) left.delete(role);
  }
  return [...left];
}
