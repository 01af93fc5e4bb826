/**
 * An access list as the text of a file (list-file.ts), in one fixed form: the same list gives the same octets, whatever it
 * was read from. It is made piece by piece, so that a list of any length can be written.
 *
 * Roles are sorted by their words; entries stay in the order in which they come (list-order.ts has the usual one).
 */
import { yamlPair } from '../config/yaml-text.ts';
import type { AccessEntry, AccessRights, RoleTable, RuleSet } from './model.ts';
import { presentRights, presentRole } from './present.ts';

export interface WritableList {
  readonly roles: RoleTable;
  readonly anonymous: AccessRights | undefined;
  readonly entries: AsyncIterable<AccessEntry> | Iterable<AccessEntry>;
}

/** Characters that are gathered before a piece is given out. */
const pieceLength = 65_536;

/** The text in pieces. */
export async function* listText({ roles, anonymous, entries }: WritableList): AsyncGenerator<string, void> {
  let text = 'version: 1\n';
  if (roles.size > 0) {
    text += 'roles:\n';
    for (const word of [...roles.keys()].sort()) text += roleText(word, roles.get(word), 2);
  }
  if (anonymous !== undefined) text += yamlPair('anonymous', presentRights(anonymous), 0);
  let isEmpty = true;
  for await (const entry of entries) {
    if (isEmpty) text += 'clients:\n';
    isEmpty = false;
    text += entryText(entry, 2);
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  if (isEmpty) text += 'clients: {}\n';
  yield text;
}

/** One entry as lines, each with its line break. */
export function entryText({ pattern, rights }: AccessEntry, indent: number): string {
  return yamlPair(pattern, presentRights(rights), indent);
}

/** One role as lines. */
export function roleText(word: string, rules: RuleSet | undefined, indent: number): string {
  return yamlPair(word, rules === undefined ? {} : presentRole(rules), indent);
}
